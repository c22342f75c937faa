package audit

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
	"github.com/sledge-io/sledge/manifest"
)

// expected is what an object must be, by its record alone. It is derived and compared here: what
// verifies shares neither the plan nor the comparison of what stored the object.
type expected struct {
	size      int64
	partSize  int64      // 0: one part
	parts     [][32]byte // SHA-256 of each, at least one
	whole     string     // SHA-256 of all, in base64; "": the record has none
	crc       string     // CRC-64/NVME of all, in base64; "": the record has none
	composite string     // SHA-256 of the parts' SHA-256, in base64
	count     int        // of the parts that composite is of; below one, no answer has as many
}

// expectedOf is the object of a record.
func expectedOf(r *manifest.Record) (expected, error) {
	switch r.Kind {
	case manifest.KindDir:
		return expectedInline(nil), nil
	case manifest.KindSymlink:
		return expectedInline([]byte(r.Target)), nil
	case manifest.KindFile, manifest.KindHardlink:
		return expectedFile(r)
	}
	return expected{}, fmt.Errorf("%v is said to be an object", r.Kind)
}

// expectedInline is an object whose content the record itself holds.
func expectedInline(content []byte) expected {
	sum := crypto.SumSHA256(content)
	x := expected{size: int64(len(content)), whole: target.Encode64(sum[:])}
	return x.of([][32]byte{sum})
}

func expectedFile(r *manifest.Record) (expected, error) {
	x := expected{size: r.Size, partSize: r.PartSize}
	if len(r.SHA256) == 32 {
		x.whole = target.Encode64(r.SHA256)
	}
	if r.HasCRC {
		x.crc = target.Encode64(binary.BigEndian.AppendUint64(nil, r.CRC))
	}
	sums := r.Parts
	if r.PartSize == 0 {
		if x.whole == "" {
			return x, errors.New("a record without a digest")
		}
		sums = [][]byte{r.SHA256}
	}
	var parts [][32]byte
	for _, sum := range sums {
		if len(sum) != 32 {
			return x, fmt.Errorf("a part's digest of %d bytes", len(sum))
		}
		parts = append(parts, [32]byte(sum))
	}
	if len(parts) == 0 {
		return x, errors.New("a record without parts")
	}
	return x.of(parts), nil
}

// of is the object in these parts.
func (x expected) of(parts [][32]byte) expected {
	h := crypto.NewSHA256()
	for _, p := range parts {
		h.Write(p[:])
	}
	x.parts, x.composite, x.count = parts, target.Encode64(h.Sum(nil)), len(parts)
	return x
}

// named reports whether a list's checksum is the record's: of the whole, or of its parts.
func (x *expected) named(sum string) bool {
	return sum == fmt.Sprintf("%s-%d", x.composite, x.count) || x.whole != "" && sum == x.whole
}

// recut is the object as the importer says that he cut it. His checksum can show a difference. It
// proves nothing: it is nobody else's word.
func (x expected) recut(checksum string) (*expected, error) {
	sum, count, dashed := strings.Cut(checksum, "-")
	raw, err := base64.StdEncoding.DecodeString(sum)
	switch {
	case err != nil || len(raw) != 32:
		return nil, errors.New("no sha256")
	case dashed:
		x.composite, x.count = target.Encode64(raw), 0
		if n, err := strconv.Atoi(count); err == nil {
			x.count = n
		}
	case x.whole != "" && x.whole != target.Encode64(raw):
		return nil, errors.New("another sha256 than its record's")
	default:
		x.whole = target.Encode64(raw)
	}
	return &x, nil
}

// judge compares what the store says of an object. No proof and no difference: the store tells
// nothing that the record tells, too. cut: it is known to be in the parts that composite is of.
func (x *expected) judge(o target.Object, cut bool) (proof entry.Proof, differs bool) {
	if o.Size != x.size {
		return entry.ProofNone, true
	}
	switch same, differs := x.bySHA256(o, cut); {
	case same:
		return entry.ProofSHA256, false
	case differs:
		return entry.ProofNone, true
	}
	return x.byCRC(o)
}

// judgeWhole is judge by checksums of the whole, in whatever parts the object is.
func (x *expected) judgeWhole(o target.Object) (proof entry.Proof, differs bool) {
	switch {
	case o.Size != x.size:
		return entry.ProofNone, true
	case o.ChecksumType != "COMPOSITE" && x.whole != "" && o.SHA256 == x.whole:
		return entry.ProofSHA256, false
	}
	return x.byCRC(o)
}

// bySHA256 compares the store's SHA-256, of which stores leave out the number of parts or the
// type. Where they do, it may be either of the two that a right object has.
func (x *expected) bySHA256(o target.Object, cut bool) (same, differs bool) {
	sum, suffix, dashed := strings.Cut(o.SHA256, "-")
	switch {
	case o.SHA256 == "":
		return false, false
	case dashed:
		if n, err := strconv.Atoi(suffix); err != nil || n < 1 || n != x.count {
			return false, false // in other parts
		}
		// One part can be cut in one way only.
		return sum == x.composite, sum != x.composite && (cut || x.count == 1)
	case o.ChecksumType == "COMPOSITE":
		return sum == x.composite, false // the number of parts is not told
	case o.ChecksumType == "FULL_OBJECT":
		return x.whole != "" && sum == x.whole, x.whole != "" && sum != x.whole
	}
	if sum == x.composite || x.whole != "" && sum == x.whole {
		return true, false
	}
	return false, x.whole != "" && x.count == 1
}

func (x *expected) byCRC(o target.Object) (proof entry.Proof, differs bool) {
	if x.crc == "" || o.CRC64NVME == "" || o.ChecksumType == "COMPOSITE" {
		return entry.ProofNone, false
	}
	if o.CRC64NVME != x.crc {
		return entry.ProofNone, true
	}
	return entry.ProofCRC, false
}

// partLength is that of the part which begins where so many bytes are left.
func (x *expected) partLength(left int64) int64 {
	if x.partSize == 0 {
		return left
	}
	return min(left, x.partSize)
}

// read reads an object to its end, and compares each part.
func (x *expected) read(body io.Reader) error {
	left, buf := x.size, make([]byte, 256<<10)
	for i, want := range x.parts {
		size, h := x.partLength(left), crypto.NewSHA256()
		n, err := io.CopyBuffer(struct{ io.Writer }{h}, io.LimitReader(body, size), buf)
		switch left -= n; {
		case err != nil:
			return target.Unknown(target.NewError(target.CodeConnectionLost, "", "read back: "+err.Error(), err))
		case n != size:
			return target.NewError(target.CodeStoredWrong, "", fmt.Sprintf("read back %d bytes, the manifest says %d", x.size-left, x.size), nil)
		case [32]byte(h.Sum(nil)) != want:
			return target.NewError(target.CodeStoredWrong, "", fmt.Sprintf("read back: part %d has another SHA-256", i+1), nil)
		}
	}
	switch n, err := io.ReadFull(body, buf[:1]); {
	case n > 0:
		return target.NewError(target.CodeStoredWrong, "", fmt.Sprintf("read back more than %d bytes", x.size), nil)
	case !errors.Is(err, io.EOF):
		return target.Unknown(target.NewError(target.CodeConnectionLost, "", fmt.Sprintf("read back: %v", err), err))
	}
	return nil
}
