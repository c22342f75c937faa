package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/keyless"
)

func (a *app) scrubCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "scrub",
		Short: "read and check every block on the device's disks",
		Long: `Read every block of every committed pack and check it against its signed hash. No load
key is needed, and nothing is written: "sledge rebuild" mends what is found.

With --read-back only that is read which was never read back since it was written, and a
sample of each disk that was written to after that. A load does this behind its writing
and a seal does the rest; here it is done between them. The device must be unlocked, and
remembers what was read.`,
		Example: `  sledge scrub --device /var/lib/sledge --disk '/mnt/bay*'
  sledge scrub --read-back`,
	}
	readBack := cmd.Flags().Bool("read-back", false, "read what was never read back since it was written, and remember it")
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) {
		if *readBack {
			return a.readBack(ctx)
		}
		d, err := a.openDevice(true) // packs that are being written would look damaged
		if err != nil {
			return nil, err
		}
		defer d.close()
		disks, done, err := a.readOnlyDisks()
		if err != nil {
			return nil, err
		}
		defer done()
		workers, err := fsckWorkers(len(disks))
		if err != nil {
			return nil, err
		}
		m := a.meter("scrub")
		defer m.End()
		o := fsck.Options{Disks: disks, Workers: workers, ReadSize: readSize(disks), Trust: &fsck.Trust{Key: d.Signer()}, Progress: func(s fsck.Status) { m.Tell(fsckSample(s)) }}
		r, err := fsck.Disks(ctx, o)
		m.End()
		if err != nil {
			return nil, err
		}
		found := &keyless.SetReport{Report: r}
		return found, found.End()
	})
}
