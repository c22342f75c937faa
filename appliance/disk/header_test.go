package disk

import (
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/testlimit"
	"github.com/sledge-io/sledge/manifest"
)

func FuzzHeader(f *testing.F) {
	h := Header{Scope: manifest.Scope{Job: manifest.ID{1}, Device: manifest.ID{2}, Generation: 1}, Bay: 2, Disk: manifest.ID{3}, Bays: 5, Created: time.Unix(1, 2).UTC()}
	f.Add(h.Encode())
	f.Add(h.Encode()[:100])
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		h, err := decodeHeader(b)
		if err != nil {
			return
		}
		again, err := decodeHeader(h.Encode()) // unknown fields are not kept
		if err != nil || *again != *h {
			t.Errorf("%+v comes back as %+v, %v", h, again, err)
		}
	})
}
