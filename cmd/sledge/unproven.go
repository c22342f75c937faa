package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sledge-io/sledge/internal/fsck"
)

// Kinds of what an acceptance may find unproven. Each is waived by its name.
const (
	unprovenPath       = "path"       // an entry that failed, met a conflict or was skipped by the loader
	unprovenDifference = "difference" // source scan, manifest and target do not agree
	unprovenLabel      = "label"      // no label of the device
	unprovenDevice     = "device"     // no receipts of a device of the job
)

var unprovenKinds = []string{unprovenPath, unprovenDifference, unprovenLabel, unprovenDevice}

// maxUnproven bounds what one acceptance can waive, and so its size and memory.
const maxUnproven = 20000

// waiver names something that is accepted although it is not proven. Paths are
// exact bytes.
type waiver struct{ Kind, Name string }

// unproven is one thing that nobody has proven.
type unproven struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Device  string `json:"device,omitempty"`
	Outcome string `json:"outcome,omitempty"`
	Error   string `json:"error,omitempty"`
	Waived  bool   `json:"waived"`
	line    int64  // in objects.list
}

// text is the item for a terminal.
func (u *unproven) text() string {
	text := u.Kind + " " + escape(u.Name)
	switch {
	case u.Error != "":
		text += fmt.Sprintf(" (%s, %s)", u.Outcome, escape(u.Error))
	case u.Outcome != "":
		text += fmt.Sprintf(" (%s)", u.Outcome)
	}
	return text
}

// unprovenLine is the item of a line that is not proven.
func unprovenLine(device string, l *fsck.ObjectLine) *unproven {
	return &unproven{Kind: unprovenPath, Name: string(l.Record.Path), Device: device, Outcome: l.Outcome, Error: l.Error, line: l.Position}
}

// waive marks what the waivers name and gives those that name nothing: a waiver
// that matches nothing is a mistake, and the next one may be one, too.
func waive(items []*unproven, waivers []waiver) (idle []waiver) {
	used := map[waiver]bool{}
	for _, w := range waivers {
		used[w] = false
	}
	for _, u := range items {
		w := waiver{u.Kind, u.Name}
		if _, ok := used[w]; ok {
			u.Waived, used[w] = true, true
		}
	}
	for _, w := range waivers {
		if !used[w] {
			idle = append(idle, w)
			used[w] = true // name it once
		}
	}
	return idle
}

// parseWaivers reads a file of waivers: a kind and a name a line. A name goes to
// the end of its line, byte for byte, unless it is quoted.
func parseWaivers(text []byte) ([]waiver, error) {
	var waivers []waiver
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		kind, name, ok := strings.Cut(line, " ")
		if !ok || name == "" || !slices.Contains(unprovenKinds, kind) {
			return nil, usagef("waiver %q is not one of %s and a name", line, strings.Join(unprovenKinds, ", "))
		}
		name, err := unquoteWaiver(name)
		if err != nil {
			return nil, usagef("waiver %q: %w", line, err)
		}
		waivers = append(waivers, waiver{kind, name})
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

// encodeWaivers writes the items as parseWaivers reads them, for a person to go
// through and strike out.
func encodeWaivers(items []*unproven) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# What is not proven. Keep the lines that you accept all the same.\n")
	for _, u := range items {
		fmt.Fprintf(&b, "%s %s\n", u.Kind, quoteWaiver(u.Name))
	}
	return []byte(b.String())
}
