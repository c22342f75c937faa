package audit

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/audit/inventory"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/sample"
	"github.com/sledge-io/sledge/internal/verdict"
)

// ByInventory is the method that asks no store; the others are the importer's.
const ByInventory = "inventory"

// Options of Compare.
type Options struct {
	By          string       // a method of the importer, or ByInventory
	Inventory   string       // with ByInventory: file or folder
	Columns     string       // of an inventory without a manifest
	Size        *sample.Size // nil: every object
	Seed        string       // of the sample; "": a new one
	Extras      bool         // name what no receipt knows
	Markers     []string     // commit markers below the prefix, with Extras
	Differences string       // new file for every difference; "" is none

	// Target returns where a device's objects are. It is asked for every device.
	Target func(device int) (Place, error)
	// Explain gives an error of the target its kind and its remedy.
	Explain  func(error) error
	Warn     func(format string, args ...any)
	Progress func(Progress)
	Now      func() time.Time
}

// Place is where objects are.
type Place struct {
	Bucket, Prefix string
	Endpoint       string        // "" is AWS
	IdleTimeout    time.Duration // in which a byte of a payload must move; below zero it is not watched

	// Open connects to the store. It is called once, and not for an inventory.
	Open func(context.Context) (target.Reader, error)
}

// URL is the place as receipts name it.
func (p Place) URL() string { return target.URL(p.Bucket, p.Prefix) }

// Progress is how far a comparison is. Totals of zero are not known.
type Progress struct {
	Listing             bool // the listing is read: objects are counted, and have no bytes
	Objects, AllObjects uint64
	Bytes, AllBytes     int64
}

// comparison is one call's work on the objects.
type comparison struct {
	*Options
	report *Report
	target Place
	found  *differenceFile
	bytes  int64 // of all objects, if the receipts were proven
	told   map[toldObject]struct{}
}

// toldObject is one that is missing or different by one way of looking. Another way finds the
// same: it is one difference.
type toldObject struct {
	receipts, key string
}

// maxTold bounds those that are remembered; what comes later may count twice.
const maxTold = 1 << 17

// Compare holds the store, or a listing of it, against the lists that have just been
// proven. An error means that it did not come to its end; what it found until then is in the
// report. Differences are no error: End tells.
func (r *Report) Compare(ctx context.Context, o Options) (err error) {
	c := &comparison{Options: &o, report: r}
	defer func() {
		r.broken = err != nil
		r.prove()
	}()
	if err := c.agree(); err != nil {
		return err
	}
	if o.Differences == "" {
		return otherPrefix(c.compare(ctx))
	}
	// A comparison that does not come to its end leaves no file: it would look whole.
	_, err = files.New(o.Differences, 0o600, func(w io.Writer) error {
		c.found = newDifferenceFile(w, o.Differences)
		return errors.Join(c.compare(ctx), c.found.flush())
	})
	return otherPrefix(err)
}

// otherPrefix tells that --target names a prefix at which the receipts' objects are not:
// their keys are looked for as they are signed.
func otherPrefix(err error) error {
	if !errors.Is(err, ErrPrefix) {
		return err
	}
	return advice.Hint(&advice.UsageError{Err: err}, "name with --target the prefix that the import wrote to, or the bucket alone; another bucket must have the objects under the same keys")
}

// compare asks the store, or the listing, or both.
func (c *comparison) compare(ctx context.Context) error {
	if c.By == ByInventory {
		return c.listing(ctx, nil)
	}
	store, err := c.target.Open(ctx)
	if err == nil {
		err = c.objects(ctx, store)
	}
	if err == nil && c.Extras {
		err = c.listing(ctx, store)
	}
	return c.Explain(err)
}

