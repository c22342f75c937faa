package main

import (
	"context"
	"errors"
	"os"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/internal/statefolder"
	"github.com/sledge-io/sledge/manifest"
)

// auditedDevice is one device's receipts with its disks.
type auditedDevice struct {
	*audit.Device
	chain chainFlags
	disks []string
}

// auditDevices are the receipts with their disks and labels.
func (a *app) auditDevices(f *auditFlags, names []string) ([]*auditedDevice, error) {
	folders, err := statefolder.Receipts(names, a.telling())
	if err != nil {
		return nil, err
	}
	disks, err := a.diskPaths()
	if err != nil && !errors.Is(err, errNoDisks) {
		return nil, err
	}
	if len(disks) == 0 && f.target == "" {
		return nil, hint(errNoDisks, "name a disk with the manifest's log, or say with --target s3://… where the objects are; without a disk the origin is not proven")
	}
	found, err := keyless.Match(folders, disks, f.labels, f.noLabel)
	if err != nil {
		return nil, err
	}
	var devices []*auditedDevice
	for _, r := range found {
		devices = append(devices, &auditedDevice{Device: &audit.Device{Receipts: r.Folder}, disks: r.Disks, chain: chainFlags{trust: f.trust, noLabel: f.noLabel, label: r.Label}})
	}
	return devices, nil
}

// auditPlace is what the signed total names, which need not be the job's; flags go
// before it. The total is the one that was verified, read under the job's importer keys.
func (a *app) auditPlace(f *auditFlags, d *auditedDevice) (audit.Place, error) {
	if len(d.disks) == 0 {
		return placeIn(f.targetFlags, &manifest.Job{})
	}
	loose := d.chain
	loose.noLabel = loose.label == ""
	disks, done, err := a.with(d.disks).openDisks()
	if err != nil {
		return audit.Place{}, err
	}
	defer done()
	signer, err := loose.signer(disks)
	if err != nil {
		return audit.Place{}, err
	}
	label, err := loose.labelText()
	if err != nil {
		return audit.Place{}, err
	}
	set, err := appliance.OpenSetContext(a.ctx, disks, signer, label)
	if err == nil {
		err = set.CheckChain(a.ctx, signer, label)
	}
	if err != nil {
		return audit.Place{}, err
	}
	total, err := d.Total(set.Job)
	if err != nil {
		return audit.Place{}, err
	}
	asked := f.targetFlags
	d.Endpoint = total.Endpoint // as it is read now, under the same keys
	if asked.target == "" && asked.endpoint == "" && total.Endpoint != "" && f.by != audit.ByInventory && !endpointElsewhere() {
		return audit.Place{}, hint(usagef("%s: the import wrote to %s, and no endpoint is given: AWS would be asked about a bucket of that name", d.Receipts, total.Endpoint),
			"give --endpoint %s, or another one that leads to the same store", total.Endpoint)
	}
	if asked.target == "" {
		asked.target = total.Target
	}
	if asked.profile == "" {
		asked.profile = total.Profile
	}
	return placeIn(asked, set.Job)
}

// placeIn is where the flags, else the job, say that objects are.
func placeIn(f targetFlags, job *manifest.Job) (audit.Place, error) {
	c, prefix, err := f.connection(job)
	return audit.Place{Bucket: c.Bucket, Prefix: prefix, Endpoint: c.Endpoint, IdleTimeout: f.idleTimeout(),
		Open: func(ctx context.Context) (target.Reader, error) { return s3.Open(ctx, c) }}, err
}

// endpointElsewhere tells whether the environment names an endpoint.
func endpointElsewhere() bool {
	return os.Getenv("AWS_ENDPOINT_URL_S3") != "" || os.Getenv("AWS_ENDPOINT_URL") != ""
}
