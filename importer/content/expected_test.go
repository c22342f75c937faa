package content

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/target"
)

// TestCheck: what a store gives back is the source's with every byte, and no more.
func TestCheck(t *testing.T) {
	parts := []string{"first part", "last"}
	x := Expected{Size: 14, PartSize: 10}
	for _, p := range parts {
		x.Parts = append(x.Parts, crypto.SumSHA256([]byte(p)))
	}
	whole := strings.Join(parts, "")
	broken := errors.New("the connection broke")
	for _, c := range []struct {
		name string
		body io.Reader
		want target.Code // "": the same
	}{
		{"the same", strings.NewReader(whole), ""},
		{"a byte more", strings.NewReader(whole + "x"), target.CodeStoredWrong},
		{"a byte less", strings.NewReader(whole[:13]), target.CodeStoredWrong},
		{"nothing", strings.NewReader(""), target.CodeStoredWrong},
		{"another byte in the first part", strings.NewReader("F" + whole[1:]), target.CodeStoredWrong},
		{"another byte in the last part", strings.NewReader(whole[:13] + "T"), target.CodeStoredWrong},
		{"broken in the middle", io.MultiReader(strings.NewReader(whole[:12]), iotest.ErrReader(broken)), target.CodeConnectionLost},
		{"broken after the last byte", io.MultiReader(strings.NewReader(whole), iotest.ErrReader(broken)), target.CodeConnectionLost},
	} {
		err := x.Check(c.body)
		var e *target.Error
		if c.want == "" && err != nil || c.want != "" && (!errors.As(err, &e) || e.Code != c.want) {
			t.Errorf("%s: %v, want code %q", c.name, err, c.want)
		}
	}
}
