package audit

import (
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/advice"
)

// CompareTarget makes it a finding if the signed receipts name another target than the job,
// unless the operator names that very one, or the job names none.
func (d *Device) CompareTarget(asked string) error {
	if asked != "" {
		bucket, prefix, err := target.ParseTarget(asked)
		if err != nil {
			return &advice.UsageError{Err: err}
		}
		asked = target.URL(bucket, prefix)
	}
	own := d.own()
	own.CompareTarget(asked)
	d.other = own.Elsewhere
	return nil
}
