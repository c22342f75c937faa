package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

type rebuildReport struct {
	*appliance.RebuildReport
	Onto string `json:"onto"`
}

func (r *rebuildReport) print(w io.Writer) {
	fmt.Fprintf(w, "rebuilt bay %d onto %s: %s of %s, %s\n", r.Bay, escape(r.Onto), plural(r.Shards, "shard"), plural(r.Packs, "pack"), size(r.Bytes))
	for _, lost := range r.Lost {
		fmt.Fprintf(w, "  lost %s\n", escape(lost))
	}
}

func (a *app) rebuildCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rebuild --replace DIR",
		Short: "write a lost disk's shards again onto a new disk, without a key",
		Long: `Name the good disks with --disk, leave the bad one out, and give an empty disk with
--replace. The lost disk's shards are made again from the other disks, and every
block is proven against the signed hashes. The new disk takes the lost one's bay.
This works before and after the seal. After an interruption run it again.`,
		Example: `  sledge rebuild --replace /mnt/new --disk '/mnt/bay[0-6]' --trust signer.pub
  sledge rebuild --replace /mnt/new --bay 7 --device /var/lib/sledge --disk '/mnt/bay[0-6]'`,
	}
	var f chainFlags
	cmd.Flags().StringVar(&f.trust, "trust", "", "the job signer's public key (signer.pub) or fingerprint; on a device its own pinned one is taken")
	replace := cmd.Flags().String("replace", "", "the new, empty disk's mount point `DIR` (required)")
	bay := cmd.Flags().Int("bay", -1, "the `BAY` to rebuild (default: the one that is missing)")
	cmd.Flags().Lookup("bay").DefValue = "0" // pflag does not show a zero, and -1 says nothing
	return a.verb(cmd, func(ctx context.Context, _ []string) (report, error) { return a.rebuild(ctx, &f, *replace, *bay) })
}

func (a *app) rebuild(ctx context.Context, f *chainFlags, replace string, bay int) (report, error) {
	if replace == "" {
		return nil, usagef("--replace is missing: onto which disk?")
	}
	onto, err := openFolder(replace)
	if err != nil {
		return nil, fmt.Errorf("disk %s: %w", replace, err)
	}
	defer vfs.Close(onto)
	disks, done, err := a.openDisks()
	if err != nil {
		return nil, err
	}
	defer done()
	if i := slices.IndexFunc(disks, func(d appliance.Disk) bool { return sameFolder(d.Name, replace) }); i >= 0 {
		return nil, fmt.Errorf("disk %s: %w: it is both --disk and --replace", disks[i].Name, errSameDisk)
	}
	o := appliance.RebuildOptions{Bay: bay, Onto: appliance.Disk{Name: replace, FS: onto}, Rand: randomID}
	if f.trust == "" && a.device != "" {
		d, err := a.openDevice(true) // no load meanwhile
		if err != nil {
			return nil, err
		}
		defer d.close()
		o.Signer = d.Signer()
	} else if o.Signer, err = f.signer(disks); err != nil {
		return nil, err
	}
	m := a.meter("rebuild")
	defer m.end()
	o.Progress = func(packs, total uint64) {
		m.tell(sample{phase: "rebuild", files: int64(packs), totalFiles: int64(total), unit: "packs"})
	}
	r, err := appliance.Rebuild(ctx, disks, o)
	m.end()
	if r == nil {
		return nil, err
	}
	if err == nil && o.Signer == nil {
		err = errUnproven
	}
	return &rebuildReport{r, replace}, err
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
