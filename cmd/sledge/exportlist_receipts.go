package main

import (
	"context"
	"fmt"
	"os"

	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/internal/statefolder"
	"github.com/sledge-io/sledge/internal/sumlist"
	"github.com/sledge-io/sledge/internal/vfs"
)

// listReceipts takes the records from an import's receipts. A page of them goes into
// the list once its root is the one that the device signed, and not before.
func (a *app) listReceipts(ctx context.Context, f *exportListFlags, prefix string, l *sumlist.List) error {
	if count(f.siteKey.given(), f.recovery.given(), f.loadKey.given()) > 0 {
		return usagef("--receipts needs no key: leave --site-key, --recovery and --load-key out")
	}
	folder, err := statefolder.ReceiptsOf(f.receipts, a.telling())
	if err != nil {
		return err
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		return fmt.Errorf("receipts: %w", err)
	}
	defer root.Close()
	m := a.meter("verify")
	defer m.End()
	o, done, err := a.receiptOptions(f, m)
	if err != nil {
		return err
	}
	defer done()
	p := sumlist.NewPage(l, prefix)
	r, err := fsck.VerifyReceipts(ctx, vfs.Plain(root), fsck.ReceiptOptions{Options: o, Object: p.Add})
	if err != nil {
		return err
	}
	d := &audit.Device{ReceiptReport: r}
	if err := d.Proven(); isBadList(err) {
		return err
	}
	f.proven = r.Manifest.Origin == fsck.OriginProven
	for _, n := range r.Manifest.Findings {
		l.Report.Partial = l.Report.Partial || n.Class == "seal-incomplete"
	}
	return p.Flush()
}

// receiptOptions are those of the verifier. The label is asked for as of a reader.
func (a *app) receiptOptions(f *exportListFlags, m *progress.Meter) (o fsck.Options, done func(), err error) {
	if _, err := f.labelText(); err != nil {
		return o, nil, err
	}
	if o, done, err = a.fsckOptions(&f.chainFlags, m); err != nil || f.trust != "" || f.site == "" {
		return o, done, err
	}
	s, err := openSite(f.site)
	if err == nil {
		o.Trust = &fsck.Trust{}
		o.Trust.Key, err = s.PublicKey(site.Signer)
	}
	if err != nil {
		done()
	}
	return o, done, err
}

// isBadList tells whether an error of the verifier is of the records. Damage of the disks
// that can be repaired is not, nor a missing trust, which has its own exit code.
func isBadList(err error) bool {
	code, _ := diagnose(err)
	return code != exitDone && code != exitUnproven && code != exitDamage
}
