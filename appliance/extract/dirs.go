package extract

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/appliance/read"
	"github.com/sledge-io/sledge/manifest"
)

// maxDirs bounds the folders that an extraction keeps in memory. Of more it reads the
// manifest once more.
const maxDirs = 100000

// madeDirs are the folders whose attributes are set at the end: what is written into a
// folder moves its time, and a mode without w would refuse it. Until then a folder that
// the run has made is its owner's alone.
type madeDirs struct {
	limit int
	list  []*manifest.Record
	more  bool     // list is not all
	last  string   // order key of the last one
	above []string // made, and not listed: above the prefix, or without a record
}

func (d *madeDirs) add(rec *manifest.Record) {
	d.last = rec.OrderKey()
	if len(d.list) < d.limit && !d.more {
		d.list = append(d.list, rec)
		return
	}
	d.list, d.more = nil, true
}

// dir makes the folder of a record.
func (x *extractor) dir(ctx context.Context, rec *manifest.Record) {
	fd, made, err := x.tree.makeNew(rec.Path)
	if err != nil {
		x.fail(rec.Path, err)
		return
	}
	defer unix.Close(fd)
	if !made {
		letOwnerIn(fd)
		x.sweep(ctx, fd, rec.Path)
	}
	x.entries.Add(1)
	x.dirs.add(rec)
}

// above makes a folder that entries are below.
func (x *extractor) above(ctx context.Context, dir string) {
	fd, made, err := x.tree.makeNew(dir)
	if err != nil {
		return // the entries below fail by it
	}
	defer unix.Close(fd)
	switch {
	case !made:
		x.sweep(ctx, fd, dir)
	case len(x.dirs.above) < x.dirs.limit:
		x.dirs.above = append(x.dirs.above, dir)
	default:
		x.notice("there are too many folders without a record: some keep mode 0700")
	}
}

// letOwnerIn gives the owner the right to write into a folder of an earlier run, whose
// recorded mode may have none. The recorded mode comes back at the end. at is a place for
// names, which has no fchmod.
func letOwnerIn(at int) {
	var st unix.Stat_t
	if unix.Fstat(at, &st) == nil && st.Mode&0o700 != 0o700 && int(st.Uid) == unix.Geteuid() {
		_ = unix.Chmod(fmt.Sprintf("/proc/self/fd/%d", at), st.Mode&0o7777|0o700) // else the entries below fail
	}
}

// restore sets a folder's attributes before those of the folder above, whose mode may
// refuse the way down.
func (d *madeDirs) restore(ctx context.Context, x *extractor) error {
	for i := len(d.list) - 1; i >= 0; i-- {
		x.meta(d.list[i])
	}
	var err error
	if d.more {
		err = d.restoreListed(ctx, x)
	}
	for i := len(d.above) - 1; i >= 0; i-- {
		x.metaAbove(ctx, d.above[i])
	}
	return err
}

// errLastDir ends a listing behind the last folder that was made.
var errLastDir = errors.New("the last folder")

func (d *madeDirs) restoreListed(ctx context.Context, x *extractor) error {
	var open []*manifest.Record // each below the one before
	leave := func(key string) {
		for n := len(open); n > 0 && !strings.HasPrefix(key, open[n-1].OrderKey()); n-- {
			x.meta(open[n-1])
			open = open[:n-1]
		}
	}
	var above lineage
	lost := func(uint64, error) error { return nil } // named before
	err := x.records.EachRecord(ctx, x.o.Prefix, lost, func(rec *manifest.Record) error {
		parent := above.next(rec)
		if rec.Kind != manifest.KindDir {
			return nil
		}
		if manifest.CompareKeys(rec.OrderKey(), d.last) > 0 {
			return errLastDir
		}
		if parent == nil {
			leave(rec.OrderKey())
			open = append(open, rec)
		}
		return nil
	})
	if err != nil && err != errLastDir {
		return err
	}
	leave("")
	return nil
}

// meta restores a folder's attributes.
func (x *extractor) meta(rec *manifest.Record) {
	fd, err := x.openToRead(rec.Path)
	if errors.Is(err, fs.ErrExist) {
		return // no folder: its entry has failed
	}
	if err != nil {
		x.lose(rec.Path, fmt.Sprintf("attributes: %v", err))
		return
	}
	defer unix.Close(fd)
	x.fileMeta(fd, rec)
	x.syncFolder(fd, rec.Path)
}

// metaAbove gives a folder that is no entry of this run the attributes of its record.
// Without a record it gets the mode of a new folder.
func (x *extractor) metaAbove(ctx context.Context, dir string) {
	e, err := x.records.Lookup(ctx, dir)
	switch {
	case err == nil && e.Record.Kind == manifest.KindDir:
		x.meta(e.Record)
		return
	case err != nil && !errors.Is(err, read.ErrNotFound):
		x.lose(dir, fmt.Sprintf("mode: it stays 0700, as its record cannot be read: %v", err))
		return
	}
	fd, err := x.openToRead(dir)
	if err == nil {
		defer unix.Close(fd)
		err = unix.Fchmod(fd, 0o777&^x.tree.umask)
		x.syncFolder(fd, dir)
	}
	if err != nil {
		x.lose(dir, fmt.Sprintf("mode: %v", err))
	}
}

// syncFolder is for the names in a folder where syncfs is not believed. Its error is the
// next sync's.
func (x *extractor) syncFolder(fd int, name string) { _ = x.tree.synced.folder(fd, name) }

// openToRead opens a folder itself, where open gives a place for names.
func (x *extractor) openToRead(dir string) (int, error) {
	at, err := x.tree.open(dir)
	if err != nil {
		return -1, err
	}
	defer unix.Close(at)
	return unix.Openat(at, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}
