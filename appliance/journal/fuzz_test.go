package journal

import (
	"encoding/binary"
	"testing"

	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/internal/testlimit"
	"github.com/sledge-io/sledge/manifest"
)

func FuzzClearPack(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01e\x00\x00\x00\x01s"))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		raw := make([]byte, frames.FrameHead, frames.FrameHead+len(b))
		binary.BigEndian.PutUint32(raw[4:], uint32(len(b)))
		Pack(append(raw, b...), manifest.Scope{}, make([]byte, 32))
	})
}
