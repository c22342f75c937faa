package cmdline

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/sledge-io/sledge/internal/terminal"
)

// HelpHint becomes the help of the verb that was called.
const HelpHint = "see the command's --help"

// Report is what a verb has to tell on standard output.
type Report interface {
	Print(w io.Writer)
}

// Answer is the JSON object of a verb's end.
type Answer struct {
	Verb   string   `json:"verb"`
	OK     bool     `json:"ok"`
	Exit   int      `json:"exit"`
	Class  string   `json:"class"`
	Error  string   `json:"error,omitempty"`
	Hints  []string `json:"hints,omitempty"`
	Result Report   `json:"result,omitempty"`
}

// Write writes the object as one line, harmless on a terminal.
func (a Answer) Write(w io.Writer) error {
	e := json.NewEncoder(terminal.JSON{W: w})
	e.SetEscapeHTML(false)
	return e.Encode(a)
}

// WriteLine writes a line of JSON for standard error; what cannot be one is left out.
func WriteLine(w io.Writer, v any) {
	if b, err := json.Marshal(v); err == nil {
		fmt.Fprintf(w, "%s\n", terminal.PlainJSON(b))
	}
}

// WriteError writes an error and its hints for people. The text is the error's, or what
// its reader would say.
func WriteError(w io.Writer, err error, text string, hints []string) {
	for _, line := range errorLines(err, text) {
		fmt.Fprintf(w, "error: %s\n", terminal.Shown(line))
	}
	for _, h := range hints {
		fmt.Fprintf(w, "hint: %s\n", terminal.Escape(h))
	}
}

// errorLines takes gathered errors apart, one a line, and bounds their number.
func errorLines(err error, text string) []string {
	const most = 20
	lines := strings.Split(strings.TrimRight(terminal.NamesShown(err, text), "\n"), "\n")
	if len(lines) > most {
		lines = append(lines[:most:most], fmt.Sprintf("and %d more", len(lines)-most))
	}
	return lines
}
