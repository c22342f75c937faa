package manifest

import (
	"fmt"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/fields"
)

// Wrap is a `.wrap` file: the load key wrapped to a site or to the unlock code
// (section 4.3). Recovery wraps are plain age files.
type Wrap struct {
	Kind  WrapKind
	Scope Scope
	KeyID []byte // 32 bytes, HPKE only
	Body  []byte
}

// Binding is what the wrap's cipher is bound to.
func (s Scope) Binding() crypto.WrapBinding {
	return crypto.WrapBinding{JobID: s.Job, DeviceID: s.Device, Generation: s.Generation}
}

// Encode returns the file's bytes.
func (w *Wrap) Encode() []byte {
	f := fields.NewWriter([]byte{Version, byte(w.Kind)})
	f.Blob(1, true, w.Scope.Job[:])
	f.Blob(2, true, w.Scope.Device[:])
	f.Uint(3, true, uint64(w.Scope.Generation))
	f.Blob(4, false, w.KeyID)
	f.Blob(5, true, w.Body)
	return f.Bytes()
}

// DecodeWrap reads a `.wrap` file.
func DecodeWrap(b []byte) (*Wrap, error) {
	if len(b) > 0 && b[0] != Version {
		return nil, fmt.Errorf("wrap of version %d: %w", b[0], ErrUnsupportedVersion)
	}
	if len(b) < 2 || len(b) > MaxWrap {
		return nil, fmt.Errorf("%w: wrap of %d bytes", ErrCorrupt, len(b))
	}
	w, d := &Wrap{Kind: WrapKind(b[1])}, decoder{}
	if w.Kind != WrapHPKE && w.Kind != WrapUnlock {
		return nil, fmt.Errorf("wrap of kind %d: %w", b[1], ErrUnsupportedVersion)
	}
	err := fields.Decode(b[2:], fields.Schema{1: true, 2: true, 3: true, 4: false, 5: true}, func(f fields.Field) error {
		switch f.Number {
		case 1:
			d.err = f.Copy(w.Scope.Job[:])
		case 2:
			d.err = f.Copy(w.Scope.Device[:])
		case 3:
			w.Scope.Generation = uint32(d.uint(f, 1<<32-1))
		case 4:
			w.KeyID, d.err = f.Blob(32)
		case 5:
			w.Body, d.err = f.Blob(-1)
		}
		return d.err
	})
	if err == nil && (w.Scope.Job.IsZero() || w.Scope.Device.IsZero() || w.Scope.Generation == 0 || w.Body == nil) {
		err = fmt.Errorf("incomplete wrap")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: wrap: %w", ErrCorrupt, err)
	}
	return w, nil
}
