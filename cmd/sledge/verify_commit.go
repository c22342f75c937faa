package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

type commitReport struct {
	*fsck.CommitReport
	Receipts string `json:"receipts"` // the same, or not compared
}

func (r *commitReport) Print(w io.Writer) {
	complete := "NO: objects are missing or not proven"
	if r.Complete {
		complete = "yes"
	}
	fmt.Fprintf(w, "target      %s\nobjects     %d, %s\ncomplete    %s\n", escape(r.Target), r.Objects, size(int64(r.Bytes)), complete)
	fmt.Fprintf(w, "job         %s\ndevice      %s, generation %d\nrun         %s, finished %s, signed by importer %s\n",
		r.Job, r.Device, r.Generation, escape(r.Run), r.Finished.Format(time.RFC3339), r.Importer)
	fmt.Fprintf(w, "receipts    %s, checkpoint sha256:%s; %s\norigin      %s\n", plural(r.ReceiptSize, "line"), r.SHA256, r.Receipts, r.Origin)
}

func (a *app) verifyCommit() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "commit FILE|s3://BUCKET/KEY",
		Short: "check the commit marker of an import",
		Long: `The commit marker is the last object that an import writes. This proves that an
importer whom the job names signed it, and shows what it commits. It is read from
a file or from the store; there it counts only below the target that it names.
--job, --device and --run say of which import it must be: a prefix may hold an
earlier one's. Whether the objects stand there is for "sledge verify import", with
the receipts that the marker names.`,
		Example: `  sledge verify commit s3://archive/2026/_SLEDGE_COMMIT --trust signer.pub
  sledge verify commit marker.dsse --trust sha256:1f0c… --receipts /srv/import/job1/receipts`,
	}
	flags := cmd.Flags()
	var reach targetFlags
	trust := flags.String("trust", "", "the job signer's public key (signer.pub) or fingerprint (sha256:…), known by another way")
	receipts := flags.String("receipts", "", "the receipts folder to compare with")
	reach.addReach(flags, "generic")
	var expect commitExpect
	expect.add(flags)
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		t, err := fsckTrust(*trust)
		if err != nil {
			return nil, err
		}
		if t == nil {
			t = &fsck.Trust{}
		}
		marker, err := readMarker(ctx, args[0], reach)
		if err != nil {
			return nil, err
		}
		c, err := fsck.VerifyCommit(marker, *t)
		if err != nil {
			return nil, hint(fmt.Errorf("%s: %w: %w", args[0], errRefused, err), "do not read what is below it; ask the importer")
		}
		r := &commitReport{c, "not compared: give --receipts"}
		if err := expect.check(args[0], c); err != nil {
			return r, err
		}
		if err := r.compare(*receipts); err != nil {
			return r, err
		}
		return r, r.end()
	})
}

func (r *commitReport) compare(dir string) error {
	if dir == "" {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("receipts: %w", err)
	}
	defer root.Close()
	if err := r.CheckReceipts(vfs.Plain(root)); err != nil {
		r.Receipts = "DIFFERENT from what the marker commits"
		return hint(fmt.Errorf("%s: %w: %w", dir, errRefused, err), "take the receipts of run %s", r.Run)
	}
	r.Receipts = "the ones given"
	return nil
}

func (r *commitReport) end() error {
	switch {
	case r.Origin != fsck.OriginProven:
		return errUnproven
	case !r.Complete:
		return hint(fmt.Errorf("%w: the marker says that the import is not complete", errObjects), "the receipts name what is missing")
	}
	return nil
}

// readMarker reads a marker from a file or from the store.
func readMarker(ctx context.Context, name string, reach targetFlags) ([]byte, error) {
	bucket, key, inStore := target.CutTarget(name)
	if !inStore {
		return files.Read(name, manifest.MaxStatement)
	}
	if bucket == "" || key == "" {
		return nil, usagef("%q is not s3://BUCKET/KEY", name)
	}
	reach.target = "s3://" + bucket + "/"
	at, err := placeIn(reach, &manifest.Job{Target: manifest.JobTarget{Profile: "generic"}})
	if err != nil {
		return nil, err
	}
	store, err := at.Open(ctx)
	if err != nil {
		return nil, asTargetError(err)
	}
	marker, err := audit.ReadObject(ctx, store, audit.ObjectOptions{IdleTimeout: at.IdleTimeout}, key, manifest.MaxStatement)
	if target.IsNotFound(err) {
		return nil, hint(fmt.Errorf("%s: %w", name, os.ErrNotExist), "the import has not been committed; wait for its end")
	}
	return marker, asTargetError(err)
}
