package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/internal/lint"
)

// TestDocumentedCommands: every command line of the documents and of the help's examples
// names verbs, flags and arguments that there are.
func TestDocumentedCommands(t *testing.T) {
	lines, err := lint.CodeLines("../..")
	if err != nil {
		t.Fatal(err)
	}
	root, seen := (&app{}).root(), 0
	for _, line := range lines {
		text, prompt := strings.CutPrefix(line.Text, "$ ")
		switch {
		case line.Kind == "console" && !prompt: // what a command has printed
			continue
		case line.Page == "docs/format.md": // contexts of signatures, such as "sledge label 1"
			continue
		}
		if err := checkFlag(root, line); err != nil {
			t.Errorf("%s:%d: %s: %v", line.Page, line.Line, text, err)
		}
		for _, words := range sledgeCommands(text) {
			seen++
			if err := checkCommand(root, words, line.Kind != "span"); err != nil {
				t.Errorf("%s:%d: %s: %v", line.Page, line.Line, text, err)
			}
		}
	}
	if seen < 150 {
		t.Errorf("only %d command lines were found in the documents", seen)
	}
	eachVerb(root, func(c *cobra.Command) {
		for line := range strings.Lines(strings.ReplaceAll(c.Example, "\\\n", " ")) {
			for _, words := range sledgeCommands(line) {
				if err := checkCommand(root, words, true); err != nil {
					t.Errorf("%s --help: %s: %v", c.CommandPath(), strings.TrimSpace(line), err)
				}
			}
		}
	})
}

// TestCheckCommandRefuses: what the test above is there for.
func TestCheckCommandRefuses(t *testing.T) {
	root := (&app{}).root()
	for line, want := range map[string]string{
		"sledge lod DIR":                                "unknown",
		"sledge import ran --site s":                    "unknown",
		"sledge load DIR --forse":                       "--forse",
		"sledge load DIR --as":                          "needs an argument",
		"sledge load":                                   "DIR is missing",
		"sledge lock now":                               "too much",
		"sledge list -x":                                "-x",
		"sledge rebuild --replace /mnt/new --bay seven": "--bay",
		"X=1 sledge load 'my data' --as 'a b' 2>log":    "",
		"sledge import run … --run-id NEW":              "",
		"a | sledge extract DIR --recovery - && sledge receive --label l": "",
		"the sledge that nobody runs":                                     "",
	} {
		got := ""
		for _, words := range sledgeCommands(line) {
			if err := checkCommand(root, words, true); err != nil {
				got = err.Error()
			}
		}
		if (got == "") != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

// sledgeCommands finds the calls of sledge in a line for the shell, cut into words.
func sledgeCommands(line string) (calls [][]string) {
	for _, words := range shellWords(line) {
		for len(words) > 0 && (strings.Contains(words[0], "=") || slices.Contains([]string{"until", "while", "if", "do", "nohup"}, words[0])) {
			words = words[1:]
		}
		if len(words) > 1 && words[0] == "sledge" {
			calls = append(calls, words[1:])
		}
	}
	return calls
}

// shellWords cuts a line into commands and these into words, as a shell does, without
// what follows a redirection.
func shellWords(line string) (commands [][]string) {
	var words []string
	word, open, quote := "", false, rune(0)
	end := func() {
		if open {
			words = append(words, word)
		}
		word, open = "", false
	}
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote != 0:
			word += string(r)
		case r == '\'' || r == '"':
			quote, open = r, true
		case r == ' ' || r == '\t' || r == '\n':
			end()
		case r == '#' && !open:
			return append(commands, words)
		case strings.ContainsRune("|;&()", r):
			end()
			commands, words = append(commands, words), nil
		case r == '<' || r == '>':
			if open && strings.Trim(word, "0123456789") != "" {
				end()
			}
			word, open = "", false
			commands, words = append(commands, words), nil
		default:
			word, open = word+string(r), true
		}
	}
	end()
	return append(commands, words)
}

// checkCommand looks for the verb and the flags of a command line. In one that is whole
// the values of flags and the number of arguments count, too; one with "…" is not.
func checkCommand(root *cobra.Command, words []string, whole bool) error {
	if words[0] == "VERB" || words[0] == "…" {
		return nil
	}
	cmd, rest, err := root.Find(words)
	if err != nil {
		return err
	}
	if cmd.HasSubCommands() && len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		return fmt.Errorf("unknown verb %q of %s", rest[0], cmd.CommandPath())
	}
	cmd.InitDefaultHelpFlag()
	if whole = whole && !slices.ContainsFunc(rest, isGap); whole {
		if err := cmd.ParseFlags(rest); err != nil {
			return err
		}
		return takesArgs(cmd, cmd.Flags().Args())
	}
	args, err := flagsKnown(cmd, rest)
	if e := (*argsError)(nil); err == nil && !slices.ContainsFunc(rest, isGap) {
		if e, _ = takesArgs(cmd, args).(*argsError); e != nil && e.Many {
			return e
		}
	}
	return err
}

// checkFlag looks for the flag that a code span of the pages for operators begins with.
func checkFlag(root *cobra.Command, span lint.CodeLine) (err error) {
	name := bareFlag.FindString(span.Text)
	if span.Kind != "span" || name == "" || slices.Contains(othersFlags, span.Page) {
		return nil
	}
	err = fmt.Errorf("no verb has a flag %s", name)
	eachVerb(root, func(cmd *cobra.Command) {
		if lookup(cmd, func(s *pflag.FlagSet) *pflag.Flag { return s.Lookup(name[2:]) }) != nil {
			err = nil
		}
	})
	return err
}

var (
	bareFlag    = regexp.MustCompile(`^--[a-z][a-z0-9-]*`)
	othersFlags = []string{"docs/performance.md", "docs/testing.md", "docs/decisions.md", "CHANGELOG.md", "CONTRIBUTING.md"}
)

// isGap reports whether a word stands for what was left out.
func isGap(word string) bool { return word == "…" || word == "..." }

// flagsKnown returns the words that are neither flags nor their values.
func flagsKnown(cmd *cobra.Command, words []string) (args []string, err error) {
	for i := 0; i < len(words); i++ {
		name, _, given := strings.Cut(words[i], "=")
		var flag *pflag.Flag
		switch {
		case name == "-" || !strings.HasPrefix(name, "-"):
			args = append(args, words[i])
			continue
		case strings.HasPrefix(name, "--"):
			flag = lookup(cmd, func(s *pflag.FlagSet) *pflag.Flag { return s.Lookup(name[2:]) })
		default:
			flag = lookup(cmd, func(s *pflag.FlagSet) *pflag.Flag { return s.ShorthandLookup(name[1:2]) })
		}
		if flag == nil {
			return nil, fmt.Errorf("%s has no flag %s", cmd.CommandPath(), name)
		}
		if flag.NoOptDefVal == "" && !given {
			i++ // in a text the value may be left out
		}
	}
	return args, nil
}

func lookup(cmd *cobra.Command, in func(*pflag.FlagSet) *pflag.Flag) *pflag.Flag {
	if f := in(cmd.Flags()); f != nil {
		return f
	}
	return in(cmd.InheritedFlags())
}
