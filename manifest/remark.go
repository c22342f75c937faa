package manifest

import (
	"fmt"

	"github.com/sledge-io/sledge/internal/fields"
)

// Field numbers of Record.Remark and its details.
const (
	FieldRemark       = 35
	fieldRemarkDetail = 36
)

// SetRemark puts a remark on an encoded record that is no continuation; an empty
// reason takes it off. Fields of later versions stay.
func SetRemark(record []byte, reason, detail string) ([]byte, error) {
	w := fields.NewWriter(make([]byte, 0, len(record)+len(reason)+len(detail)+8))
	r := fields.NewReader(record)
	var behind []fields.Field // the writer takes fields in order
	for {
		f, ok, err := r.Next()
		if err != nil {
			return nil, fmt.Errorf("%w: record: %w", ErrCorrupt, err)
		}
		if !ok {
			break
		}
		switch {
		case f.Number < FieldRemark:
			w.Blob(f.Number, f.Critical, f.Value)
		case f.Number > fieldRemarkDetail:
			behind = append(behind, f)
		}
	}
	if reason != "" {
		w.Text(FieldRemark, false, reason)
		w.Text(fieldRemarkDetail, false, detail)
	}
	for _, f := range behind {
		w.Blob(f.Number, f.Critical, f.Value)
	}
	if b := w.Bytes(); len(b) <= MaxRecord {
		return b, nil
	}
	if detail == "" {
		return nil, fmt.Errorf("%w: no room for a remark in a record of %d bytes", ErrCorrupt, len(record))
	}
	return SetRemark(record, reason, "")
}

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
