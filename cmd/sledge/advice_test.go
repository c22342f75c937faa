package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance/extract"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target"
)

// TestAdviceFits: what is in the way of an extract is no matter of rules for keys, and what
// the device does not hold is not brought by a repeat.
func TestAdviceFits(t *testing.T) {
	lacks := func(named map[target.Code]uint64) error {
		return importEnd(&importer.Result{Differences: []string{"entries: the scan found 12, the manifest holds 0"}, Named: named}, nil)
	}
	for _, c := range []struct {
		err        error
		code       int
		has, hasNo string
	}{
		{fmt.Errorf("%w: %w", extract.ErrInTheWay, extract.ErrSomeFailed), exitConflict, "another folder", "--rules"},
		{errConflict, exitConflict, "--rules", "another folder"},
		{lacks(nil), exitObjects, "ask its sender", "tries them again"},
		{lacks(map[target.Code]uint64{target.CodePageLost: 1}), exitObjects, "", "ask its sender"},
		{errors.Join(errObjects), exitObjects, "tries them again", "ask its sender"},
	} {
		code, hints := diagnose(c.err)
		if all := strings.Join(hints, "\n"); code != c.code || !strings.Contains(all, c.has) || strings.Contains(all, c.hasNo) {
			t.Errorf("%v: exit %d, hints %q", c.err, code, hints)
		}
	}
}

// TestCanceledMarker: a cancel says of the commit marker what it knows, also that it did not
// look for one.
func TestCanceledMarker(t *testing.T) {
	for want, r := range map[string]cancelReport{
		"not any more: p/_C was deleted first": {Marker: "p/_C", MarkerAsked: "p/_C", MarkerDeleted: true},
		"p/_C stays":                           {Marker: "p/_C", MarkerAsked: "p/_C"},
		"not by p/_D":                          {MarkerAsked: "p/_D"},
		"not looked at":                        {},
	} {
		r.Canceled = &importer.Canceled{Recorded: true}
		var out bytes.Buffer
		r.Print(&out)
		if n := strings.Count(out.String(), "committed "); n != 1 || !strings.Contains(out.String(), "committed   "+want) {
			t.Errorf("%s: %s", want, out.String())
		}
	}
}
