package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Bounds of what a listing may bring. S3's keys end at 1,024 bytes.
const (
	maxListedKey  = receipt.MaxKey
	maxListedText = 256 // of an ETag, of the names of algorithms
)

// ListingOptions configures NewListing.
type ListingOptions struct {
	Scratch  vfs.FS   // where what does not fit in memory is sorted; encrypted
	Prefix   string   // of the target
	Markers  []string // names below the prefix of commit markers: sledge's own, too
	Memory   int      // bytes; default 32 MiB
	Progress func(listed uint64)
}

// Listing holds a listing of the target's prefix, taken by the store itself or
// found in an inventory, against the lists of one or more devices. Both may be of
// any length and in any order: they are sorted together by key, and what stands
// under one key is compared. First every Add, then every AddClaims, then Compare.
type Listing struct {
	opts    ListingOptions
	sorter  *extsort.Sorter
	claimed bool
	wrong   []uint64 // of each device: lines that do not fit their own record
	buf     []byte
	report  ListingReport
}

// ListingReport is what a listing says. Content is not proven by it.
type ListingReport struct {
	Source      string    `json:"source"`
	Taken       time.Time `json:"taken,omitzero"` // begun
	Until       time.Time `json:"until,omitzero"` // ended
	Listed      uint64    `json:"listed"`         // current objects below the prefix
	Objects     uint64    `json:"objects"`        // that the receipts name
	Same        uint64    `json:"same"`           // there, with the size of the manifest
	Missing     uint64    `json:"missing"`
	Different   uint64    `json:"different"`
	NotCompared uint64    `json:"not_compared"`
	Kinds       uint64    `json:"kinds_compared"` // of those that are the same: the checksum's kind is, too
	Extra       uint64    `json:"extra"`
	Ours        uint64    `json:"ours"` // of sledge itself: names that begin with .sledge-
}

// NewListing returns an empty one; Close it.
func NewListing(o ListingOptions) *Listing {
	return &Listing{opts: o, sorter: extsort.New(extsort.Config{FS: o.Scratch, Dir: "sort", Memory: o.Memory})}
}

// Close removes the scratch files.
func (l *Listing) Close() error { return l.sorter.Close() }

// Add takes a line of the listing. Lines outside of the prefix and of versions
// that are not current are left out.
func (l *Listing) Add(o target.Listed) error {
	switch {
	case l.claimed:
		return errors.New("a listing's lines come before the lists") // Compare needs that order
	case len(o.Key) > maxListedKey || len(o.ETag) > maxListedText || len(o.Algorithm) > maxListedText:
		return fmt.Errorf("a key, ETag or algorithm of %d bytes", max(len(o.Key), len(o.ETag), len(o.Algorithm)))
	case o.Latest == target.LatestNo || !strings.HasPrefix(o.Key, l.opts.Prefix):
		return nil
	}
	l.report.Listed++
	if l.opts.Progress != nil {
		l.opts.Progress(l.report.Listed)
	}
	l.buf = encodeListed(l.buf[:0], o)
	return l.sorter.Add([]byte(o.Key), l.buf)
}

// AddStore lists the store's prefix. now is the clock.
func (l *Listing) AddStore(ctx context.Context, to target.Reader, opts ObjectOptions, now func() time.Time) error {
	store, ok := to.(target.Lister)
	if !ok {
		return errors.New("this target cannot be listed")
	}
	calls := opts.withDefaults().caller(ctx)
	l.Source("ListObjectsV2", now())
	turns := target.NewLoopGuard()
	for token := ""; ; {
		var page []target.Listed
		next := ""
		err := calls.Idempotent(ctx, request.Call{Name: request.ListObjectsV2}, func(ctx context.Context) (err error) {
			page, next, err = store.List(ctx, l.opts.Prefix, token)
			return err
		})
		if err != nil {
			return request.OfContext(ctx, err)
		}
		for _, o := range page {
			if err := l.Add(o); err != nil {
				return fmt.Errorf("the store's listing: %w", err)
			}
		}
		if token = next; token == "" {
			l.report.Until = now()
			return nil
		}
		if turns.Closes(token) {
			return target.ListingStuck(l.opts.Prefix)
		}
	}
}

// Source says where the lines come from and when they were taken; zero: not known.
func (l *Listing) Source(name string, taken time.Time) { l.report.Source, l.report.Taken = name, taken }

// AddClaims takes the objects of a device's list and returns the device's number.
// A line that does not fit its own record is told to bad.
func (l *Listing) AddClaims(ctx context.Context, list io.Reader, bad func(*target.Error)) (device int, err error) {
	l.claimed = true
	device = len(l.wrong)
	l.wrong = append(l.wrong, 0)
	_, err = eachClaim(list, func(c claim, wrong *target.Error) error {
		if wrong != nil {
			l.wrong[device]++
			bad(wrong)
			return nil
		}
		if err := c.below(l.opts.Prefix); err != nil {
			return err
		}
		l.buf = encodeClaimed(l.buf[:0], newClaimed(c, device))
		if err := l.sorter.Add([]byte(c.line.Key), l.buf); err != nil {
			return err
		}
		return ctx.Err()
	})
	return device, err
}

// Compare goes over all keys once and calls difference for each finding; an extra
// object is of no device: -1. It returns the report of all and one of each device.
func (l *Listing) Compare(ctx context.Context, difference func(device int, e *target.Error)) (ListingReport, []ListingReport, error) {
	c := &listingCompare{prefix: l.opts.Prefix, markers: l.opts.Markers, taken: l.report.Taken, total: l.report, devices: make([]ListingReport, len(l.wrong)), difference: difference, claims: map[int]bool{}}
	for i, n := range l.wrong {
		c.devices[i] = ListingReport{Source: l.report.Source, Taken: l.report.Taken, Until: l.report.Until, Listed: l.report.Listed, Objects: n, Different: n}
		c.total.Objects, c.total.Different = c.total.Objects+n, c.total.Different+n
	}
	count := 0
	err := l.sorter.Each(func(key, value []byte) error {
		if count++; count%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		return c.pair(key, value)
	})
	if err == nil {
		c.closeKey()
	}
	return c.total, c.devices, err
}
