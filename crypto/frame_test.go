package crypto

import (
	"bytes"
	"errors"
	"testing"
)

func TestFrameChain(t *testing.T) {
	k, id := bytes.Repeat([]byte{1}, 32), [16]byte{2}
	c := NewFrameCipher(k, "journal", id)
	plains := [][]byte{[]byte("first"), {}, bytes.Repeat([]byte{3}, 100_000)}
	var frames [][]byte
	var tags [][16]byte
	var prev [16]byte
	for seq, p := range plains {
		out, tag, err := c.Encrypt([]byte("head"), p, uint64(seq), prev, []byte("ad"))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(out, []byte("head")) || len(out) != 4+len(p)+FrameOverhead {
			t.Fatalf("frame %d: not appended: %d bytes", seq, len(out))
		}
		frames, tags, prev = append(frames, out[4:]), append(tags, prev), tag
	}
	for seq, f := range frames {
		got, tag, err := c.Decrypt(nil, f, uint64(seq), tags[seq], []byte("ad"))
		if err != nil || !bytes.Equal(got, plains[seq]) {
			t.Fatalf("frame %d: %v", seq, err)
		}
		if seq+1 < len(tags) && tag != tags[seq+1] {
			t.Fatalf("frame %d: decrypt gives another tag", seq)
		}
	}

	f, prev := frames[0], tags[0]
	refused := func(name string, c *FrameCipher, f []byte, seq uint64, prev [16]byte, ad string) {
		t.Helper()
		if _, _, err := c.Decrypt(nil, f, seq, prev, []byte(ad)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused("other sequence", c, f, 1, prev, "ad")
	refused("other previous tag", c, f, 0, [16]byte{1}, "ad")
	refused("other ad", c, f, 0, prev, "")
	refused("other file", NewFrameCipher(k, "journal", [16]byte{3}), f, 0, prev, "ad")
	refused("other purpose", NewFrameCipher(k, "scan", id), f, 0, prev, "ad")
	refused("other key", NewFrameCipher(flipBit(k, 0), "journal", id), f, 0, prev, "ad")
	refused("beyond the limit", c, f, maxFrames, prev, "ad")
	for n := range len(f) {
		refused("cut", c, f[:n], 0, prev, "ad")
	}
	for bit := range len(f) * 8 {
		refused("bit", c, flipBit(f, bit), 0, prev, "ad")
	}
	refused("over the size limit", c, make([]byte, MaxFrame+1), 0, prev, "ad")
	if _, _, err := c.Encrypt(nil, nil, maxFrames, prev, nil); err == nil {
		t.Error("a frame beyond the limit was encrypted")
	}
	if _, _, err := c.Encrypt(nil, make([]byte, MaxFrame-FrameOverhead+1), 0, prev, nil); err == nil {
		t.Error("a frame over the size limit was encrypted")
	}
}
