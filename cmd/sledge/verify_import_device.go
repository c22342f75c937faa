package main

import (
	"bufio"
	"crypto/ed25519"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/manifest"
)

// auditedDevice is one device's receipts, and what was found of them.
type auditedDevice struct {
	Receipts            string                  `json:"receipts"` // folder
	*fsck.ReceiptReport                         // nil: no disks, the list was believed as it is
	Store               *importer.VerifyReport  `json:"store,omitempty"`
	Listing             *importer.ListingReport `json:"listing,omitempty"`

	chain   chainFlags
	disks   []string
	objects uint64 // that the list says are in the store
}

// auditDevices finds out which disks and which label are of which receipts. With
// one device everything is its own, so that a strange disk or label is named by
// those who verify it.
func (a *app) auditDevices(f *auditFlags, folders []string) ([]*auditedDevice, error) {
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
	var devices []*auditedDevice
	for _, folder := range folders {
		d := &auditedDevice{Receipts: folder, disks: disks, chain: chainFlags{trust: f.trust, noLabel: f.noLabel}}
		origin, err := receiptsOrigin(folder)
		if err != nil {
			return nil, err
		}
		if len(folders) > 1 {
			d.disks = ofDevice(disks, origin, diskOrigin)
			if len(disks) > 0 && len(d.disks) == 0 {
				return nil, hint(usagef("no disk is of the device of %s", folder), "name one disk of each device, or none at all")
			}
		}
		if d.chain.label, err = labelOf(f.labels, origin, len(folders) > 1); err != nil {
			return nil, err
		}
		devices = append(devices, d)
	}
	return devices, nil
}

// labelOf picks the label of a device; "" is none.
func labelOf(labels []string, origin string, several bool) (string, error) {
	if several {
		labels = ofDevice(labels, origin, labelOrigin)
	}
	switch len(labels) {
	case 0:
		return "", nil
	case 1:
		return labels[0], nil
	}
	return "", usagef("%s of one device", plural(len(labels), "label"))
}

// ofDevice are the names whose origin is this one. Nothing is believed by that:
// the chain is verified afterwards.
func ofDevice(names []string, origin string, of func(string) string) (some []string) {
	for _, name := range names {
		if of(name) == origin {
			some = append(some, name)
		}
	}
	return some
}

// receiptsOrigin is the device that a receipts folder says it is of, in the words
// of its manifest's checkpoint.
func receiptsOrigin(folder string) (string, error) {
	text, err := readFile(filepath.Join(folder, "log", "checkpoint"), manifest.MaxCheckpoint)
	if err != nil {
		return "", err
	}
	origin, _, _ := strings.Cut(firstLine(text), "/import/")
	return origin, nil
}

func diskOrigin(disk string) string {
	text, err := readFile(filepath.Join(disk, appliance.Root, "log", "checkpoint"), manifest.MaxCheckpoint)
	if err != nil {
		return "" // a disk of no use is left to those who verify one device
	}
	return firstLine(text)
}

func labelOrigin(label string) string {
	text, err := readFile(label, manifest.MaxCheckpoint)
	if err != nil {
		return ""
	}
	_, checkpoint, _ := strings.Cut(string(text), "\n\n")
	return firstLine([]byte(checkpoint))
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

// list opens the device's objects.list.
func (d *auditedDevice) list() (io.ReadCloser, error) {
	return os.Open(filepath.Join(d.Receipts, "objects.list"))
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
// before it. The total is read under the job's importer keys again: what was
// verified before is not what lies there now by need.
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
	set, err := appliance.OpenSet(disks, signer, label)
	if err != nil {
		return importer.Options{}, err
	}
	total, err := readTotal(d.Receipts, set.Job)
	if err != nil {
		return importer.Options{}, err
	}
	asked := f.targetFlags
	if asked.target == "" {
		asked.target = total.Target
	}
	if asked.profile == "" {
		asked.profile = total.Profile
	}
	return asked.options(set.Job)
}

func readTotal(folder string, job *manifest.Job) (total importer.ReceiptTotal, err error) {
	name := filepath.Join(folder, "total.dsse")
	env, err := readFile(name, manifest.MaxStatement)
	if err != nil {
		return total, err
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
