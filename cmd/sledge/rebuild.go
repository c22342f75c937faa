package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

type rebuildReport struct {
	*rebuild.Report
	Onto string `json:"onto"`
}

func (r *rebuildReport) Print(w io.Writer) {
	fmt.Fprintf(w, "rebuilt bay %d onto %s: %s of %s, %s\n", r.Bay, escape(r.Onto), plural(r.Shards, "shard"), plural(r.Packs, "pack"), size(r.Bytes))
	for _, lost := range r.Lost {
		fmt.Fprintf(w, "  lost %s\n", escape(lost))
	}
}

func (a *app) rebuildCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rebuild --replace DIR",
		Short: "replace a lost disk: write its shards onto a new one, without a key",
		Long: `Name the good disks with --disk, leave the bad one out, and give an empty disk with
--replace. The lost disk's shards are made again from the other disks, and every
block is proven against the signed hashes. The new disk takes the lost one's bay.
This works before and after the seal; before the seal all disks but m are needed.
After an interruption run it again. With exit code 7 keep the old disk: what is
named was on it alone.`,
		Example: `  sledge rebuild --replace /mnt/new --disk '/mnt/bay[0-6]' --trust signer.pub
  sledge rebuild --replace /mnt/new --bay 7 --device /var/lib/sledge --disk '/mnt/bay[0-6]'`,
	}
	var f chainFlags
	cmd.Flags().StringVar(&f.trust, "trust", "", "the job signer's public key (signer.pub) or fingerprint; on a device its own pinned one is taken")
	replace := cmd.Flags().String("replace", "", "the new, empty disk's mount point `DIR` (required)")
	bay := cmd.Flags().Int("bay", -1, "the `BAY` to rebuild (default: the one that is missing)")
	cmd.Flags().Lookup("bay").DefValue = "0" // pflag does not show a zero, and -1 says nothing
	var allow allowFlags
	allow.add(cmd.Flags())
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) {
		return a.rebuild(ctx, &f, *replace, *bay, &allow)
	})
}

func (a *app) rebuild(ctx context.Context, f *chainFlags, replace string, bay int, allow *allowFlags) (report, error) {
	if replace == "" {
		return nil, usagef("--replace is missing: onto which disk?")
	}
	if err := a.checkFolders([]string{replace}); err != nil {
		return nil, err
	}
	onto, err := openMountedDisk(replace, !allow.shared)
	if err != nil {
		return nil, err
	}
	defer vfs.Close(onto.FS)
	disks, done, err := a.openMounted(!allow.shared)
	if err != nil {
		return nil, err
	}
	defer done()
	if i := slices.IndexFunc(disks, func(d appliance.Disk) bool { return sameFolder(d.Name, replace) }); i >= 0 {
		return nil, fmt.Errorf("disk %s: %w: it is both --disk and --replace", disks[i].Name, errSameDisk)
	}
	o := rebuild.Options{Bay: bay, Onto: onto, Allowed: allow.allowed(), Rand: randomID}
	needed, err := appliance.CheckNewDisk(onto, disks, o.Allowed)
	if err != nil {
		return nil, hintFolders(err)
	}
	if a.device != "" {
		d, err := a.openDevice(true) // no load meanwhile
		if err != nil {
			return nil, err
		}
		defer d.close()
		o.Signer, o.Taken, o.Ledger = d.Signer(), allowAtWork(d, needed), d
	}
	if f.trust != "" || a.device == "" {
		if o.Signer, err = f.signer(disks); err != nil {
			return nil, err
		}
	}
	if err := needFiles("this command", appliance.RebuildFiles(len(disks))); err != nil {
		return nil, err
	}
	m := a.meter("rebuild")
	defer m.End()
	o.Progress = func(packs, total uint64) {
		m.Tell(progress.Sample{Phase: "rebuild", Files: int64(packs), TotalFiles: int64(total), Unit: "packs"})
	}
	r, err := rebuild.Run(ctx, disks, o)
	m.End()
	if r == nil {
		return nil, err
	}
	if errors.Is(err, appliance.ErrLost) {
		err = hint(err, "do not discard the disk that bay %d had: it may hold the only whole copy; with it in its bay the device is as before", r.Bay)
	}
	if err == nil && o.Signer == nil {
		err = errUnproven
	}
	return &rebuildReport{r, replace}, err
}

// allowAtWork writes down what was let pass as a disk of the device's own job, as long as
// its statement is not signed.
func allowAtWork(d *device, needed appliance.Allowed) func(manifest.Scope, bool) error {
	return func(of manifest.Scope, sealed bool) error {
		if sealed || of != d.scope() || d.State() == firmware.Sealed {
			return nil
		}
		return d.AllowDisks(needed.Shared, needed.Filesystems)
	}
}

func sameFolder(a, b string) bool {
	x, err1 := os.Stat(a)
	y, err2 := os.Stat(b)
	return err1 == nil && err2 == nil && os.SameFile(x, y)
}

func randomID() (id manifest.ID, err error) {
	_, err = io.ReadFull(rand.Reader, id[:])
	return id, err
}
