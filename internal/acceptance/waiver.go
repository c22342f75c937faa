package acceptance

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/internal/verdict"
)

// kinds of what an acceptance may find unproven. Each is waived by its name.
const (
	KindPath       = "path"       // an entry that failed, met a conflict or was skipped by the loader
	KindDifference = "difference" // source scan, manifest and target do not agree
	KindTarget     = "target"     // the objects are not where the job says
	KindLabel      = "label"      // no label of the device
	KindDevice     = "device"     // no receipts of a device of the job
	KindLeftOut    = "left-out"   // entries of a kind that the importer's own rules left out
)

var kinds = []string{KindPath, KindDifference, KindTarget, KindLabel, KindDevice, KindLeftOut}

// maxUnproven bounds what one acceptance can waive, and so its size and memory.
const maxUnproven = 20000

// Waiver names something that is accepted although it is not proven. Paths are
// exact bytes. One of a list names the very item that was listed; one of a flag
// has a name alone.
type Waiver struct {
	Kind, Name string
	listed     bool
	Device     string
	Outcome    string // with "/" and the error, if there is one; "" if the item has none
}

// Unproven is one thing that nobody has proven.
type Unproven struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Device  string `json:"device,omitempty"`
	Outcome string `json:"outcome,omitempty"`
	Error   string `json:"error,omitempty"`
	Waived  bool   `json:"waived"`
	line    int64  // in objects.list
	Count   int64  `json:"count,omitempty"` // entries of KindLeftOut
}

// Text is the item for a terminal.
func (u *Unproven) Text() string {
	if u.Kind == KindLeftOut {
		return fmt.Sprintf("%s %s: %s without an object, by the importer's own rules (device %s)", u.Kind, terminal.Escape(u.Name), terminal.Plural(u.Count, "entry"), u.Device)
	}
	return verdict.PathText(u.Kind, u.Name, u.Outcome, u.Error)
}

// unprovenLine is the item of a line that is not proven.
func unprovenLine(device string, l *fsck.ObjectLine) *Unproven {
	return &Unproven{Kind: KindPath, Name: string(l.Record.Path), Device: device, Outcome: l.Outcome, Error: l.Error, line: l.Position}
}

// became is the outcome with the error, as a list has it.
func (u *Unproven) became() string {
	if u.Kind == KindLeftOut {
		return strconv.FormatInt(u.Count, 10) // of more entries it is another waiver
	}
	if u.Error == "" {
		return u.Outcome
	}
	return u.Outcome + "/" + url.PathEscape(u.Error) // a code, that is as it is
}

// waiver is the one that a list has for the item.
func (u *Unproven) waiver() Waiver { return Waiver{u.Kind, u.Name, true, u.Device, u.became()} }

// waive marks what the waivers name and gives those that name nothing: a waiver
// that matches nothing is a mistake, and the next one may be one, too. A name
// that is of several devices is refused: each of them is looked at by itself. A
// target is one and the same, whichever devices went there.
func waive(items []*Unproven, waivers []Waiver) (idle []Waiver, err error) {
	listed, named, ofDevice := map[Waiver][]*Unproven{}, map[Waiver][]*Unproven{}, map[Waiver][]*Unproven{}
	for _, u := range items {
		listed[u.waiver()] = append(listed[u.waiver()], u)
		name := Waiver{Kind: u.Kind, Name: u.Name}
		named[name] = append(named[name], u)
		name.Name = u.Device + ":" + u.Name
		ofDevice[name] = append(ofDevice[name], u)
	}
	seen := map[Waiver]bool{}
	for _, w := range waivers {
		found := listed[w]
		if !w.listed {
			if found, err = oneMeaning(w, named[w], ofDevice[w]); err != nil {
				return nil, err
			}
		}
		for _, u := range found {
			u.Waived = true
		}
		if len(found) == 0 && !seen[w] {
			idle = append(idle, w)
		}
		seen[w] = true // name it once
	}
	return idle, nil
}

