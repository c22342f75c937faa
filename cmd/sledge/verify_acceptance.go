package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/internal/acceptance"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/internal/statefolder"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

func (a *app) verifyAcceptance() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "acceptance FILE [RECEIPTS...]",
		Short: "check a job's acceptance against the receipts",
		Long: `FILE is a statement of "sledge accept". RECEIPTS are the receipts folders of the job's
devices, or the imports' state folders. This proves who accepted what. An acceptor whom
the job names signed it, and it speaks of every device of the job. The receipts are the
accepted ones, whole. What they do not prove is exactly what was waived.

No disk is needed. With any disk of a device it is also checked that the receipts cover
its manifest, which otherwise is the acceptor's word. With its label the accepted
manifest is proven to be the device's last one.`,
		Example: `  sledge verify acceptance acceptance.dsse /srv/import/job1/receipts --trust signer.pub
  sledge verify acceptance acceptance.dsse receipts --trust signer.pub --label device.label --disk /mnt/bay0`,
	}
	trust := cmd.Flags().String("trust", "", "the job signer's public key (signer.pub) or fingerprint (sha256:…), known by another way")
	labels := cmd.Flags().StringArray("label", nil, "a device's label file; may be repeated")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		return a.checkAcceptance(ctx, args[0], args[1:], *trust, *labels)
	})
}

func (a *app) checkAcceptance(ctx context.Context, name string, dirs []string, trust string, labels []string) (report, error) {
	file, err := files.Read(name, manifest.MaxStatement)
	if err != nil {
		return nil, err
	}
	if dirs, err = statefolder.Receipts(dirs, a.telling()); err != nil {
		return nil, err
	}
	m := a.meter("verify")
	defer m.End()
	o, done, err := a.acceptanceOptions(trust, labels, m)
	if err != nil {
		return nil, err
	}
	defer done()
	for _, dir := range dirs {
		root, err := os.OpenRoot(dir)
		if err != nil {
			return nil, fmt.Errorf("receipts: %w", err)
		}
		defer root.Close()
		o.Receipts = append(o.Receipts, fsck.Receipts{Name: dir, FS: vfs.Plain(root)})
	}
	r, err := fsck.VerifyAcceptance(ctx, file, o)
	m.End()
	if err != nil {
		return nil, err
	}
	rep := acceptance.NewVerified(r)
	return rep, rep.End()
}

// acceptanceOptions are trust, labels and disks, if any are named.
func (a *app) acceptanceOptions(trust string, labels []string, m *progress.Meter) (fsck.AcceptanceOptions, func(), error) {
	o, done, err := a.fsckOptions(&chainFlags{trust: trust}, m)
	if errors.Is(err, errNoDisks) {
		done, err = func() {}, nil
	}
	if err != nil {
		return fsck.AcceptanceOptions{}, nil, err
	}
	all := fsck.AcceptanceOptions{Options: o}
	for _, name := range labels {
		text, err := files.Read(name, manifest.MaxCheckpoint)
		if err != nil {
			done()
			return all, nil, err
		}
		all.Labels = append(all.Labels, text)
	}
	return all, done, nil
}
