package lint

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// A journey is told in at most so many lines of at most so many characters.
const (
	journeysHeading = "## Five journeys"
	journeysCount   = 5
	journeyLines    = 10
	journeyWidth    = 200
)

// funcName matches the code span of a function: its room by the last element of its folder,
// and for a method its type.
var funcName = regexp.MustCompile("`([a-z][a-z0-9]*)((?:\\.[A-Za-z]\\w*){1,2})`")

// Journeys checks the journeys of the page: how many there are, how long each is, that
// each names one function a room and no room twice, and that the functions exist.
func Journeys(root, text string, tree *Tree) (findings []string, err error) {
	_, section, found := strings.Cut(text, journeysHeading+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	all := strings.Split(section, "\n### ")[1:]
	if !found || len(all) != journeysCount {
		findings = append(findings, fmt.Sprintf("%s: %d journeys below %q, not %d", RoomsPage, len(all), journeysHeading, journeysCount))
	}
	declared := map[string]string{}
	for _, journey := range all {
		name, told, _ := strings.Cut(journey, "\n")
		complain := func(format string, args ...any) {
			findings = append(findings, fmt.Sprintf("%s: %s: ", RoomsPage, name)+fmt.Sprintf(format, args...))
		}
		lines := slices.DeleteFunc(strings.Split(told, "\n"), func(l string) bool { return strings.TrimSpace(l) == "" })
		if len(lines) > journeyLines {
			complain("%d lines, more than %d", len(lines), journeyLines)
		}
		for _, line := range lines {
			if n := len([]rune(line)); n > journeyWidth {
				complain("a line of %d characters, more than %d", n, journeyWidth)
			}
		}
		rooms := map[string]bool{}
		for _, m := range funcName.FindAllStringSubmatch(told, -1) {
			room, function := m[1], m[2][1:]
			if rooms[room] {
				complain("names room %s twice", room)
			}
			rooms[room] = true
			ok, err := tree.declares(root, room, function, declared)
			if err != nil {
				return findings, err
			}
			if !ok {
				complain("there is no %s.%s", room, function)
			}
		}
		if len(rooms) < 2 {
			complain("names no functions of rooms")
		}
	}
	return findings, nil
}

// declares reports whether a package whose folder ends in room declares the function, or
// the method of the type, outside its tests. It keeps what it has read of the room.
func (t *Tree) declares(root, room, function string, known map[string]string) (bool, error) {
	if _, read := known[room]; !read {
		for _, file := range t.Files {
			if path.Base(file.Dir()) != room || file.Test() {
				continue
			}
			text, err := os.ReadFile(filepath.Join(root, file.Path))
			if err != nil {
				return false, err
			}
			known[room] += string(text) + "\n"
		}
	}
	typ, method, isMethod := strings.Cut(function, ".")
	declaration := `(?m)^func ` + typ + `[(\[]`
	if isMethod {
		declaration = `(?m)^func \((?:\w+ )?\*?` + typ + `(?:\[[^)]*\])?\) ` + method + `\(`
	}
	return regexp.MatchString(declaration, known[room])
}
