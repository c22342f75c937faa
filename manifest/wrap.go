package manifest

import (
	"fmt"
	"math"

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

func (w *Wrap) form() fields.Form {
	return fields.Form{
		fields.Array(1, true, w.Scope.Job[:]),
		fields.Array(2, true, w.Scope.Device[:]),
		fields.Uint(3, true, &w.Scope.Generation, math.MaxUint32),
		fields.Blob(4, false, &w.KeyID, 32),
		fields.Blob(5, true, &w.Body, -1),
	}
}

// Encode returns the file's bytes.
func (w *Wrap) Encode() []byte {
	f := fields.NewWriter([]byte{Version, byte(w.Kind)})
	w.form().Write(f)
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
	w := &Wrap{Kind: WrapKind(b[1])}
	if w.Kind != WrapHPKE && w.Kind != WrapUnlock {
		return nil, fmt.Errorf("wrap of kind %d: %w", b[1], ErrUnsupportedVersion)
	}
	err := w.form().Read(b[2:])
	if err == nil && (w.Scope.Job.IsZero() || w.Scope.Device.IsZero() || w.Scope.Generation == 0 || w.Body == nil) {
		err = fmt.Errorf("incomplete wrap")
	}
	if err != nil {
		return nil, fmt.Errorf("%w: wrap: %w", ErrCorrupt, err)
	}
	return w, nil
}
