package scan

import (
	"testing"

	"github.com/sledge-io/sledge/internal/testlimit"
	"github.com/sledge-io/sledge/manifest"
)

func FuzzItem(f *testing.F) {
	f.Add((&Item{Path: "a/b", Kind: manifest.KindFile, Size: 5, Mtime: -1, Ctime: 2, Ino: 3, Group: 4, LinkTo: "c"}).Encode())
	f.Add((&Item{Path: "a", Kind: manifest.KindSkipped, Reason: "vanished", Detail: "x"}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		it, err := DecodeItem(b)
		if err != nil {
			return
		}
		again, err := DecodeItem(it.Encode())
		if err != nil || *again != *it {
			t.Errorf("%+v comes back as %+v, %v", it, again, err)
		}
	})
}
