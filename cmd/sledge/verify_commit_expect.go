package main

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/fsck"
)

// commitExpect is what a reader knows of the import that he waits for. A marker
// that is signed and of another one is not his.
type commitExpect struct{ target, job, device, run string }

func (e *commitExpect) add(flags *pflag.FlagSet) {
	flags.StringVar(&e.target, "target", "", "s3://BUCKET/PREFIX/ that the marker must commit (default: one that its own address lies in); for a copy")
	flags.StringVar(&e.job, "job", "", "JOB that it must be of")
	flags.StringVar(&e.device, "device", "", "DEVICE that it must be of")
	flags.StringVar(&e.run, "run", "", "RUN of the import that it must be of: its --run-id, or as the import's report has it, with the attempt and the state folder's digits")
}

// check holds a marker that was read from name to what is expected.
func (e *commitExpect) check(name string, r *fsck.CommitReport) error {
	want := e.target
	if want != "" {
		bucket, prefix, err := target.ParseTarget(want)
		if err != nil {
			return &usageError{Err: err}
		}
		want = target.URL(bucket, prefix)
	}
	for _, f := range []struct{ what, want, got string }{
		{"target", want, r.Target}, {"job", e.job, r.Job}, {"device", e.device, r.Device}, {"run", e.run, r.Run},
	} {
		if f.want != "" && f.want != f.got && !(f.what == "run" && receipt.NamesRun(f.got, f.want)) {
			return hint(fmt.Errorf("%s: %w: it is of %s %s, not of %s", name, errRefused, f.what, f.got, f.want), "it is another import's: do not read what is below it for this one's")
		}
	}
	if want == "" && strings.HasPrefix(name, "s3://") && (r.Target == "" || !strings.HasPrefix(name, r.Target)) {
		return hint(fmt.Errorf("%s: %w: it commits %s, and does not lie there", name, errRefused, r.Target), "it was copied; whether the objects were, too, it does not say. If you know that, give --target %s", r.Target)
	}
	return nil
}
