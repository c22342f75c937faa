package main

import (
	"bufio"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/manifest"
)

// auditedDevice is one device's receipts, and what was found of them.
type auditedDevice struct {
	Receipts            string                  `json:"receipts"` // folder
	*fsck.ReceiptReport                         // nil: no disks, the list was believed as it is
	Store               *importer.VerifyReport  `json:"store,omitempty"`
	Listing             *importer.ListingReport `json:"listing,omitempty"`
	Canceled            *importer.CancelMark    `json:"canceled,omitempty"` // the run was given up

	chain   chainFlags
	disks   []string
	objects uint64 // that the list says are in the store
	other   bool   // the objects are in another target than the job's
}

// auditDevices are the receipts with their disks and labels.
func (a *app) auditDevices(f *auditFlags, names []string) ([]*auditedDevice, error) {
	folders, err := a.receiptsFolders(names)
	if err != nil {
		return nil, err
	}
	disks, err := a.diskPaths()
	if err != nil && !errors.Is(err, errNoDisks) {
		return nil, err
	}
	if len(disks) == 0 && f.target == "" && !f.offline {
		return nil, hint(errNoDisks, "name a disk with the manifest's log, or say with --target s3://… where the objects are; without a disk the origin is not proven")
	}
	if len(disks) == 0 && f.offline {
		return nil, errNoDisks
	}
	found, err := delivered().Match(folders, disks, f.labels, f.noLabel)
	if err != nil {
		return nil, err
	}
	var devices []*auditedDevice
	for _, r := range found {
		devices = append(devices, &auditedDevice{Receipts: r.Folder, disks: r.Disks, chain: chainFlags{trust: f.trust, noLabel: f.noLabel, label: r.Label}})
	}
	return devices, nil
}

// list opens the device's objects.list. Where it was verified before, its end is an error
// if it is not that list any more.
func (d *auditedDevice) list() (io.ReadCloser, error) {
	f, err := files.OpenIn(d.Receipts, "objects.list")
	if err != nil || d.ReceiptReport == nil {
		return f, err
	}
	return &sameList{f, sha256.New(), filepath.Join(d.Receipts, "objects.list"), d.ListSHA256}, nil
}

// sameList is a list that has to be the one that was verified.
type sameList struct {
	io.ReadCloser
	sum  hash.Hash
	name string
	want string // SHA-256 in hexadecimal
}

func (l *sameList) Read(p []byte) (int, error) {
	n, err := l.ReadCloser.Read(p)
	l.sum.Write(p[:n])
	if errors.Is(err, io.EOF) && hex.EncodeToString(l.sum.Sum(nil)) != l.want {
		return n, errChanged(l.name)
	}
	return n, err
}

func errChanged(name string) error {
	return hint(fmt.Errorf("%w: %s is not what was verified a moment ago: somebody changes it", errRefused, name), "copy the receipts where nobody writes, and verify the copy")
}

// count fills objects: from what was proven, or from the list itself.
func (d *auditedDevice) count() error {
	if d.ReceiptReport != nil {
		d.objects = uint64(d.Outcomes["stored"] + d.Outcomes["already-there"])
		return nil
	}
	list, err := d.list()
	if err != nil {
		return err
	}
	defer list.Close()
	d.objects, err = importer.CountObjects(bufio.NewReader(list))
	return err
}

// target is what the signed total names, which need not be the job's; flags go
// before it. The total is the one that was verified, read under the job's importer keys.
func (a *app) auditTarget(f *auditFlags, d *auditedDevice) (importer.Options, error) {
	if len(d.disks) == 0 {
		return f.targetFlags.options(&manifest.Job{})
	}
	loose := d.chain
	loose.noLabel = loose.label == ""
	disks, done, err := a.with(d.disks).openDisks()
	if err != nil {
		return importer.Options{}, err
	}
	defer done()
	signer, err := loose.signer(disks)
	if err != nil {
		return importer.Options{}, err
	}
	label, err := loose.labelText()
	if err != nil {
		return importer.Options{}, err
	}
	set, err := appliance.OpenSetContext(a.ctx, disks, signer, label)
	if err == nil {
		err = set.CheckChain(a.ctx, signer, label)
	}
	if err != nil {
		return importer.Options{}, err
	}
	total, err := d.total(set.Job)
	if err != nil {
		return importer.Options{}, err
	}
	asked := f.targetFlags
	d.Endpoint = total.Endpoint // as it is read now, under the same keys
	if asked.target == "" && asked.endpoint == "" && total.Endpoint != "" && f.by != byInventory && !endpointElsewhere() {
		return importer.Options{}, hint(usagef("%s: the import wrote to %s, and no endpoint is given: AWS would be asked about a bucket of that name", d.Receipts, total.Endpoint),
			"give --endpoint %s, or another one that leads to the same store", total.Endpoint)
	}
	if asked.target == "" {
		asked.target = total.Target
	}
	if asked.profile == "" {
		asked.profile = total.Profile
	}
	return asked.options(set.Job)
}

// endpointElsewhere tells whether the environment names an endpoint.
func endpointElsewhere() bool {
	return os.Getenv("AWS_ENDPOINT_URL_S3") != "" || os.Getenv("AWS_ENDPOINT_URL") != ""
}

// total reads the total that was verified.
func (d *auditedDevice) total(job *manifest.Job) (total importer.ReceiptTotal, err error) {
	name := filepath.Join(d.Receipts, "total.dsse")
	env, err := files.Read(name, manifest.MaxStatement)
	if err != nil {
		return total, err
	}
	if sum := sha256.Sum256(env); d.ReceiptReport != nil && hex.EncodeToString(sum[:]) != d.TotalSHA256 {
		return total, errChanged(name)
	}
	var keys []ed25519.PublicKey
	for _, key := range job.Roles.Importer {
		keys = append(keys, key.PublicKey)
	}
	if _, _, err := manifest.OpenStatement(env, importer.PredicateReceipt, &total, keys...); err != nil {
		return total, errors.Join(errRefused, err)
	}
	return total, nil
}
