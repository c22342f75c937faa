package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/vfs"
)

// comparison is one call's work on the objects.
type comparison struct {
	app     *app
	flags   *auditFlags
	report  *verifyImportReport
	options importer.Options
	found   *differenceFile
	meter   *meter
	bytes   int64 // of all objects, if the receipts were proven
	told    map[toldObject]struct{}
}

// toldObject is one that is missing or different by one way of looking. Another way finds the
// same: it is one difference.
type toldObject struct {
	receipts, key string
}

// maxTold bounds those that are remembered; what comes later may count twice.
const maxTold = 1 << 17

// compareObjects holds the store, or a listing of it, against the lists that have
// just been proven.
func (a *app) compareObjects(ctx context.Context, f *auditFlags, r *verifyImportReport) error {
	c := &comparison{app: a, flags: f, report: r, meter: a.meter("verify")}
	defer c.meter.end()
	defer r.conclude()
	if err := c.agree(); err != nil {
		return err
	}
	if f.differences == "" {
		return otherPrefix(c.compare(ctx))
	}
	// A comparison that does not come to its end leaves no file: it would look whole.
	_, err := files.New(f.differences, 0o600, func(w io.Writer) error {
		c.found = newDifferenceFile(w, f.differences)
		return errors.Join(c.compare(ctx), c.found.flush())
	})
	return otherPrefix(err)
}

// otherPrefix tells that --target names a prefix at which the receipts' objects are not:
// their keys are looked for as they are signed.
func otherPrefix(err error) error {
	if !errors.Is(err, importer.ErrPrefix) {
		return err
	}
	return hint(&usageError{Err: err}, "name with --target the prefix that the import wrote to, or the bucket alone; another bucket must have the objects under the same keys")
}

// compare asks the store, or the listing, or both.
func (c *comparison) compare(ctx context.Context) error {
	f := c.flags
	if f.by == byInventory {
		return c.listing(ctx, nil)
	}
	store, err := importer.NewS3(ctx, c.options)
	if err != nil {
		return asTargetError(err)
	}
	if err := c.objects(ctx, store); err != nil {
		return asTargetError(err)
	}
	if f.extras {
		return asTargetError(c.listing(ctx, store))
	}
	return nil
}

// agree finds the target that all receipts name, and counts their objects.
func (c *comparison) agree() error {
	for i, d := range c.report.Devices {
		o, err := c.app.auditTarget(c.flags, d)
		if err != nil {
			return err
		}
		if i > 0 && o.TargetURL() != c.options.TargetURL() {
			return hint(usagef("the receipts are of %s and of %s", c.options.TargetURL(), o.TargetURL()), "verify the receipts of each target by a call of its own, or name one with --target")
		}
		c.options = o
		if err := d.count(); err != nil {
			return err
		}
		if d.ReceiptReport != nil {
			c.bytes += int64(d.Bytes)
		}
	}
	c.report.Target, c.report.Endpoint = c.options.TargetURL(), c.options.Endpoint
	for _, d := range c.report.Devices {
		if c.flags.by != byInventory && d.ReceiptReport != nil && strings.TrimSuffix(d.Endpoint, "/") != strings.TrimSuffix(c.options.Endpoint, "/") {
			c.app.warn("%s: the import wrote to %s; the objects are looked for in %s", d.Receipts, cmp.Or(d.Endpoint, "AWS"), cmp.Or(c.options.Endpoint, "AWS"))
		}
	}
	return nil
}

// objects asks the store about every object, or about those of a sample.
func (c *comparison) objects(ctx context.Context, store target.Reader) error {
	var population uint64
	for _, d := range c.report.Devices {
		population += d.objects
	}
	seed := c.flags.seed
	if seed == "" {
		seed = rand.Text()
	}
	var sampler *importer.Sampler
	wanted := population
	if c.flags.size != nil {
		wanted = c.flags.size.Of(population)
		sampler = importer.NewSampler(population, wanted, seed)
	}
	total := &importer.VerifyReport{}
	c.report.Store = total
	for _, d := range c.report.Devices {
		before := *total
		found, err := c.device(ctx, d, store, importer.VerifyOptions{
			IdleTimeout: c.options.IdleTimeout, By: importer.Method(c.flags.by), Prefix: c.options.Prefix, Sample: sampler,
			Progress: func(objects uint64, bytes int64) {
				s := sample{phase: "store", bytes: before.Bytes + bytes, files: int64(before.Objects + objects), totalFiles: int64(wanted)}
				if sampler == nil {
					s.totalBytes = c.bytes
				}
				c.meter.tell(s)
			},
		})
		d.Store = &found
		total.Add(found)
		if err != nil {
			return err
		}
	}
	if sampler != nil {
		said := importer.NewSampleReport(population, total.Objects, total.Differences, seed)
		c.report.Sample = &said
	}
	return nil
}

