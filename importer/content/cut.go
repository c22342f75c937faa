package content

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/minio/crc64nvme"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// Cut is how an object goes to a target: PartSize 0 is one request.
type Cut struct {
	PartSize int64
	Parts    int
	Anew     bool // not as the record has it: the importer hashes the parts
}

// CutFor decides how a record's content is cut for a target: as the record has
// it if the target takes that, else anew into parts of one size, so that stores
// that want equal parts are served, too. A pure function of both (P20).
func CutFor(p target.Profile, r *manifest.Record) (Cut, error) {
	if r.Size > p.MaxObject {
		return Cut{}, fmt.Errorf("%d bytes, the target takes %d", r.Size, p.MaxObject)
	}
	size, count := r.PartSize, max(1, len(r.Parts))
	switch {
	case size == 0 && r.Size <= p.MaxPart:
		return Cut{PartSize: 0, Parts: 1}, nil
	case size > 0 && count <= p.MaxParts && size <= p.MaxPart && (size >= p.MinPart || count == 1):
		return Cut{PartSize: size, Parts: count}, nil
	}
	return cutAnew(p, r.Size)
}

// cutAnew takes the smallest multiple of the manifest's unit that fits, and else
// the largest part that the target takes.
func cutAnew(p target.Profile, size int64) (Cut, error) {
	least := max(p.MinPart, (size+int64(p.MaxParts)-1)/int64(p.MaxParts), 1)
	part := (least + manifest.UnitSize - 1) / manifest.UnitSize * manifest.UnitSize
	if part > p.MaxPart {
		part = p.MaxPart
	}
	if part < least {
		return Cut{}, fmt.Errorf("%d bytes do not fit into %d parts of %d", size, p.MaxParts, p.MaxPart)
	}
	c := Cut{PartSize: part, Parts: int((size + part - 1) / part), Anew: true}
	if c.Parts <= 1 {
		c.PartSize, c.Parts = 0, 1
	}
	return c, nil
}

// Recut reads the content once and returns the SHA-256 of the parts of a new cut.
// On the way all that the manifest says of the content is compared (its own
// parts, the whole, CRC64NVME), so that the new digests are of proven bytes before
// any of them is sent. It holds one segment in memory, however large a part is.
func Recut(ctx context.Context, content io.ReaderAt, r *manifest.Record, c Cut) ([][32]byte, error) {
	body := NewBody(content, 0, r.Size)
	defer body.Detach() // gives its buffer back
	pass := newRecutPass(r, c)
	buf := make([]byte, 256<<10)
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		n, err := body.Read(buf)
		if wrong := pass.write(buf[:n]); wrong != nil {
			return nil, wrong
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, SourceError(r.Path, err)
		}
	}
	return pass.end()
}

// recutPass hashes one stream twice: cut as the record has it, and cut anew.
type recutPass struct {
	r     *manifest.Record
	old   partHash // compared with the record
	cut   partHash
	whole io.Writer // nil: the record has no SHA-256 of the whole
	sum   func() [32]byte
	crc   uint64
}

func newRecutPass(r *manifest.Record, c Cut) *recutPass {
	p := &recutPass{r: r, old: newPartHash(r.PartSize), cut: newPartHash(c.PartSize)}
	if len(r.SHA256) == 32 && r.PartSize > 0 { // one part's digest is the whole's
		h := crypto.NewSHA256()
		p.whole, p.sum = h, func() [32]byte { return [32]byte(h.Sum(nil)) }
	}
	return p
}

func (p *recutPass) write(b []byte) error {
	before := len(p.old.sums)
	p.old.write(b)
	p.cut.write(b)
	if p.whole != nil {
		p.whole.Write(b)
	}
	if p.r.HasCRC {
		p.crc = crc64nvme.Update(p.crc, b)
	}
	return p.compare(before)
}

// compare holds the parts that are whole now, from the given one on, against the record.
func (p *recutPass) compare(from int) error {
	for n := from; n < len(p.old.sums); n++ {
		want := p.r.SHA256
		if p.r.PartSize > 0 {
			if n >= len(p.r.Parts) {
				return p.corrupt("more bytes than the manifest's parts")
			}
			want = p.r.Parts[n]
		}
		if string(p.old.sums[n][:]) != string(want) {
			return p.corrupt(fmt.Sprintf("part %d does not have the manifest's SHA-256", n+1))
		}
	}
	return nil
}

func (p *recutPass) end() ([][32]byte, error) {
	before := len(p.old.sums)
	p.old.close()
	p.cut.close()
	if err := p.compare(before); err != nil {
		return nil, err
	}
	switch {
	case len(p.old.sums) != max(1, len(p.r.Parts)):
		return nil, p.corrupt(fmt.Sprintf("%d parts, the manifest has %d", len(p.old.sums), len(p.r.Parts)))
	case p.whole != nil && p.sum() != [32]byte(p.r.SHA256):
		return nil, p.corrupt("the whole does not have the manifest's SHA-256")
	case p.r.HasCRC && p.crc != p.r.CRC:
		return nil, p.corrupt("the whole does not have the manifest's CRC64NVME")
	}
	return p.cut.sums, nil
}

func (p *recutPass) corrupt(cause string) error {
	return target.NewError(target.CodeSourceCorrupt, p.r.Path, cause, nil)
}
