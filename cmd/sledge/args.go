package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// argsError is a number of arguments that a verb does not take.
type argsError struct {
	text string
	many bool // too many of them, not too few
}

func (e *argsError) Error() string { return e.text }

// takesArgs holds a verb's arguments against its Use line, which names each: DIR,
// [PREFIX] for one that may be left out, RECEIPTS... for several.
func takesArgs(cmd *cobra.Command, args []string) error {
	names := argNames(cmd.Use)
	for i, name := range names {
		optional := strings.HasPrefix(name, "[")
		if i >= len(args) && !optional {
			return &argsError{text: fmt.Sprintf("%s: %s is missing", cmd.CommandPath(), bare(name))}
		}
	}
	if len(args) <= len(names) || severalArgs(names) {
		return nil
	}
	takes := "no arguments"
	if len(names) > 0 {
		takes = strings.Join(names, " ") + " only"
	}
	return &argsError{fmt.Sprintf("%s: %q is too much: it takes %s", cmd.CommandPath(), args[len(names)], takes), true}
}

// argNames are the words of a Use line that stand for arguments: neither the verb nor
// flags with their values.
func argNames(use string) (names []string) {
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

func severalArgs(names []string) bool {
	return len(names) > 0 && strings.HasSuffix(strings.Trim(names[len(names)-1], "[]"), "...")
}

// bare is an argument's name without the marks of the Use line.
func bare(name string) string { return strings.TrimSuffix(strings.Trim(name, "[]"), "...") }
