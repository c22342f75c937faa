package fsck

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/record"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// compositeCheck compares a store's composite SHA-256 (the SHA-256 over the
// part digests, "-N" appended) with the digests in the manifest. Long lists of
// digests follow their record in continuation records, so the check runs over lines.
type compositeCheck struct {
	path  []byte
	left  uint64 // digests still to come
	root  []byte
	want  []byte // the store's composite; nil if it is not to be compared
	sum   hash.Hash
	tree  wire.TreeStack
	first uint64
}

func (c *compositeCheck) line(l *ObjectLine) error {
	if l.Record.Kind == wire.KindContinuation {
		return c.more(l)
	}
	if err := c.end(); err != nil {
		*c = compositeCheck{}
		return err
	}
	*c = compositeCheck{sum: sha256.New()}
	if l.Record.PartCount == 0 {
		return nil
	}
	c.want = composite(l)
	if l.Record.PartRoot == nil {
		for _, d := range l.Record.PartDigests {
			c.sum.Write(d[:])
		}
		return c.compare()
	}
	c.path, c.left, c.root = l.Record.OrderKey(), l.Record.PartCount, l.Record.PartRoot
	return nil
}

// composite is the object's checksum if its parts are the manifest's.
func composite(l *ObjectLine) []byte {
	text, n, ok := strings.Cut(l.SHA256, "-")
	if !ok || !l.there() || l.recut() || n != strconv.FormatUint(l.Record.PartCount, 10) {
		return nil
	}
	if l.PartSize != 0 && l.PartSize != l.Record.PartSize {
		return nil
	}
	sum, err := wire.Unbase64(text)
	if err != nil {
		return []byte("unreadable")
	}
	return sum
}

func (c *compositeCheck) more(l *ObjectLine) error {
	if l.Record.Continuation.Field != record.PartsField || c.left == 0 || !bytes.Equal(l.Record.Path, c.path) {
		return nil
	}
	if l.Record.Continuation.First != c.first {
		return fmt.Errorf("part digests do not follow on")
	}
	err := wire.EachItem(l.Record.Continuation.Items, func(item []byte) error {
		if len(item) != 32 || c.left == 0 {
			return fmt.Errorf("%w: part digests", wire.ErrMalformed)
		}
		c.sum.Write(item)
		c.tree.Push(tlog.RecordHash(item), 1)
		c.left--
		c.first++
		return nil
	})
	if err != nil || c.left > 0 {
		return err
	}
	if root := c.tree.Root(); !bytes.Equal(root[:], c.root) {
		return fmt.Errorf("part digests do not give their root")
	}
	return c.compare()
}

func (c *compositeCheck) compare() error {
	if c.want != nil && !bytes.Equal(c.sum.Sum(nil), c.want) {
		return fmt.Errorf("the object's composite SHA-256 is not that of the record's parts")
	}
	return nil
}

// end asks whether digests are missing.
func (c *compositeCheck) end() error {
	if c.left > 0 {
		return fmt.Errorf("%d part digests of %q are missing", c.left, c.path)
	}
	return nil
}
