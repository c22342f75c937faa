package disk

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Header says who a disk claims to be (docs/format.md section 2.1). It is a
// hint for finding shards, never an authority.
type Header struct {
	Scope   manifest.Scope
	Bay     int
	Disk    manifest.ID
	Bays    int
	Created time.Time
}

const headerMagic = "SLEDGEDK"

func (h *Header) Encode() []byte {
	w := fields.NewWriter(nil)
	w.Blob(1, true, h.Scope.Job[:])
	w.Blob(2, true, h.Scope.Device[:])
	w.Uint(3, true, uint64(h.Scope.Generation))
	w.Uint(4, true, uint64(h.Bay))
	w.Blob(5, true, h.Disk[:])
	w.Uint(6, true, uint64(h.Bays))
	w.Time(7, false, h.Created)
	b := make([]byte, maxHeader)
	copy(b, headerMagic)
	b[8] = manifest.Version
	binary.BigEndian.PutUint16(b[9:], uint16(len(w.Bytes())))
	copy(b[11:], w.Bytes())
	binary.BigEndian.PutUint64(b[maxHeader-8:], erasure.CRC(b[:maxHeader-8]))
	return b
}

func decodeHeader(b []byte) (*Header, error) {
	bad := func(text string) error { return fmt.Errorf("%w: disk header: %s", manifest.ErrCorrupt, text) }
	if len(b) < 11 || string(b[:8]) != headerMagic {
		return nil, bad("not a sledge disk")
	}
	if b[8] != manifest.Version {
		return nil, fmt.Errorf("disk header of version %d: %w", b[8], manifest.ErrUnsupportedVersion)
	}
	n := int(binary.BigEndian.Uint16(b[9:]))
	if len(b) != maxHeader || n > maxHeader-8-11 || binary.BigEndian.Uint64(b[maxHeader-8:]) != erasure.CRC(b[:maxHeader-8]) {
		return nil, bad("damaged")
	}
	for _, c := range b[11+n : maxHeader-8] {
		if c != 0 {
			return nil, bad("padding is not zero")
		}
	}
	h := &Header{}
	err := fields.Decode(b[11:11+n], fields.Schema{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: false}, func(f fields.Field) (err error) {
		var v uint64
		switch f.Number {
		case 1:
			err = f.Copy(h.Scope.Job[:])
		case 2:
			err = f.Copy(h.Scope.Device[:])
		case 3:
			v, err = f.UintMax(1<<32 - 1)
			h.Scope.Generation = uint32(v)
		case 4:
			v, err = f.UintMax(MaxDisks - 1)
			h.Bay = int(v)
		case 5:
			err = f.Copy(h.Disk[:])
		case 6:
			v, err = f.UintMax(MaxDisks)
			h.Bays = int(v)
		case 7:
			h.Created, err = f.Time()
		}
		return err
	})
	if err != nil {
		return nil, bad(err.Error())
	}
	if h.Scope.Job.IsZero() || h.Scope.Device.IsZero() || h.Scope.Generation == 0 || h.Disk.IsZero() || h.Bay >= h.Bays {
		return nil, bad("incomplete")
	}
	return h, nil
}

// ReadHeader reads a disk's header; a disk without one gives fs.ErrNotExist.
func ReadHeader(d Disk) (*Header, error) {
	b, err := vfs.ReadFile(d.FS, HeaderName, maxHeader)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("disk %s: %w", d.Name, err)
	}
	if err != nil {
		return nil, fmt.Errorf("disk %s: header: %w", d.Name, err)
	}
	h, err := decodeHeader(b)
	if err != nil {
		return nil, fmt.Errorf("disk %s: %w", d.Name, err)
	}
	return h, nil
}
