package main

import (
	"io"

	"github.com/sledge-io/sledge/internal/terminal"
)

// The command's own short names of what nearly every report says.

func escape(s string) string { return terminal.Escape(s) }

func size(n int64) string { return terminal.Size(n) }

func plural[T int | int64 | uint64](n T, noun string) string { return terminal.Plural(n, noun) }

func shown(text string) string { return terminal.Shown(text) }

func shownName(path string) string { return terminal.ShownName(path) }

func printIf(w io.Writer, ok bool, format string, args ...any) {
	terminal.PrintIf(w, ok, format, args...)
}

type name = terminal.Name

func nameOf(path string) name { return terminal.NameOf(path) }

func namesOf(paths []string) []name { return terminal.NamesOf(paths) }
