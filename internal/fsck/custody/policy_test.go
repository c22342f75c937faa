package custody_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/custody/custodytest"
	"github.com/sledge-io/sledge/internal/fsck/custody"
)

// TestPolicy: a policy is met by the cosignatures that it asks for; one that has no one
// meaning is refused.
func TestPolicy(t *testing.T) {
	r := custodytest.New(t)
	r.Day()
	dir := folder(t, r)
	carrier, err := r.Carrier.Vkey()
	r.Must(err)
	desk, err := r.Desk.Vkey()
	r.Must(err)
	base := fmt.Sprintf("# the day's\nlog x\nwitness a %s\nwitness b %s\n", carrier, desk)
	for text, met := range map[string]bool{
		"quorum none\n": true, "quorum a\n": true, "quorum b\n": true, "group g any a b\nquorum g\n": true, "group g 1 a b\nquorum g\n": true,
		"group g all a b\nquorum g\n": false, "group g 2 a b\nquorum g\n": false, "group g any a\ngroup h all g b\nquorum h\n": false,
	} {
		p, err := custody.ParsePolicy([]byte(base + text))
		r.Must(err)
		got, err := custody.Verify(custody.Input{Folder: os.DirFS(dir), Policy: p, Now: r.Now})
		r.Must(err)
		if (got.Refused() == nil) != met {
			t.Errorf("%s: %+v", text, got.Findings)
		}
	}
	for what, text := range map[string]string{
		"a cycle": "group g any h\ngroup h any g\nquorum g\n", "its own member": "group g any g\nquorum g\n", "a key twice": fmt.Sprintf("witness c %s\nquorum c\n", carrier),
		"a name twice": "group a any b\nquorum a\n", "an unknown quorum": "quorum x\n", "no quorum": "", "two": "quorum a\nquorum b\n", "in two groups": "group g any a\ngroup h any a\nquorum g\n",
		"3 of 2": "group g 3 a b\nquorum g\n", "0 of 2": "group g 0 a b\nquorum g\n", "another line": "trust a\nquorum a\n", "no key": "witness c x\nquorum c\n", "none as a name": "group none any a\nquorum none\n",
	} {
		if _, err := custody.ParsePolicy([]byte(base + text)); err == nil {
			t.Errorf("%s is taken", what)
		}
	}
	var many strings.Builder
	for i := range 40 {
		fmt.Fprintf(&many, "group g%d any %s\n", i, map[bool]string{true: "a", false: fmt.Sprintf("g%d", i-1)}[i == 0])
	}
	if _, err := custody.ParsePolicy([]byte(base + many.String() + "quorum g39\n")); err != nil {
		t.Errorf("40 groups: %v", err)
	}
}
