package lint

import (
	"bytes"
	"fmt"
	"go/doc"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// RoomsPage is the page with the table of packages, between the two markers.
const (
	RoomsPage  = "docs/architecture.md"
	roomsBegin = "<!-- rooms: from here on by make rooms -->\n"
	roomsEnd   = "<!-- rooms: to here -->\n"
)

// maxPackage bounds a package that docs/decisions.md says nothing of.
const maxPackage = 2500

// A Room is one package of ours as the page tells it.
type Room struct {
	Dir   string
	Lines int    // outside tests
	Ours  string // what it may import of ours, by the tables of arrows.go
	Doc   string // first sentence of its comment up to a colon, without its first two words
}

// Rooms returns the packages of the tree by their folders.
func Rooms(tree *Tree) []Room {
	byDir := map[string]*Room{}
	name := map[string]string{}
	for _, file := range tree.Files {
		room := byDir[file.Dir()]
		if room == nil {
			room = &Room{Dir: file.Dir()}
			byDir[file.Dir()] = room
		}
		if file.Test() {
			continue
		}
		name[room.Dir] = file.Name
		room.Lines += file.Lines
		if file.Doc != "" {
			first := new(doc.Package).Synopsis(file.Doc)
			for _, kind := range []string{"Package ", "Command "} {
				first = strings.TrimPrefix(first, kind+path.Base(room.Dir)+" ")
			}
			first, _, _ = strings.Cut(first+" ", ": ")
			room.Doc = strings.TrimRight(first, ". ")
		}
	}
	var libraries []string // what can be imported at all
	for _, dir := range sortedKeys(byDir) {
		if name[dir] != "main" {
			libraries = append(libraries, dir)
		}
	}
	var rooms []Room
	for _, dir := range sortedKeys(byDir) {
		byDir[dir].Ours = tree.mayImport(dir, libraries)
		rooms = append(rooms, *byDir[dir])
	}
	return rooms
}

// mayImport lists in short which of the libraries the arrows, readers and gates let
// the package in dir import.
func (t *Tree) mayImport(dir string, libraries []string) string {
	others := slices.DeleteFunc(slices.Clone(libraries), func(lib string) bool { return lib == dir })
	var allowed []string
	for _, lib := range others {
		banned := slices.ContainsFunc(readers, func(r Reader) bool {
			return matches(r.From, dir) && !matches(r.From, lib) && matchesAny(r.Not, lib)
		})
		if !banned && refused(t, File{Path: dir + "/x.go"}, t.Module+"/"+lib, arrows, gates) == "" {
			allowed = append(allowed, lib)
		}
	}
	if len(allowed) == 0 {
		return "nothing"
	}
	return strings.Join(patterns("", others, allowed), ", ")
}

// patterns writes those names of all below prefix that are allowed in short: one pattern
// for a whole subtree, or for one with few exceptions.
func patterns(prefix string, all, allowed []string) (short []string) {
	in := func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !matches(path.Join(prefix, "..."), n) })
	}
	all, allowed = in(all), in(allowed)
	banned := slices.DeleteFunc(slices.Clone(all), func(n string) bool { return slices.Contains(allowed, n) })
	label := "`" + path.Join(prefix, "...") + "`"
	if prefix == "" {
		label = "anything"
	}
	switch {
	case len(allowed) == 0:
		return nil
	case len(all) == 1:
		return []string{"`" + all[0] + "`"}
	case len(banned) == 0:
		return []string{label}
	case len(banned) <= 3 && len(allowed) > 2*len(banned):
		return []string{label + " without `" + strings.Join(banned, "` and `") + "`"}
	}
	children := map[string]bool{}
	for _, name := range allowed {
		if name == prefix {
			short = append(short, "`"+name+"`")
			continue
		}
		first, _, _ := strings.Cut(strings.TrimPrefix(strings.TrimPrefix(name, prefix), "/"), "/")
		children[path.Join(prefix, first)] = true
	}
	for _, child := range sortedKeys(children) {
		short = append(short, patterns(child, all, allowed)...)
	}
	return short
}

// RoomsTable is the table as the page has it.
func RoomsTable(tree *Tree) string {
	var b strings.Builder
	b.WriteString("| package | lines | may import of ours | what it is for |\n|---|---|---|---|\n")
	for _, r := range Rooms(tree) {
		fmt.Fprintf(&b, "| `%s` | %d | %s | %s |\n", r.Dir, r.Lines, r.Ours, strings.ReplaceAll(r.Doc, "|", `\|`))
	}
	return b.String()
}

