package main

import (
	"errors"

	"github.com/sledge-io/sledge/appliance/known"
)

// takenHints are both ways on from a path that another source has taken. A source that
// is only at another path now would be stored twice under another name; another one that
// is told as moved is refused before it replaces anything. moved are the paths that were
// named already.
func takenHints(err error, moved []string) []string {
	const other = "load it under a name of its own: --as NAME"
	var e *known.TakenError
	if !errors.As(err, &e) || !e.Moved {
		return []string{other}
	}
	flags := ""
	for _, m := range append(moved[:len(moved):len(moved)], e.From) {
		flags += " --source-moved " + quoted(m)
	}
	return []string{"if it is the same source, at another path now, say so:" + flags + "; what is on the device is not stored again",
		"if it is another one, " + other}
}

// hintTaken gives an error of a load the hints that know what was named already.
func hintTaken(err error, moved []string) error {
	if code, _ := diagnose(err); code != exitSource || !errors.Is(err, known.ErrTaken) || len(moved) == 0 {
		return err
	}
	return &hinted{Err: err, Hints: takenHints(err, moved)}
}
