package scan

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"time"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/filter"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Options say what is scanned and against which rules.
type Options struct {
	As       string // put before every path in the manifest
	Rules    Rules
	Force    bool     // files are read again, whatever their times say
	Moved    []string // the paths that the source was loaded from, besides the present one
	Replace  bool     // committed versions may be replaced where nobody knows that this is their source
	Empty    bool     // a source without an entry is no mistake
	Progress func(Report)
	Found    func(Finding) error // takes every finding; nil is allowed

	Filter      *filter.Set   // what is left out; Run alone heeds it
	Concurrency int           // calls on the source in flight; 0 lets its answers decide. Run alone heeds it
	Timeout     time.Duration // of one call on the source; 0 is DefaultTimeout. Run alone heeds it

	Continued []manifest.ID          // the lists of this very load that earlier calls had begun
	Removed   func(key string) error // takes every entry that is gone for certain; nil: nothing is withdrawn
	MayRemove func(*Report) error    // may refuse what a scan found gone; nil is allowed
	Met       func(path string)      // called for every entry of the source; nil is allowed
}

// Report is what a scan found, and what that means for the device. Findings and
// paths are capped; their counts are exact.
type Report struct {
	Root         string    `json:"root"`
	Entries      uint64    `json:"entries"` // in the source
	Files        uint64    `json:"files"`
	Dirs         uint64    `json:"directories"`
	Symlinks     uint64    `json:"symlinks"`
	Hardlinks    uint64    `json:"hard_links"`
	Skipped      uint64    `json:"skipped"`    // that could not be looked at
	Unchanged    uint64    `json:"unchanged"`  // loaded before this load was begun, and as they were
	Replaced     uint64    `json:"replaced"`   // loaded already, and changed since: the new version takes its place
	Dropped      uint64    `json:"dropped"`    // loaded earlier, below what is no folder any more: they leave the manifest
	Gone         uint64    `json:"gone"`       // loaded earlier, and not in the source any more: they stay on the device
	GoneBytes    int64     `json:"gone_bytes"` // of the files among them
	Shared       uint64    `json:"shared"`     // folders that another source brought already
	Bytes        int64     `json:"bytes"`      // of the files in the source
	Largest      int64     `json:"largest"`
	FindingCount uint64    `json:"finding_count"`
	Blocking     uint64    `json:"blocking"`
	Findings     []Finding `json:"findings"`

	LeftOutCount uint64    `json:"left_out_count"` // by filters; a folder counts once
	LeftOut      []LeftOut `json:"left_out"`       // by rule
	Kept         uint64    `json:"left_out_kept"`  // loaded earlier, and left out now: they stay on the device
	Loaded       uint64    `json:"loaded_before"`  // of this source, for certain
	Removable    uint64    `json:"removable"`      // gone, and --withdraw-deleted withdraws them
	RemoveHeld   uint64    `json:"gone_held"`      // gone below a folder that is empty or another file system now: not withdrawn
	Missing      uint64    `json:"listed_missing"` // listed, and not met in the source
	Filters      string    `json:"filters"`        // the digest of the rules; "" of none

	MountPaths []string `json:"-"` // folders of other file systems than the source's, the uppermost, at most MaxMounts

	LeftOutPaths  []string `json:"-"`
	MissingPaths  []string `json:"-"`
	ReplacedPaths []string `json:"-"`
	DroppedPaths  []string `json:"-"`
	GonePaths     []string `json:"-"`

	Unsure     uint64 `json:"-"` // of the replaced and dropped, those of which nobody knows that this is their source
	UnsurePath string `json:"-"` // one of them
}

// AddGone counts an entry of the device that is not in the source any more.
func (r *Report) AddGone(path string, size int64) {
	r.Gone++
	r.GoneBytes += size
	r.GonePaths = AppendPath(r.GonePaths, path)
}

// MaxMounts bounds the folders of other file systems that a scan remembers.
const MaxMounts = 4096

// mounted remembers a folder of another file system. They come in the manifest's order.
func (r *Report) mounted(path string) {
	if n := len(r.MountPaths); n > 0 && strings.HasPrefix(path, r.MountPaths[n-1]+"/") || n == MaxMounts {
		return
	}
	r.MountPaths = append(r.MountPaths, path)
}

// same counts an entry that need not be loaded. One that this load has brought itself is
// counted by it.
func (r *Report) same(it *Item) {
	if it.Flags&ItemOurs == 0 {
		r.Unchanged++
	}
}

// compared takes what comparing with the device has counted.
func (r *Report) compared(k *Report) {
	r.Replaced, r.Dropped, r.Gone, r.GoneBytes, r.Shared, r.Kept, r.Loaded, r.Removable, r.RemoveHeld, r.Unsure, r.UnsurePath = k.Replaced, k.Dropped, k.Gone, k.GoneBytes, k.Shared, k.Kept, k.Loaded, k.Removable, k.RemoveHeld, k.Unsure, k.UnsurePath
	r.ReplacedPaths, r.DroppedPaths, r.GonePaths = k.ReplacedPaths, k.DroppedPaths, k.GonePaths
}