// WithRooms returns the page with the table of the tree between its markers.
func WithRooms(page []byte, tree *Tree) ([]byte, error) {
	before, rest, begun := bytes.Cut(page, []byte(roomsBegin))
	_, after, ended := bytes.Cut(rest, []byte(roomsEnd))
	if !begun || !ended {
		return nil, fmt.Errorf("%s: no lines %q and %q", RoomsPage, roomsBegin, roomsEnd)
	}
	return slices.Concat(before, []byte(roomsBegin+"\n"+RoomsTable(tree)+"\n"+roomsEnd), after), nil
}

// StaleRooms names the rows of the page that do not say what the tree is. Lines may
// differ by a tenth or by 100, so that a change need not touch the page.
func StaleRooms(page []byte, tree *Tree) (findings []string) {
	want, err := WithRooms(page, tree)
	if err != nil {
		return []string{err.Error()}
	}
	told, truly := rows(page), rows(want)
	for _, dir := range sortedKeys(truly) {
		got, is, differs := told[dir], truly[dir], ""
		switch {
		case got == nil:
			differs = "has no row"
		case got[2] != is[2]:
			differs = fmt.Sprintf("may import %s, not %s", is[2], got[2])
		case got[3] != is[3] || is[3] == "":
			differs = fmt.Sprintf("%s, and not %s", is[3], got[3])
		case !near(got[1], is[1]):
			differs = fmt.Sprintf("has %s lines, not %s", is[1], got[1])
		default:
			continue
		}
		findings = append(findings, fmt.Sprintf("%s: package %s %s: run make rooms", RoomsPage, dir, differs))
	}
	for _, dir := range sortedKeys(told) {
		if truly[dir] == nil {
			findings = append(findings, fmt.Sprintf("%s: there is no package %s: run make rooms", RoomsPage, dir))
		}
	}
	return findings
}

// rows are the cells of the page's rows between the markers, by package.
func rows(page []byte) map[string][]string {
	_, rest, _ := bytes.Cut(page, []byte(roomsBegin))
	table, _, _ := bytes.Cut(rest, []byte(roomsEnd))
	all := map[string][]string{}
	for line := range strings.Lines(string(table)) {
		if row := cells(strings.TrimSpace(line)); len(row) == 4 && strings.HasPrefix(row[0], "`") {
			all[strings.Trim(row[0], "`")] = row
		}
	}
	return all
}

func near(told, is string) bool {
	a, errA := strconv.Atoi(told)
	b, errB := strconv.Atoi(is)
	return errA == nil && errB == nil && max(a-b, b-a) <= max(100, b/10)
}

// ends are programs: nothing imports them, and they may import anything.
var ends = []string{"bench", "cmd/...", "e2e", "internal/demo"}

// Unlisted names the packages that no arrow binds.
func Unlisted(tree *Tree) (findings []string) {
	for _, room := range Rooms(tree) {
		bound := slices.ContainsFunc(arrows, func(a Arrow) bool { return matches(a.From, room.Dir) })
		if !bound && !matchesAny(ends, room.Dir) {
			findings = append(findings, room.Dir+": no arrow says what it may import (internal/lint/arrows.go)")
		}
	}
	return findings
}

var divided = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// LargeRooms names the packages of more than 2,500 lines of which the decisions, as
// a row of a table below the heading that names that bound, say nothing, and the rows of
// packages that are far below it.
func LargeRooms(decisions []byte, tree *Tree) (findings []string) {
	_, entry, _ := bytes.Cut(decisions, []byte("packages over 2,500 lines\n"))
	entry, _, _ = bytes.Cut(entry, []byte("\n## "))
	said := map[string]bool{}
	for _, row := range divided.FindAllSubmatch(entry, -1) {
		said[string(row[1])] = true
	}
	for _, room := range Rooms(tree) {
		switch {
		case room.Lines > maxPackage && !said[room.Dir]:
			findings = append(findings, fmt.Sprintf("%s: %d lines, and docs/decisions.md does not say why", room.Dir, room.Lines))
		case room.Lines < maxPackage*9/10 && said[room.Dir]:
			findings = append(findings, fmt.Sprintf("%s: %d lines need no row in docs/decisions.md", room.Dir, room.Lines))
		}
		delete(said, room.Dir)
	}
	for _, dir := range sortedKeys(said) {
		findings = append(findings, fmt.Sprintf("docs/decisions.md: there is no package %s", dir))
	}
	return findings
}
