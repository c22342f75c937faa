package statefolder

import (
	"fmt"
	"io"
	"strings"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/internal/terminal"
)

// printCancel tells how far the cancel of a run is, or how its last one has ended. A cancel of an
// older sledge tells nothing of that.
func (r *Status) printCancel(w io.Writer) {
	c := r.Cancel
	if c == nil || r.State != request.StateCanceled {
		return
	}
	since := c.Started.Local().Format("2006-01-02 15:04:05")
	switch {
	case r.Canceling:
		fmt.Fprintf(w, "canceling   at work since %s; so far: %s\n", since, r.canceledSoFar())
	case c.Ended:
		fmt.Fprintf(w, "cancel      of %s has ended: %s\n", since, r.canceledSoFar())
	default:
		fmt.Fprintf(w, "cancel      of %s has ended without a word, or hangs, after %s. Start the same sledge import cancel again\n", since, r.canceledSoFar())
	}
}

// canceledSoFar is what it has done. What was found otherwise than the run had left it is named
// where there is any.
func (r *Status) canceledSoFar() string {
	c := r.Cancel
	done := []string{terminal.Plural(c.Aborted, "upload") + " given up"}
	if c.Deletes {
		done = append(done, terminal.Plural(c.Deleted, "object")+" deleted")
	} else {
		done = append(done, terminal.Plural(c.Left, "object")+" looked at, which stay")
	}
	for _, one := range []struct {
		n    uint64
		what string
	}{{c.Changed, "not what the run stored"}, {c.Gone, "not there any more"}, {c.Failed, "could not be looked at or deleted"}} {
		if one.n > 0 {
			done = append(done, fmt.Sprintf("%d %s", one.n, one.what))
		}
	}
	return strings.Join(done, ", ")
}
