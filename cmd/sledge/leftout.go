package main

import (
	"fmt"
	"io"

	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/internal/terminal"
)

// leftOut is what the filters of a scan left out.
type leftOut struct {
	Rules        []scan.LeftOut `json:"left_out"`
	LeftOutNames []name         `json:"left_out_paths"`
	MissingNames []name         `json:"listed_missing_paths"`
}

func newLeftOut(r *scan.Report) leftOut {
	l := leftOut{Rules: []scan.LeftOut{}, LeftOutNames: namesOf(r.LeftOutPaths), MissingNames: namesOf(r.MissingPaths)}
	for _, rule := range r.LeftOut {
		rule.Rule = escape(rule.Rule)
		l.Rules = append(l.Rules, rule)
	}
	return l
}

// print says by which filter how much was left out, also that one has left nothing out: it
// may be mistyped.
func (l *leftOut) print(w io.Writer, r *scan.Report) {
	if r.Filters == "" {
		return
	}
	fmt.Fprintf(w, "left out    %s, by the filters %s\n", plural(r.LeftOutCount, "entry"), r.Filters)
	for i, rule := range l.Rules {
		if i == terminal.Most {
			terminal.More(w, uint64(len(l.Rules)), i, "")
			break
		}
		switch {
		case rule.Entries == 0:
			fmt.Fprintf(w, "  nothing by %s\n", shown(rule.Rule))
		case rule.Bytes > 0:
			fmt.Fprintf(w, "  %s (%s) by %s\n", plural(rule.Entries, "entry"), size(rule.Bytes), shown(rule.Rule))
		default:
			fmt.Fprintf(w, "  %s by %s\n", plural(rule.Entries, "entry"), shown(rule.Rule))
		}
	}
	printIf(w, r.Kept > 0, "kept        %s of earlier loads that the filters leave out now: they stay on the device\n", plural(r.Kept, "entry"))
	for i, n := range r.MissingPaths {
		if i == terminal.Most {
			break
		}
		fmt.Fprintf(w, "  listed, and not in the source: %s\n", shownName(n))
	}
	terminal.More(w, r.Missing, len(r.MissingPaths), "")
}
