package seal

import (
	"context"
	"errors"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/manifest"
)

// FinishOptions say what the end of a seal may do without.
type FinishOptions struct {
	Absent   []int                   // bays whose disk is not here
	Progress func(done, total int64) // bytes of shards that are written again and read; nil is no progress
}

// Finish does what is left once size and root are in the ledger: it makes sure
// that every disk has the log and its shards, and writes from the others what one
// lacks; it signs the checkpoint, writes it to every disk, removes the journal and
// destroys the unlock wraps. Nothing is signed while a shard that the log names is
// neither there nor can be made again: ErrLost. It needs no load key and may be
// repeated: a call that ends with ctx has signed nothing, or all of it, and blames no
// disk.
func Finish(ctx context.Context, c Config, ledger disk.Ledger, o FinishOptions) (*Result, error) {
	held, err := disk.Lock(c.Disks)
	if err != nil {
		return nil, err
	}
	defer held.Release()
	return finishSeal(ctx, c, ledger, o)
}

func finishSeal(ctx context.Context, c Config, ledger disk.Ledger, o FinishOptions) (*Result, error) {
	if _, _, ok := ledger.RecordedCheckpoint(c.Scope.Origin()); !ok {
		return nil, errors.New("no seal has begun")
	}
	set, err := c.owner().Match(c.Disks)
	if err != nil {
		return nil, err
	}
	disks := newCompletion(ctx, c, set, ledger)
	disks.progress = o.Progress
	d, size, root := disks.sealing, disks.cp.Size, disks.cp.Root
	if err := d.nothingFailed(o.Absent); err != nil {
		return nil, err
	}
	if err := disks.run(); err != nil {
		return nil, err
	}
	if err := d.nothingFailed(o.Absent); err != nil {
		return nil, err
	}
	if ctx.Err() != nil { // from here on a repeated call would do the same
		return nil, context.Cause(ctx)
	}
	cp, err := manifest.SignCheckpoint(c.Scope.Origin(), size, root, c.Key)
	if err != nil {
		return nil, err
	}
	st, env, err := d.statementNow(root, cp)
	if err != nil {
		return nil, err
	}
	set.Each(func(b *disk.Bay) error {
		if err := durable.WriteFile(b.Disk.FS, disk.SealName, env); err != nil {
			return err
		}
		return durable.WriteFile(b.Disk.FS, disk.CheckpointName, cp)
	})
	if err := d.nothingFailed(o.Absent); err != nil {
		return nil, err
	}
	set.Each(disk.DestroyKeys)
	if err := d.nothingFailed(o.Absent); err != nil {
		return nil, err
	}
	label := manifest.Label{Scope: c.Scope, Disks: len(set), JobSerial: c.Job.Serial, JobSHA256: crypto.SumSHA256(c.JobFile), Checkpoint: cp}
	return &Result{Label: label.Encode(), Checkpoint: cp, Statement: *st}, nil
}