const maxFindings = 10000

func (r *Report) find(f Finding) {
	r.FindingCount++
	if f.Blocks {
		r.Blocking++
	}
	if len(r.Findings) < maxFindings {
		r.Findings = append(r.Findings, f)
	}
}

func (r *Report) count(it *Item) {
	r.Entries++
	switch it.Kind {
	case manifest.KindFile:
		r.Files++
		r.Bytes += it.Size
		r.Largest = max(r.Largest, it.Size)
	case manifest.KindDir:
		r.Dirs++
	case manifest.KindSymlink:
		r.Symlinks++
	case manifest.KindHardlink:
		r.Hardlinks++
	case manifest.KindSkipped:
		r.Skipped++
	}
}

const (
	scanMemory    = 24 << 20 // of one sorter
	progressEvery = 500 * time.Millisecond
)

// List walks, checks names, groups hard links, and calls emit for every
// item in list order: everything by path, then the further names of hard links
// by the path of the name that carries the data.
func List(ctx context.Context, src *Source, o Options, disk vfs.FS, dir string, known Known, emit func(uint64, *Item) error) (*Report, error) {
	report := &Report{Root: src.Root, Filters: src.Filter.Digest()}
	for _, rule := range src.Filter.Leaving() {
		report.LeftOut = append(report.LeftOut, LeftOut{Rule: rule})
	}
	newSorter := func() *extsort.Sorter {
		return extsort.New(extsort.Config{FS: disk, Dir: dir, Memory: scanMemory})
	}
	src.spill = newSorter
	defer func() { src.spill = nil }()
	names, links, walked := &collisions{newSorter()}, newSorter(), newSorter()
	defer func() { names.sorter.Close(); links.Close(); walked.Close() }()
	next := time.Now().Add(progressEvery)
	var foundErr error
	find := func(f Finding) {
		if report.find(f); o.Found != nil && foundErr == nil {
			foundErr = o.Found(f)
		}
	}
	seen := map[string]bool{} // of the listed paths
	meet := &ways{to: func(it *Item) error {
		if it.Flags&(ItemLeftOut|ItemShut) != 0 {
			report.leftOut(it)
		}
		if rel := it.Path[len(src.prefix):]; src.Filter.Lists(rel) {
			seen[rel] = true
		}
		if it.Flags&ItemLeftOut != 0 {
			return walked.Add([]byte(it.OrderKey()), it.Encode())
		}
		report.count(it)
		if o.Met != nil {
			o.Met(it.Path)
		}
		if o.Rules.lint(it, find); foundErr != nil {
			return foundErr
		}
		if err := names.add(it); err != nil {
			return err
		}
		if it.Kind == manifest.KindFile && it.nlink > 1 {
			if err := links.Add(linkKey(it), []byte(it.Path)); err != nil {
				return err
			}
		}
		if o.Progress != nil && report.Entries%256 == 0 && time.Now().After(next) {
			o.Progress(*report)
			next = time.Now().Add(progressEvery)
		}
		return walked.Add([]byte(it.OrderKey()), it.Encode())
	}}
	err := src.walkAhead(ctx, meet.take)
	if err == nil {
		err = meet.end()
	}
	if err != nil {
		return nil, err
	}
	src.Filter.Missing(seen, report.missing)
	if err := names.report(find); err != nil {
		return nil, err
	}
	if foundErr != nil {
		return nil, foundErr
	}
	further, err := groupLinks(links, newSorter(), known.LastGroup())
	if err != nil {
		return nil, err
	}
	defer further.Close()
	return report, emitList(ctx, report, walked, further, newSorter(), known, emit)
}

// linkKeySize is the length of what names of one file have in common: a file
// system that gives two files one inode number seldom gives them all of it.
const linkKeySize = 5 * 8

func linkKey(it *Item) []byte {
	b := make([]byte, 0, linkKeySize+len(it.Path))
	for _, v := range []uint64{it.dev, it.Ino, uint64(it.Ctime), it.nlink, uint64(it.Size)} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return append(b, it.Path...)
}

// groupLinks turns (device, inode, …) → paths into path → (group, carrier's path).
// Groups are numbered on from the highest that the device has.
func groupLinks(links, out *extsort.Sorter, group uint64) (*extsort.Sorter, error) {
	var key [linkKeySize]byte
	var carrier string
	first := true
	err := links.Each(func(k, v []byte) error {
		if first || [linkKeySize]byte(k) != key {
			first = false
			key, carrier = [linkKeySize]byte(k), string(v)
			group++
		}
		return out.Add(v, append(binary.BigEndian.AppendUint64(nil, group), carrier...))
	})
	return out, err
}