func (c *comparison) device(ctx context.Context, d *auditedDevice, store target.Reader, o importer.VerifyOptions) (importer.VerifyReport, error) {
	list, err := d.list()
	if err != nil {
		return importer.VerifyReport{}, err
	}
	defer list.Close()
	o.Difference = func(e *target.Error) { c.difference(d, c.flags.by, e) }
	return importer.VerifyObjects(ctx, list, store, o)
}

// listing compares with an inventory or, if a store is given, with its own list.
func (c *comparison) listing(ctx context.Context, store target.Reader) error {
	scratch, done, err := scratchFolder("")
	if err != nil {
		return err
	}
	defer done()
	l := importer.NewListing(importer.ListingOptions{Scratch: scratch, Prefix: c.options.Prefix, Markers: c.flags.markers,
		Progress: func(n uint64) { c.meter.tell(sample{phase: "listing", files: int64(n), unit: "objects"}) }})
	defer l.Close() // the folder goes with it
	by := "listing"
	if store == nil {
		by = byInventory
		err = c.addInventory(ctx, l)
	} else {
		err = l.AddStore(ctx, store, importer.VerifyOptions{IdleTimeout: c.options.IdleTimeout}, c.app.now)
	}
	if err != nil {
		return err
	}
	for _, d := range c.report.Devices {
		if err := c.addClaims(ctx, l, d, by); err != nil {
			return err
		}
	}
	total, each, err := l.Compare(ctx, func(device int, e *target.Error) {
		switch {
		case device >= 0:
			c.difference(c.report.Devices[device], by, e)
		case c.flags.extras:
			c.difference(nil, by, e)
		}
	})
	if !c.flags.extras {
		total.Extra, total.Ours = 0, 0 // nobody asked, and an inventory may be of more than the import
	}
	c.report.Listing = &total
	for i, d := range c.report.Devices {
		d.Listing = &each[i]
	}
	return err
}

func (c *comparison) addInventory(ctx context.Context, l *importer.Listing) error {
	inv, err := importer.OpenInventory(c.flags.inventory, c.flags.columns)
	if err != nil {
		return inventoryError(err)
	}
	l.Source("S3 Inventory", inv.Taken)
	if err := inv.Each(ctx, c.options.Bucket, l.Add); err != nil && ctx.Err() == nil {
		return inventoryError(err)
	}
	return ctx.Err()
}

// inventoryError is of a file that the operator named: one that is not there or
// cannot be opened says nothing about its content.
func inventoryError(err error) error {
	var at *fs.PathError
	switch {
	case errors.Is(err, importer.ErrColumns):
		return &usageError{Err: fmt.Errorf("inventory: %w", err)}
	case errors.As(err, &at), errors.Is(err, fs.ErrNotExist):
		return hint(fmt.Errorf("inventory: %w", err), "fetch the inventory first, with every file that its manifest.json names: it is read from this machine")
	}
	return hint(fmt.Errorf("%w: inventory: %w", errRefused, err), "fetch the inventory again, with every file that its manifest.json names, as CSV or Parquet")
}

func (c *comparison) addClaims(ctx context.Context, l *importer.Listing, d *auditedDevice, by string) error {
	list, err := d.list()
	if err != nil {
		return err
	}
	defer list.Close()
	_, err = l.AddClaims(ctx, list, func(e *target.Error) { c.difference(d, by, e) })
	return err
}

// difference keeps the first findings, and writes all of them to the file.
func (c *comparison) difference(d *auditedDevice, by string, e *target.Error) {
	r, kind := c.report, importer.KindOf(e)
	line := differenceLine{Kind: kind, By: by, Key: e.Path, Code: e.Code, Cause: e.Cause}
	if d != nil {
		line.Receipts = d.Receipts
	}
	c.found.add(line) // each finding, with the way that it was found
	if d != nil && (kind == importer.KindMissing || kind == importer.KindDifferent) && c.again(toldObject{d.Receipts, e.Path}) {
		r.repeated++
		return
	}
	r.found++
	if len(r.Differences) < maxDifferences {
		r.Differences = append(r.Differences, e.Error())
	}
	if e.Remedy != "" && !slices.Contains(r.remedies, e.Remedy) {
		r.remedies = append(r.remedies, e.Remedy)
	}
}

// again tells whether an object was told before, and remembers it.
func (c *comparison) again(o toldObject) bool {
	if _, ok := c.told[o]; ok {
		return true
	}
	if c.told == nil {
		c.told = map[toldObject]struct{}{}
	}
	if len(c.told) < maxTold {
		c.told[o] = struct{}{}
	}
	return false
}

// scratchFolder is a folder of its own, for what does not fit in memory; "" is the
// system's place for them, TMPDIR.
func scratchFolder(in string) (vfs.FS, func(), error) {
	dir, err := os.MkdirTemp(in, ".sledge-scratch-")
	if err != nil {
		return nil, nil, err
	}
	disk, err := vfs.OS(dir)
	if err != nil {
		os.RemoveAll(dir)
		return nil, nil, err
	}
	return disk, func() {
		vfs.Close(disk) // only descriptors
		os.RemoveAll(dir)
	}, nil
}
