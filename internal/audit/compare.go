package audit

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// claimed is what a list says of an object, as far as a listing can tell.
type claimed struct {
	device    int
	size      int64
	verified  time.Time
	etag      string
	algorithm string // "" if the proof was of no store's checksum
}

func newClaimed(c claim, device int) claimed {
	algorithm := map[entry.Proof]string{entry.ProofSHA256: "SHA256", entry.ProofCRC: "CRC64NVME"}[c.line.Proof]
	return claimed{device, c.want.size, c.line.Verified, clipText(c.line.ETag), algorithm}
}

// clipText bounds a text of a list that nobody may have verified.
func clipText(s string) string { return s[:min(len(s), maxListedText)] }

// listingCompare walks the sorted pairs: under each key the listing's lines come
// first, then the lists'.
type listingCompare struct {
	markers    []string
	prefix     string
	taken      time.Time
	total      ListingReport
	devices    []ListingReport
	difference func(device int, e *target.Error)

	key    string
	begun  bool
	listed *target.Listed
	twice  bool         // two lines, and nothing says which of them is current
	known  bool         // by a list
	claims map[int]bool // devices that have named this key
}

func (c *listingCompare) pair(key, value []byte) error {
	if !c.begun || string(key) != c.key {
		c.closeKey()
		c.begun, c.key, c.listed, c.twice, c.known = true, string(key), nil, false, false
		clear(c.claims)
	}
	if value[0] == tagListed {
		o, err := decodeListed(value)
		if err != nil {
			return err
		}
		c.twice = c.listed != nil
		c.listed = &o
		return nil
	}
	claim, err := decodeClaimed(value)
	if err != nil {
		return err
	}
	c.known = true
	c.judge(claim, c.claims[claim.device])
	c.claims[claim.device] = true
	return nil
}

// closeKey tells an object that no list names.
func (c *listingCompare) closeKey() {
	if !c.begun || c.known || c.listed == nil || c.listed.DeleteMarker {
		return
	}
	if name := c.key[len(c.prefix):]; strings.HasPrefix(name, target.ReservedPrefix) || slices.Contains(c.markers, name) {
		c.total.Ours++
		return
	}
	c.total.Extra++
	cause := "last written at an unknown time"
	if !c.listed.Modified.IsZero() {
		cause = "last written at " + c.listed.Modified.UTC().Format(time.RFC3339)
	}
	if c.listed.Size >= 0 {
		cause = fmt.Sprintf("%d bytes, %s", c.listed.Size, cause)
	}
	c.difference(-1, target.NewError(target.CodeExtraObject, c.key, cause, nil))
}

// judge compares one object and counts it, for its device and in all. A second one
// of a device under one key cannot stand there beside the first.
func (c *listingCompare) judge(claim claimed, again bool) {
	problem, kind := c.compare(claim)
	if again {
		problem, kind = target.NewError(target.CodeStoredWrong, c.key, "the receipts have this key more than once", nil), false
	}
	for _, r := range []*ListingReport{&c.total, &c.devices[claim.device]} {
		r.Objects++
		switch {
		case problem == nil:
			r.Same++
			if kind {
				r.Kinds++
			}
		case KindOf(problem) == KindMissing:
			r.Missing++
		case KindOf(problem) == KindDifferent:
			r.Different++
		default:
			r.NotCompared++
		}
	}
	if problem != nil {
		c.difference(claim.device, problem)
	}
}