// oneMeaning gives what a flag's name stands for: items that are called so, or those of the
// device that it begins with. A name that may mean either, or items of several devices, is
// refused.
func oneMeaning(w Waiver, named, ofDevice []*Unproven) ([]*Unproven, error) {
	switch {
	case len(named) > 0 && len(ofDevice) > 0:
		return nil, advice.Hint(advice.Usagef("%s %q is what one is called, and %q of device %s", w.Kind, w.Name, ofDevice[0].Name, ofDevice[0].Device),
			"look at each, then keep the lines of --list FILE that you accept, or say %s:%s for what is called so", named[0].Device, w.Name)
	case len(named) == 0:
		return ofDevice, nil
	}
	for _, u := range named {
		if u.Device != named[0].Device && u.Kind != KindTarget {
			return nil, advice.Hint(advice.Usagef("%s %q is of devices %s and %s", w.Kind, w.Name, named[0].Device, u.Device), "look at each, then say DEVICE:NAME for each that you accept, or keep its line of the list")
		}
	}
	return named, nil
}

// waiverWords are the words of a kind's line in front of the name.
var waiverWords = map[string]int{KindPath: 2, KindDifference: 1, KindTarget: 1, KindLeftOut: 2}

// ParseWaivers reads a file of waivers, a line each: a kind, the device, of a path
// what became of it, of what was left out how many, and the name. A name goes to the end of its line, byte for
// byte, unless it is quoted. A label and a device are named by the device alone.
func ParseWaivers(text []byte) ([]Waiver, error) {
	var waivers []Waiver
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		kind, rest, _ := strings.Cut(line, " ")
		words := strings.SplitN(rest, " ", waiverWords[kind]+1)
		if !slices.Contains(kinds, kind) || len(words) != waiverWords[kind]+1 || slices.Contains(words, "") {
			return nil, advice.Hint(advice.Usagef("waiver %q is none: must be one of %s, the device, of a path what became of it, of what was left out how many, and the name", line, strings.Join(kinds, ", ")),
				"let --list write the file anew: what is not proven may be another thing now")
		}
		name, err := unquoteWaiver(words[len(words)-1])
		if err != nil {
			return nil, advice.Usagef("waiver %q: %w", line, err)
		}
		w := Waiver{Kind: kind, listed: true, Device: words[0], Name: name}
		if waiverWords[kind] == 2 {
			w.Outcome = words[1]
		}
		waivers = append(waivers, w)
	}
	return waivers, nil
}

// quoteWaiver writes a name for a line of a file that a person reads: as it is, or
// as a quoted string with Go's escapes if it holds what cannot be seen, spaces at
// an end, or a quote at its head.
func quoteWaiver(name string) string {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) }
	if utf8.ValidString(name) && !strings.ContainsFunc(name, hidden) && !strings.HasPrefix(name, `"`) && strings.Trim(name, " ") == name {
		return name
	}
	return strconv.Quote(name)
}

// unquoteWaiver takes back what quoteWaiver did.
func unquoteWaiver(text string) (string, error) {
	if !strings.HasPrefix(text, `"`) {
		return text, nil
	}
	name, err := strconv.Unquote(text)
	if err != nil {
		return "", errors.New("a name that begins with a quote must be a quoted string, as --list writes it")
	}
	return name, nil
}

// encodeWaivers writes the items as ParseWaivers reads them, for a person to go
// through and strike out.
func encodeWaivers(items []*Unproven) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# What is not proven. Keep the lines that you accept all the same.\n")
	for _, u := range items {
		name := quoteWaiver(u.Name)
		switch u.Kind {
		case KindPath, KindLeftOut:
			fmt.Fprintf(&b, "%s %s %s %s\n", u.Kind, u.Device, u.became(), name)
		case KindDifference, KindTarget:
			fmt.Fprintf(&b, "%s %s %s\n", u.Kind, u.Device, name)
		default:
			fmt.Fprintf(&b, "%s %s\n", u.Kind, name)
		}
	}
	return []byte(b.String())
}
