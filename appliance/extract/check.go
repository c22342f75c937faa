package extract

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/manifest"
)

// contentCheck compares content with the digests of its record: SHA-256 of the
// whole and of each part, whichever the record has, and the CRC. Bytes may come
// from several goroutines, each run waiting for its turn.
type contentCheck struct {
	rec  *manifest.Record
	mu   sync.Mutex
	turn *sync.Cond
	at   int64 // content before it has been taken
	err  error // ends all waiting

	// Of whose turn it is.
	whole, part crypto.ResumableHash // nil where the record has none
	crc         uint64
}

func newContentCheck(rec *manifest.Record) *contentCheck {
	c := &contentCheck{rec: rec}
	c.turn = sync.NewCond(&c.mu)
	if rec.SHA256 != nil {
		c.whole = crypto.NewResumableSHA256()
	}
	if len(rec.Parts) > 0 {
		c.part = crypto.NewResumableSHA256()
	}
	return c
}

// take waits until everything before off was taken, then takes p.
func (c *contentCheck) take(p []byte, off int64) error {
	c.mu.Lock()
	for c.at != off && c.err == nil {
		c.turn.Wait()
	}
	err := c.err
	c.mu.Unlock()
	if err != nil {
		return err
	}
	err = c.add(p, off)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at += int64(len(p))
	if c.err == nil {
		c.err = err
	}
	c.turn.Broadcast()
	return c.err
}

// stop makes every call of take return err.
func (c *contentCheck) stop(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		c.err = err
	}
	c.turn.Broadcast()
}

func (c *contentCheck) add(p []byte, off int64) error {
	c.crc = erasure.UpdateCRC(c.crc, p)
	if c.part == nil {
		if c.whole != nil {
			c.whole.Write(p)
		}
		return nil
	}
	for len(p) > 0 {
		i := off / c.rec.PartSize
		end := min(c.rec.Size, (i+1)*c.rec.PartSize)
		n := min(int64(len(p)), end-off)
		if c.whole != nil {
			crypto.WriteSHA256Both(c.whole, c.part, p[:n])
		} else {
			c.part.Write(p[:n])
		}
		p, off = p[n:], off+n
		if off < end {
			continue
		}
		if !bytes.Equal(c.part.Sum(nil), c.rec.Parts[i]) {
			return errDigest(fmt.Sprintf("part %d", i))
		}
		c.part.Reset()
	}
	return nil
}

// end compares the digests of the whole once every byte was taken.
func (c *contentCheck) end() error {
	switch {
	case c.err != nil:
		return c.err
	case c.at != c.rec.Size:
		return fmt.Errorf("%w: %d bytes of content instead of %d", manifest.ErrCorrupt, c.at, c.rec.Size)
	case c.whole != nil && !bytes.Equal(c.whole.Sum(nil), c.rec.SHA256):
		return errDigest("SHA-256")
	case c.rec.HasCRC && c.crc != c.rec.CRC:
		return errDigest("CRC64NVME")
	}
	return nil
}

func errDigest(what string) error {
	return fmt.Errorf("%w: content does not have the recorded digest (%s)", manifest.ErrCorrupt, what)
}

// checkSmall is the check of content that is at hand whole and has one part.
func checkSmall(p []byte, rec *manifest.Record) error {
	if sum := crypto.SumSHA256(p); rec.SHA256 != nil && !bytes.Equal(sum[:], rec.SHA256) {
		return errDigest("SHA-256")
	}
	if rec.HasCRC && erasure.CRC(p) != rec.CRC {
		return errDigest("CRC64NVME")
	}
	return nil
}
