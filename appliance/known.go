package appliance

import (
	"fmt"

	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/manifest"
)

// knownSet is what the device has already, asked entry by entry in the manifest's
// order. The zero value knows nothing.
//
// An entry that differs supersedes the older one only if it comes from the same
// source. A path that another source has taken ends the scan: nobody's file may
// silently replace another's.
type knownSet struct {
	groups    uint64 // the highest link group
	gone      uint64 // entries of this source that were passed over
	goneBytes int64
	shared    uint64 // folders of this walk that another source brought

	sorter *extsort.Sorter
	next   func() pulled
	stop   func()
	at     pulled
	passed string // the last key that is gone
}

func (k *knownSet) close() {
	if k.sorter != nil {
		k.stop()
		k.sorter.Close()
	}
}

// knownEntries gathers what has been committed, from this source and from others.
func (d *Device) knownEntries(src *source) (*knownSet, error) {
	if d.state.entries == 0 {
		return &knownSet{}, nil
	}
	lists, err := d.findLists()
	if err != nil {
		return nil, err
	}
	heads := map[manifest.ID]listHead{}
	for _, l := range lists {
		heads[l.copies.id] = l.head
	}
	own := listHead{Root: src.root, As: src.prefix}
	disk, err := d.scratchDisk()
	if err != nil {
		return nil, err
	}
	k := &knownSet{sorter: extsort.New(extsort.Config{FS: disk.disk.FS, Dir: tmpDir, Memory: sortMemory})}
	err = d.eachListed(func(list manifest.ID, b []byte) error {
		kind, _, cont, err := manifest.PeekRecord(b)
		if err != nil || cont > 0 {
			return err
		}
		r, err := manifest.PeekHead(b)
		if err != nil {
			return err
		}
		k.groups = max(k.groups, r.LinkGroup)
		it := item{path: r.Path, kind: kind, size: r.Size, mtime: r.Mtime.UnixNano(), ctime: r.Ctime.UnixNano()}
		if head := heads[list]; head != own {
			it.detail = head.Root // whose file it is
		}
		return k.sorter.Add([]byte(it.orderKey()), it.encode())
	})
	if err != nil {
		k.sorter.Close()
		return nil, err
	}
	k.next, k.stop = pull(k.sorter)
	k.at = k.next()
	return k, nil
}

// same tells whether an entry has been committed already and has not changed since.
func (k *knownSet) same(it *item) (same bool, err error) {
	key := it.orderKey()
	for k.at.ok && k.at.key <= key {
		if k.at.key < key {
			if err := k.pass(); err != nil {
				return false, err
			}
			continue
		}
		old, err := decodeItem([]byte(k.at.value))
		if err != nil {
			return false, err
		}
		switch {
		case old.kind == manifest.KindSkipped: // it is looked at again
		case old.detail == "":
			same = old.kind == it.kind && old.size == it.size && old.mtime == it.mtime && old.ctime == it.ctime
		case old.kind == manifest.KindDir && it.kind == manifest.KindDir:
			same = true // folders of two sources are one
			k.shared++
		default: // also if size and times agree: two files may be made in one tick
			return false, fmt.Errorf("%q: %w, from %s", it.path, ErrTaken, old.detail)
		}
		k.at = k.next()
	}
	return same, k.at.err
}

// pass counts what only an earlier scan of this source has found.
func (k *knownSet) pass() error {
	old, err := decodeItem([]byte(k.at.value))
	if err == nil && old.detail == "" && k.at.key != k.passed {
		k.passed = k.at.key
		k.gone++
		if old.kind == manifest.KindFile {
			k.goneBytes += old.size
		}
	}
	k.at = k.next()
	return err
}

// rest passes what lies behind the last entry.
func (k *knownSet) rest() error {
	for k.at.ok {
		if err := k.pass(); err != nil {
			return err
		}
	}
	return k.at.err
}