// Known is what the device has of a source's entries: a scan compares what it walks with it.
type Known interface {
	// LastGroup is the highest link group.
	LastGroup() uint64
	// WhenGone has f take each path that was never loaded and is gone.
	WhenGone(f func(path string) error)
	// Meet takes the next entry, sets its flags, and reports whether the device has it unchanged.
	Meet(it *Item) (same bool, err error)
	// Rest takes what lies behind the last entry.
	Rest() error
	// Comparison counts what the comparison found.
	Comparison() *Report
}

// emitList joins walked items with the link groups and leaves out what the device
// has already, unchanged. A further name is unchanged only if the name that carries
// the data is, too.
func emitList(ctx context.Context, report *Report, walked, further, later *extsort.Sorter, known Known, emit func(uint64, *Item) error) error {
	defer later.Close()
	next, stop := extsort.Pull(further)
	defer stop()
	link := next()
	var n uint64
	put := func(it *Item) error { n++; return emit(n-1, it) }
	known.WhenGone(func(path string) error {
		return put((&Item{Path: path}).Skip(catalog.Gone, "never loaded, and not in the source any more"))
	})
	err := walked.Each(func(_, v []byte) error {
		it, err := DecodeItem(v)
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		for link.OK && link.Key < it.Path {
			link = next()
		}
		if link.Err != nil {
			return link.Err
		}
		if link.OK && link.Key == it.Path && it.Kind == manifest.KindFile {
			it.Group = binary.BigEndian.Uint64([]byte(link.Value))
			if carrier := link.Value[8:]; carrier != it.Path {
				it.Kind, it.LinkTo = manifest.KindHardlink, carrier
				report.Files--
				report.Hardlinks++
			}
		}
		same, err := known.Meet(it)
		leftOut := it.Flags&ItemLeftOut != 0
		if it.Flags&itemAway != 0 {
			report.mounted(it.Path)
		}
		if it.Flags &^= ItemLeftOut | ItemShut | ItemHold | itemAway; it.Kind == manifest.KindDir {
			it.Detail = ""
		}
		switch {
		case err != nil || leftOut:
			return err
		case it.Kind == manifest.KindHardlink:
			if same {
				it.Flags |= itemSame
			}
			return later.Add([]byte(it.LinkTo+"\x00"+it.Path), it.Encode())
		case same:
			report.same(it)
			return nil
		case it.Group != 0: // its further names have to know
			if err := later.Add([]byte(it.Path+"\x00"), nil); err != nil {
				return err
			}
		}
		return put(it)
	})
	if err == nil {
		err = known.Rest()
	}
	if err != nil {
		return err
	}
	report.compared(known.Comparison())
	changed := "" // the last carrier that is loaded now
	return later.Each(func(k, v []byte) error {
		if len(v) == 0 {
			changed = string(k[:len(k)-1])
			return nil
		}
		it, err := DecodeItem(v)
		if err == nil && ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		if it.Flags&itemSame != 0 && it.LinkTo != changed {
			report.same(it)
			return nil
		}
		return put(it)
	})
}

var itemTable = fields.Schema{1: true, 2: true, 3: true, 4: true, 5: true, 6: true, 7: true, 8: true, 9: true, 10: true, 11: true}.Table()

func (it *Item) Encode() []byte {
	w := fields.NewWriter(make([]byte, 0, 96+len(it.Path)))
	w.Text(1, true, it.Path)
	w.Uint(2, true, uint64(it.Kind))
	w.Uint(3, true, uint64(it.Size))
	w.Uint(4, true, uint64(it.Mtime))
	w.Uint(5, true, uint64(it.Ctime))
	w.Uint(6, true, it.Ino)
	w.Uint(7, true, it.Group)
	w.Text(8, true, it.LinkTo)
	w.Text(9, true, it.Reason)
	w.Text(10, true, it.Detail)
	w.Uint(11, true, uint64(it.Flags))
	return w.Bytes()
}

func DecodeItem(b []byte) (*Item, error) {
	it := &Item{}
	err := itemTable.Decode(b, func(f fields.Field) error {
		switch f.Number {
		case 1:
			it.Path = string(f.Value)
			return nil
		case 8:
			it.LinkTo = string(f.Value)
			return nil
		case 9:
			it.Reason = string(f.Value)
			return nil
		case 10:
			it.Detail = string(f.Value)
			return nil
		}
		v, err := f.Uint()
		switch f.Number {
		case 2:
			it.Kind = manifest.Kind(v)
		case 3:
			it.Size = int64(v)
		case 4:
			it.Mtime = int64(v)
		case 5:
			it.Ctime = int64(v)
		case 6:
			it.Ino = v
		case 7:
			it.Group = v
		case 11:
			it.Flags = itemFlags(v)
		}
		return err
	})
	if err != nil || it.Path == "" {
		return nil, fmt.Errorf("%w: scan list item: %v", manifest.ErrCorrupt, err)
	}
	return it, nil
}
