package appliance

import (
	"fmt"

	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// peekSize reads a good record's size, 0 for a folder, and tells whether it has a
// remark: the last two fields of all.
func peekSize(b []byte) (size int64, remark bool, err error) {
	r := fields.NewReader(b)
	for {
		f, ok, err := r.Next()
		if err != nil {
			return 0, false, fmt.Errorf("%w: %w", manifest.ErrCorrupt, err)
		}
		if !ok {
			return size, remark, nil
		}
		switch f.Number {
		case 3:
			v, err := f.UintMax(1<<63 - 1)
			if err != nil {
				return 0, false, err
			}
			size = int64(v)
		case manifest.FieldRemark:
			remark = true
		}
	}
}
