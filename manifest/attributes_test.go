package manifest

import (
	"errors"
	"fmt"
	"testing"
)

// TestAttributesBound: extended attributes of one entry are taken up to their limit and
// refused behind it, before they are all held.
func TestAttributesBound(t *testing.T) {
	for _, over := range []int{0, 1} {
		r := Record{Kind: KindDir, Path: "d"}
		for left, i := MaxAttributes+over, 0; left > 0; i++ {
			name := fmt.Sprintf("user.%04d", i)
			size := min(left, 50000) - len(name)
			r.Xattrs = append(r.Xattrs, Xattr{Name: name, Value: make([]byte, size)})
			left -= size + len(name)
		}
		raw, err := r.Encode()
		if err != nil {
			t.Fatal(err)
		}
		var j Joiner
		var got *Record
		for _, b := range raw {
			if got, err = j.Add(b); err != nil {
				break
			}
		}
		if over == 0 && (err != nil || got == nil || len(got.Xattrs) != len(r.Xattrs)) {
			t.Errorf("at the limit: %v", err)
		}
		if over == 1 && !errors.Is(err, ErrCorrupt) {
			t.Errorf("over the limit: %v", err)
		}
	}
}