// agree finds the target that all receipts name, and counts their objects.
func (c *comparison) agree() error {
	r := c.report
	for i, d := range r.Devices {
		o, err := c.Target(i)
		if err != nil {
			return err
		}
		if i > 0 && o.URL() != c.target.URL() {
			return advice.Hint(advice.Usagef("the receipts are of %s and of %s", c.target.URL(), o.URL()), "verify the receipts of each target by a call of its own, or name one with --target")
		}
		c.target = o
		if err := d.count(); err != nil {
			return err
		}
		if d.ReceiptReport != nil {
			c.bytes += int64(d.Bytes)
		}
	}
	r.Target, r.Endpoint = c.target.URL(), c.target.Endpoint
	for _, d := range r.Devices {
		if c.By != ByInventory && d.ReceiptReport != nil && strings.TrimSuffix(d.Endpoint, "/") != strings.TrimSuffix(r.Endpoint, "/") {
			c.Warn("%s: the import wrote to %s; the objects are looked for in %s", d.Receipts, cmp.Or(d.Endpoint, "AWS"), cmp.Or(r.Endpoint, "AWS"))
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
	seed := c.Seed
	if seed == "" {
		seed = rand.Text()
	}
	var sampler *sample.Sampler
	wanted := population
	if c.Size != nil {
		wanted = c.Size.Of(population)
		sampler = sample.NewSampler(population, wanted, seed)
	}
	total := &ObjectReport{}
	c.report.Store = total
	for _, d := range c.report.Devices {
		before := *total
		found, err := c.device(ctx, d, store, ObjectOptions{
			IdleTimeout: c.target.IdleTimeout, By: Method(c.By), Prefix: c.target.Prefix, Sample: sampler,
			Progress: func(objects uint64, bytes int64) {
				p := Progress{Objects: before.Objects + objects, AllObjects: wanted, Bytes: before.Bytes + bytes}
				if sampler == nil {
					p.AllBytes = c.bytes
				}
				c.Progress(p)
			},
		})
		d.Store = &found
		total.Add(found)
		if err != nil {
			return err
		}
	}
	if sampler != nil {
		said := sample.NewReport(population, total.Objects, total.Differences, seed)
		c.report.Sample = &said
	}
	return nil
}

func (c *comparison) device(ctx context.Context, d *Device, store target.Reader, o ObjectOptions) (ObjectReport, error) {
	list, err := d.list()
	if err != nil {
		return ObjectReport{}, err
	}
	defer list.Close()
	o.Difference = func(e *target.Error) { c.difference(d, c.By, e) }
	return Objects(ctx, list, store, o)
}

// listing compares with an inventory or, if a store is given, with its own list.
func (c *comparison) listing(ctx context.Context, store target.Reader) error {
	scratch, done, err := files.Scratch("")
	if err != nil {
		return err
	}
	defer done()
	l := NewListing(ListingOptions{Scratch: scratch, Prefix: c.target.Prefix, Markers: c.Markers,
		Progress: func(n uint64) { c.Progress(Progress{Listing: true, Objects: n}) }})
	defer l.Close() // the folder goes with it
	by := "listing"
	if store == nil {
		by = ByInventory
		err = c.addInventory(ctx, l)
	} else {
		err = l.AddStore(ctx, store, ObjectOptions{IdleTimeout: c.target.IdleTimeout}, c.Now)
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
		case c.Extras:
			c.difference(nil, by, e)
		}
	})
	if !c.Extras {
		total.Extra, total.Ours = 0, 0 // nobody asked, and an inventory may be of more than the import
	}
	c.report.Listing = &total
	for i, d := range c.report.Devices {
		d.Listing = &each[i]
	}
	return err
}

func (c *comparison) addInventory(ctx context.Context, l *Listing) error {
	inv, err := inventory.Open(c.Inventory, c.Columns)
	if err != nil {
		return inventoryError(err)
	}
	l.Source("S3 Inventory", inv.Taken)
	if err := inv.Each(ctx, c.target.Bucket, l.Add); err != nil && ctx.Err() == nil {
		return inventoryError(err)
	}
	return ctx.Err()
}

// inventoryError is of a file that the operator named: one that is not there or
// cannot be opened says nothing about its content.
func inventoryError(err error) error {
	var at *fs.PathError
	switch {
	case errors.Is(err, inventory.ErrColumns):
		return &advice.UsageError{Err: fmt.Errorf("inventory: %w", err)}
	case errors.As(err, &at), errors.Is(err, fs.ErrNotExist):
		return advice.Hint(fmt.Errorf("inventory: %w", err), "fetch the inventory first, with every file that its manifest.json names: it is read from this machine")
	}
	return advice.Hint(fmt.Errorf("%w: inventory: %w", verdict.ErrRefused, err), "fetch the inventory again, with every file that its manifest.json names, as CSV or Parquet")
}

func (c *comparison) addClaims(ctx context.Context, l *Listing, d *Device, by string) error {
	list, err := d.list()
	if err != nil {
		return err
	}
	defer list.Close()
	_, err = l.AddClaims(ctx, list, func(e *target.Error) { c.difference(d, by, e) })
	return err
}

// difference keeps the first findings, and writes all of them to the file.
func (c *comparison) difference(d *Device, by string, e *target.Error) {
	r, kind := c.report, KindOf(e)
	line := differenceLine{Kind: kind, By: by, Key: e.Path, Code: e.Code, Cause: e.Cause}
	if d != nil {
		line.Receipts = d.Receipts
	}
	c.found.add(line) // each finding, with the way that it was found
	if d != nil && (kind == KindMissing || kind == KindDifferent) && c.again(toldObject{d.Receipts, e.Path}) {
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
