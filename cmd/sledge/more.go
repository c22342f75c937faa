package main

import (
	"fmt"
	"io"
)

// printMore says how many of count names the text leaves out, and where they are.
// --json has those that the report has kept: not all, of very many. list is what has all
// of them even then, if anything has.
func printMore[T int | uint64](w io.Writer, count T, kept int, list string) {
	if count <= shownFindings {
		return
	}
	if uint64(kept) >= uint64(count) {
		fmt.Fprintf(w, "  and %d more; --json names them all\n", count-shownFindings)
		return
	}
	fmt.Fprintf(w, "  and %d more; --json names the first %d%s\n", count-shownFindings, kept, list)
}
