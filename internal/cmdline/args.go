package cmdline

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/advice"
)

// ArgsError is a number of arguments that a verb does not take.
type ArgsError struct {
	Text string
	Many bool // too many of them, not too few
}

func (e *ArgsError) Error() string { return e.Text }

// TakesArgs holds a verb's arguments against its Use line, which names each: DIR,
// [PREFIX] for one that may be left out, RECEIPTS... for several. The path is the verb as it
// is called.
func TakesArgs(path, use string, args []string) error {
	names := ArgNames(use)
	for i, name := range names {
		optional := strings.HasPrefix(name, "[")
		if i >= len(args) && !optional {
			return &ArgsError{Text: fmt.Sprintf("%s: %s is missing", path, Bare(name))}
		}
	}
	if len(args) <= len(names) || SeveralArgs(names) {
		return nil
	}
	takes := "no arguments"
	if len(names) > 0 {
		takes = strings.Join(names, " ") + " only"
	}
	return &ArgsError{fmt.Sprintf("%s: %q is too much: it takes %s", path, args[len(names)], takes), true}
}

// ArgNames are the words of a Use line that stand for arguments: neither the verb nor
// flags with their values.
func ArgNames(use string) (names []string) {
	words := strings.Fields(use)
	for i := 1; i < len(words); i++ {
		if strings.HasPrefix(words[i], "-") {
			i++
			continue
		}
		names = append(names, words[i])
	}
	return names
}

// SeveralArgs tells whether the last of them may be there several times.
func SeveralArgs(names []string) bool {
	return len(names) > 0 && strings.HasSuffix(strings.Trim(names[len(names)-1], "[]"), "...")
}

// Bare is an argument's name without the marks of the Use line.
func Bare(name string) string { return strings.TrimSuffix(strings.Trim(name, "[]"), "...") }

// EmptyArg refuses an argument that is given and empty: a shell variable without a value must
// not switch off the check that it was meant for.
func EmptyArg(args []string) error {
	if i := slices.Index(args, ""); i >= 0 {
		return hintEmpty(advice.Usagef("argument %d is empty", i+1))
	}
	return nil
}

// EmptyFlag is the error of a flag that was set and says nothing.
func EmptyFlag(name string) error {
	return hintEmpty(advice.Usagef("--%s is given, and its value is empty", name))
}

func hintEmpty(err error) error {
	return advice.Hint(err, "give it a value, or leave it out; in a script: is the variable set?")
}

// NearFlags hints at the flags that an unknown one may stand for: one begins with the other.
// Another error is as it was.
func NearFlags(err error, names []string) error {
	wrong, ok := strings.CutPrefix(err.Error(), "unknown flag: --")
	if !ok || len(wrong) < 3 {
		return err
	}
	var near []string
	for _, name := range names {
		if strings.HasPrefix(name, wrong) || strings.HasPrefix(wrong, name) {
			near = append(near, "--"+name)
		}
	}
	if len(near) == 0 {
		return err
	}
	return advice.Hint(err, "did you mean %s? see the command's --help", strings.Join(near, ", "))
}

// QuotePattern hints at a pattern that the shell has expanded: --disk takes the first
// name, the others look like arguments that are too many.
func QuotePattern(args []string, err error) error {
	var wrong *ArgsError
	if !errors.As(err, &wrong) || !wrong.Many {
		return err
	}
	i := slices.Index(args, "--disk")
	if i < 0 || i+2 >= len(args) || strings.HasPrefix(args[i+2], "-") {
		return err
	}
	if info, e := os.Stat(args[i+2]); e != nil || !info.IsDir() {
		return err
	}
	return advice.Hint(err, "quote the pattern: --disk '/mnt/bay*'")
}