// compare says what is wrong with an object, or nil; kind tells whether the
// checksum's kind was compared.
func (c *listingCompare) compare(claim claimed) (problem *target.Error, kind bool) {
	fault := func(code target.Code, format string, args ...any) (*target.Error, bool) {
		return target.NewError(code, c.key, fmt.Sprintf(format, args...), nil), false
	}
	o := c.listed
	switch {
	case (o == nil || o.DeleteMarker) && !c.taken.IsZero() && claim.verified.After(c.taken):
		return fault(target.CodeNotProven, "it was stored after the listing was taken")
	case o == nil:
		return fault(target.CodeMissing, "it is not in the listing")
	case c.twice:
		return fault(target.CodeNotProven, "the listing has it more than once and does not say which is current")
	case o.DeleteMarker:
		return fault(target.CodeMissing, "it was deleted: its current version is a delete marker")
	case o.Size < 0:
		return fault(target.CodeNotProven, "the listing does not tell its size")
	case o.Size != claim.size:
		return fault(target.CodeStoredWrong, "%d bytes are listed, the manifest says %d", o.Size, claim.size)
	}
	if claim.algorithm != "" && o.Algorithm != "" {
		if !strings.Contains(o.Algorithm, claim.algorithm) {
			return fault(target.CodeChangedSince, "its checksum is %s, the receipts proved it by %s", o.Algorithm, claim.algorithm)
		}
		kind = true
	}
	if a, b := bareETag(o.ETag), bareETag(claim.etag); a != "" && b != "" && a != b {
		// Stores may write an ETag anew without any change, so it takes the time, too.
		switch {
		case o.Modified.IsZero():
			return fault(target.CodeNotProven, "its ETag is another one, and the listing does not tell when it was written")
		case o.Modified.After(claim.verified):
			return fault(target.CodeChangedSince, "written again at %s, with another ETag", o.Modified.UTC().Format(time.RFC3339))
		}
	}
	return nil, kind
}

// bareETag is an ETag without its quotes, which inventories leave out.
func bareETag(s string) string { return strings.Trim(s, `"`) }

// What is sorted begins with one of these.
const (
	tagListed  = 'l'
	tagClaimed = 'c'
)

func encodeListed(b []byte, o target.Listed) []byte {
	marker := byte(0)
	if o.DeleteMarker {
		marker = 1
	}
	b = append(b, tagListed, marker)
	b = binary.AppendVarint(b, o.Size)
	b = appendTime(b, o.Modified)
	b = appendText(b, o.ETag)
	return appendText(b, o.Algorithm)
}

func encodeClaimed(b []byte, c claimed) []byte {
	b = append(b, tagClaimed)
	b = binary.AppendUvarint(b, uint64(c.device))
	b = binary.AppendVarint(b, c.size)
	b = appendTime(b, c.verified)
	b = appendText(b, c.etag)
	return appendText(b, c.algorithm)
}

func appendTime(b []byte, t time.Time) []byte {
	if t.IsZero() {
		return append(b, 0)
	}
	b = append(b, 1)
	b = binary.AppendVarint(b, t.Unix())
	return binary.AppendUvarint(b, uint64(t.Nanosecond()))
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

func decodeListed(b []byte) (o target.Listed, err error) {
	d := decoder{rest: b[1:]}
	o.DeleteMarker = d.byte() == 1
	o.Size, o.Modified, o.ETag, o.Algorithm = d.varint(), d.time(), d.text(), d.text()
	return o, d.end()
}

func decodeClaimed(b []byte) (c claimed, err error) {
	d := decoder{rest: b[1:]}
	c.device = int(d.uvarint())
	c.size, c.verified, c.etag, c.algorithm = d.varint(), d.time(), d.text(), d.text()
	return c, d.end()
}

// decoder takes a pair of our own scratch file apart.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) take(n int) []byte {
	if n <= 0 || n > len(d.rest) {
		d.bad = d.bad || n != 0
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.rest)
	d.bad = d.bad || n <= 0
	d.take(max(n, 0))
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.rest)
	d.bad = d.bad || n <= 0
	d.take(max(n, 0))
	return v
}

func (d *decoder) time() time.Time {
	if d.byte() == 0 {
		return time.Time{}
	}
	seconds := d.varint()
	return time.Unix(seconds, int64(d.uvarint())).UTC()
}

func (d *decoder) text() string { return string(d.take(int(d.uvarint()))) }

func (d *decoder) end() error {
	if d.bad || len(d.rest) > 0 {
		return fmt.Errorf("scratch file: a pair of %d bytes too many or few", len(d.rest))
	}
	return nil
}
