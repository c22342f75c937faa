package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/progress"
)

type readBackReport struct{ *appliance.ReadBackReport }

func (r *readBackReport) Print(w io.Writer) {
	fmt.Fprintf(w, "read back   %d of %s; %s read now\n", r.ReadBack, plural(r.Packs, "pack"), size(r.Bytes))
	for _, disk := range r.FailedDisks {
		fmt.Fprintf(w, "  failed     %s\n", escape(disk))
	}
}

// readBack is scrub --read-back.
func (a *app) readBack(ctx context.Context) (report, error) {
	w, err := a.openWork(firmware.EventLock) // allowed in every state that has a secret
	if err != nil {
		return nil, err
	}
	defer w.close()
	m := a.meter("scrub")
	defer m.End()
	r, err := w.ReadBack(ctx, func(done, total int64) { m.Tell(progress.Sample{Phase: "read back", Bytes: done, TotalBytes: total}) })
	m.End()
	for _, disk := range r.FailedDisks {
		err = errors.Join(err, fmt.Errorf("%w: %s", errReadBackDisk, disk))
	}
	return &readBackReport{r}, err
}

// errReadBackDisk: a disk did not give back what it was given.
var errReadBackDisk = errors.New("a disk failed")
