package content

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// Composite is S3's COMPOSITE SHA-256 of these parts, with its "-N".
func Composite(parts [][32]byte) string {
	h := crypto.NewSHA256()
	for i := range parts {
		h.Write(parts[i][:])
	}
	return fmt.Sprintf("%s-%d", target.Encode64(h.Sum(nil)), len(parts))
}

func CRCBytes(crc uint64) []byte { return binary.BigEndian.AppendUint64(nil, crc) }

// Expected is what an object must be, from the manifest alone.
type Expected struct {
	Size      int64
	PartSize  int64      // 0: one part
	Parts     [][32]byte // at least one
	SHA256    *[32]byte
	CRC       string
	Composite string // of Parts
}

// Verdict is what a store's answer says about an object.
type Verdict uint8

const (
	Incomparable Verdict = iota // the store has no checksum that the manifest has, too
	Same
	Different
)

// Compare judges a store's answer. Stores give a composite with or without its
// "-N" and may leave the type out, so a sum without one is held against both of
// the values that a matching object can have: each is a collision-free digest
// of the content. ours: the object was cut by us, into these parts.
func (x Expected) Compare(o target.Object, ours bool) (Verdict, entry.Proof) {
	if o.Size != x.Size {
		return Different, entry.ProofNone
	}
	if o.SHA256 != "" {
		if v := x.compareSHA256(o, ours); v != Incomparable {
			return v, entry.ProofSHA256
		}
	}
	return x.compareCRC(o)
}

func (x Expected) compareCRC(o target.Object) (Verdict, entry.Proof) {
	if o.CRC64NVME == "" || x.CRC == "" || o.ChecksumType == "COMPOSITE" {
		return Incomparable, entry.ProofNone
	}
	if o.CRC64NVME == x.CRC {
		return Same, entry.ProofCRC
	}
	return Different, entry.ProofNone
}

func (x Expected) compareSHA256(o target.Object, ours bool) Verdict {
	sum, suffix, dashed := strings.Cut(o.SHA256, "-")
	mine, number, _ := strings.Cut(x.Composite, "-")
	count, err := strconv.Atoi(number)
	if err != nil {
		return Incomparable
	}
	if dashed {
		n, err := strconv.Atoi(suffix)
		if err != nil || n != count {
			return Incomparable // cut into other parts
		}
	}
	if (dashed || o.ChecksumType != "FULL_OBJECT") && sum == mine {
		return Same
	}
	if !dashed && o.ChecksumType != "COMPOSITE" && x.SHA256 != nil && sum == target.Encode64(x.SHA256[:]) {
		return Same
	}
	switch {
	case dashed && (ours || count == 1):
		return Different
	case dashed, o.ChecksumType == "COMPOSITE":
		return Incomparable // the parts may be of another size
	case x.SHA256 == nil, o.ChecksumType == "" && count > 1:
		return Incomparable
	}
	return Different
}

// Check reads content to its end and compares each part.
func (x Expected) Check(content io.Reader) error {
	buf := make([]byte, 256<<10)
	left := x.Size
	for i := range x.Parts {
		size := left
		if x.PartSize > 0 {
			size = min(left, x.PartSize)
		}
		h := crypto.NewSHA256()
		n, err := io.CopyBuffer(struct{ io.Writer }{h}, io.LimitReader(content, size), buf)
		if err != nil {
			return target.Unknown(target.NewError(target.CodeConnectionLost, "", "read back: "+err.Error(), err))
		}
		if n != size {
			return target.NewError(target.CodeStoredWrong, "", fmt.Sprintf("read back %d bytes, the manifest says %d", x.Size-left+n, x.Size), nil)
		}
		if [32]byte(h.Sum(nil)) != x.Parts[i] {
			return target.NewError(target.CodeStoredWrong, "", fmt.Sprintf("read back: part %d has another SHA-256", i+1), nil)
		}
		left -= n
	}
	n, err := io.ReadFull(content, buf[:1])
	if n > 0 {
		return target.NewError(target.CodeStoredWrong, "", fmt.Sprintf("read back more than %d bytes", x.Size), nil)
	}
	if !errors.Is(err, io.EOF) {
		return target.Unknown(target.NewError(target.CodeConnectionLost, "", fmt.Sprintf("read back: %v", err), err))
	}
	return nil
}

// Recut is what the importer says of an object that was cut into other parts. Its
// composite is nobody else's word, so it can show a difference and proves nothing.
func (x Expected) Recut(checksum string) (*Expected, error) {
	sum, _, dashed := strings.Cut(checksum, "-")
	raw, err := base64.StdEncoding.DecodeString(sum)
	switch {
	case err != nil || len(raw) != 32:
		return nil, errors.New("no sha256")
	case dashed:
		x.Composite = checksum
	case x.SHA256 != nil && *x.SHA256 != [32]byte(raw):
		return nil, errors.New("another sha256 than its record's")
	default:
		x.SHA256 = (*[32]byte)(raw)
	}
	return &x, nil
}
