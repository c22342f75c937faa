package terminal

import (
	"fmt"
	"io"
)

// Most is how many lines of one kind a report has; see More.
const Most = 50

// More says how many of count names the text leaves out, and where they are.
// --json has those that the report has kept: not all, of very many. list is what has all
// of them even then, if anything has.
func More[T int | uint64](w io.Writer, count T, kept int, list string) {
	if count <= Most {
		return
	}
	if uint64(kept) >= uint64(count) {
		fmt.Fprintf(w, "  and %d more; --json names them all\n", count-Most)
		return
	}
	fmt.Fprintf(w, "  and %d more; --json names the first %d%s\n", count-Most, kept, list)
}

// PrintIf prints where ok is true: a line of a report that is there only if it has something
// to say. Arguments are evaluated in any case.
func PrintIf(w io.Writer, ok bool, format string, args ...any) {
	if ok {
		fmt.Fprintf(w, format, args...)
	}
}
