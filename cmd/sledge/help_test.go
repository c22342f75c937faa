package main

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/internal/terminal"
)

// TestHelpIsShort: a verb's help is read at once: few words, short sentences, lines that a
// terminal shows whole.
func TestHelpIsShort(t *testing.T) {
	const maxHelp, maxSentence, maxColumns = 125, 30, 90
	longer := map[string]int{"sledge import cancel": 210} // the list only gets shorter
	end := regexp.MustCompile(`[.:]\s|\n\n`)
	eachVerb((&app{}).root(), func(cmd *cobra.Command) {
		if n := len(strings.Fields(cmd.Long)); n > max(maxHelp, longer[cmd.CommandPath()]) {
			t.Errorf("%s: help of %d words", cmd.CommandPath(), n)
		}
		for line := range strings.Lines(cmd.Long) {
			if n := terminal.Columns(line); n > maxColumns && longer[cmd.CommandPath()] == 0 {
				t.Errorf("%s: %d columns: %s", cmd.CommandPath(), n, line)
			}
		}
		for _, sentence := range end.Split(cmd.Long, -1) {
			if n := len(strings.Fields(sentence)); n > maxSentence && longer[cmd.CommandPath()] == 0 {
				t.Errorf("%s: a sentence of %d words: %s", cmd.CommandPath(), n, sentence)
			}
		}
	})
}

// TestHelpBeginsWithExamples: after one line and the usage come the examples; each verb of
// more than a word has some, and the flags are last.
func TestHelpBeginsWithExamples(t *testing.T) {
	eachVerb((&app{}).root(), func(cmd *cobra.Command) {
		if cmd.Long == "" || cmd.Example == "" {
			return
		}
		var out strings.Builder
		cmd.SetOut(&out)
		if err := cmd.Help(); err != nil {
			t.Fatal(err)
		}
		last := -1
		for _, part := range []string{cmd.CommandPath() + ": " + cmd.Short, "\nUsage:\n", "\nExamples:\n" + cmd.Example, "\n" + cmd.Long[:20], "\nGlobal Flags:\n"} {
			at := strings.Index(out.String(), part)
			if at <= last {
				t.Errorf("%s: %q is not where it belongs in:\n%s", cmd.CommandPath(), part, out.String())
			}
			last = at
		}
	})
}
