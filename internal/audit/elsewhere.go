package audit

import (
	"fmt"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
)

// classOtherTarget is of receipts whose objects went somewhere else than the job says.
const classOtherTarget = "other-target"

// CompareTarget makes it a finding if the signed receipts name another target than the job,
// unless the operator names that very one, or the job names none.
func (d *Device) CompareTarget(asked string) error {
	if d.ReceiptReport == nil || d.Verdict == fsck.VerdictRefused || d.JobTarget == "" || d.Target == d.JobTarget {
		return nil
	}
	if asked != "" {
		bucket, prefix, err := target.ParseTarget(asked)
		if err != nil {
			return &advice.UsageError{Err: err}
		}
		if target.URL(bucket, prefix) == d.Target {
			return nil
		}
	}
	d.Findings = append(d.Findings, fsck.Finding{Severity: fsck.Warning, Class: classOtherTarget, Count: 1,
		Text: fmt.Sprintf("the import went to %s, the job says %s", terminal.Escape(d.Target), terminal.Escape(d.JobTarget))})
	d.other = true
	return nil
}

// elsewhere is CompareTarget's finding as an error.
func (d *Device) elsewhere() error {
	if !d.other {
		return nil
	}
	return advice.Hint(fmt.Errorf("%w: %s: the import went to %s, the job says %s", ErrOtherTarget, d.Receipts, d.Target, d.JobTarget),
		"ask the importer why; if it was agreed, say so: --target %s", d.Target)
}
