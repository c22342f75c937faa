package manifest

import (
	"fmt"

	"github.com/sledge-io/sledge/internal/fields"
)

// PeekRemark reads a record's remark alone; reason is "" where there is none.
func PeekRemark(record []byte) (reason, detail string, err error) {
	for r := fields.NewReader(record); ; {
		f, ok, err := r.Next()
		if err != nil {
			return "", "", fmt.Errorf("%w: record: %w", ErrCorrupt, err)
		}
		if !ok {
			return reason, detail, nil
		}
		switch f.Number {
		case FieldRemark:
			reason = string(f.Value)
		case fieldRemarkDetail:
			detail = string(f.Value)
		}
	}
}
