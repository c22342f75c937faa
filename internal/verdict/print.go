package verdict

import (
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
)

// Target is where objects stand, with the store's endpoint.
func Target(target, endpoint string) string {
	if endpoint == "" {
		endpoint = "AWS"
	}
	return fmt.Sprintf("%s of %s", terminal.Escape(target), terminal.Escape(endpoint))
}

// PrintEntries counts entries, as run and report do, and names the kinds of those that a policy
// or the importer's rules leave out. A long entry has several lines in the list.
func PrintEntries(w io.Writer, r *fsck.ReceiptReport) {
	PrintOutcomes(w, r.Entries)
	for _, kind := range slices.Sorted(maps.Keys(r.LeftOut)) {
		fmt.Fprintf(w, "left out    %s: %d\n", kind, r.LeftOut[kind])
	}
}

// PrintOutcomes has a line for each outcome, in the order of their names.
func PrintOutcomes(w io.Writer, outcomes map[string]int64) {
	for _, o := range slices.Sorted(maps.Keys(outcomes)) {
		fmt.Fprintf(w, "  %-13s %d\n", o, outcomes[o])
	}
}

// PrintFindings has a line for each of the first [terminal.Most] findings.
func PrintFindings(w io.Writer, findings []fsck.Finding) {
	for i, f := range findings {
		if i == terminal.Most {
			terminal.More(w, len(findings), len(findings), "")
			return
		}
		fmt.Fprintf(w, "  %-10s %s", f.Severity, terminal.Shown(f.Text))
		terminal.PrintIf(w, f.Hint != "", " (%s)", f.Hint)
		fmt.Fprintln(w)
	}
}

// PathText is an entry that is not proven, or was waived, with what became of it.
func PathText(kind, name, outcome, code string) string {
	text := kind + " " + terminal.Escape(name)
	switch {
	case code != "":
		text += fmt.Sprintf(" (%s, %s)", outcome, terminal.Escape(code))
	case outcome != "":
		text += fmt.Sprintf(" (%s)", outcome)
	}
	return text
}
