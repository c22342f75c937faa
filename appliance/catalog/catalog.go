// Package catalog decides what a device holds under each path. A journal holds
// every look that was ever taken at an entry: an earlier version, a later one, and
// looks that failed. One rule says which of them is in the manifest; load, status
// and seal all ask it, so that what is compared, what is counted and what is sealed
// are the same record.
//
//	journal's records → Adder → sorter → Resolve → entries in the manifest's order
//
// The rule, for the looks at one path in the order of their commits:
//
//   - The newest good look is the entry: a file, a folder or a link.
//   - A look that failed never replaces a good one. A failed look that is newer
//     than the entry becomes the entry's remark.
//   - Where no look was ever good, the newest failed one is the entry, as skipped;
//     but a path that was seen to be gone from its source has none.
//   - A good look that finds a file or a link ends what is below its path: looks at
//     those paths that are older count no more, also if the path is a folder again
//     later. Nothing is kept below a path whose entry is a file or a link.
//   - A withdrawal ends all earlier looks at its path: it has no entry until a later one.
//
// The package may import the record's kinds, the field encoding and the sorter. It
// opens no file and knows neither sources nor disks.
package catalog

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// Gone is the reason of a failed look that found the path gone from its source. It
// stands in journals only.
const Gone = "gone"

// Look is what a journal's record says of a path.
type Look struct {
	Kind   manifest.Kind
	Path   string // of a continuation record: the order key of its entry
	Number int    // of a continuation record, from 1
	Reason string // of a skipped entry
	Detail string
}

// Entry is what a device holds under a path.
type Entry struct {
	Key    string // order key
	Seq    uint64 // which look it is: their order over the whole journal, from 1
	Good   bool   // false: skipped
	Value  []byte // what Add was given; valid during the call
	Reason string // of a skipped entry
	Remark string // of a good one: reason of a later look that failed
	Detail string // of either
}

// Classes of what stands under a sort key. A path has two order keys, as a folder
// and as anything else; each look stands under both, under the other one as a mark.
const (
	classGood      byte = iota + 1 // the look itself
	classOther                     // a good look whose order key is the other one
	classImplied                   // something stands below: the path is a folder
	classSkipped                   // a failed look
	classMissed                    // a failed look, under the folder's order key
	classMore                      // a continuation record
	classWithdrawn                 // the path was withdrawn
)

// Pairs takes what is to be sorted.
type Pairs interface{ Add(key, value []byte) error }

// Sorted gives pairs in the order of their keys.
type Sorted interface {
	Each(func(key, value []byte) error) error
}

// Adder gives the records of a journal, in their order, to a sorter.
type Adder struct {
	To    Pairs
	Once  bool // no path occurs twice: marks are not needed
	seq   uint64
	key   []byte
	value []byte
}

// Seq is the number of the last look.
func (a *Adder) Seq() uint64 { return a.seq }

// Add takes one record's look and a value that Resolve gives back.
func (a *Adder) Add(l Look, value []byte) error {
	switch {
	case l.Kind == manifest.KindContinuation:
		return a.put(l.Path, l.Number, classMore, value)
	case l.Kind == manifest.KindSkipped:
		a.seq++
		head := fields.AppendItem(fields.AppendItem(a.value[:0], []byte(l.Reason)), []byte(l.Detail))
		a.value = head
		if !a.Once {
			if err := a.put(l.Path+"/", 0, classMissed, head); err != nil {
				return err
			}
		}
		a.value = append(head, value...)
		return a.put(l.Path, 0, classSkipped, a.value)
	}
	a.seq++
	key, other := l.Path, l.Path+"/"
	if l.Kind == manifest.KindDir {
		key, other = other, key
	}
	if !a.Once {
		if err := a.put(other, 0, classOther, nil); err != nil {
			return err
		}
	}
	return a.put(key, 0, classGood, value)
}

// Withdraw says that a path was withdrawn. Once must not be set.
func (a *Adder) Withdraw(path string) error {
	a.seq++
	if err := a.put(path, 0, classWithdrawn, nil); err != nil {
		return err
	}
	return a.put(path+"/", 0, classWithdrawn, nil)
}

// Imply says that the last look stands below a path, which is a folder therefore.
func (a *Adder) Imply(path string) error {
	if a.Once {
		return nil
	}
	return a.put(path, 0, classImplied, nil)
}

// tail is what follows the order key: NUL, continuation number, seq, class.
const tail = 1 + 4 + 8 + 1

func (a *Adder) put(key string, number int, class byte, value []byte) error {
	b := append(append(a.key[:0], key...), 0)
	b = binary.BigEndian.AppendUint32(b, uint32(number))
	b = binary.BigEndian.AppendUint64(b, a.seq)
	a.key = append(b, class)
	return a.To.Add(a.key, value)
}

// Visit is called by Resolve in the manifest's order.
type Visit struct {
	Entry   func(*Entry) error
	More    func(value []byte) error // continuation records of the last entry; may be nil
	Dropped func(*Entry) error       // what stands below a path that is no folder; may be nil
}

// Resolve applies the rule to all looks.
func Resolve(looks Sorted, v Visit) error {
	r := resolver{visit: v}
	if err := looks.Each(r.pair); err != nil {
		return err
	}
	return r.end()
}

// resolver holds the looks at one order key, and the entries that are no folders
// and whose path the key begins with.
type resolver struct {
	visit Visit
	key   []byte
	begun bool

	good    bool   // a good look was met, the newest is here or under the other key
	file    uint64 // seq of the newest good look that found no folder
	seq     uint64 // of it
	here    bool   // it is here
	value   []byte // of the entry that would be given
	skipped bool   // a failed look was met
	skipSeq uint64
	own     bool   // it stands here
	skip    []byte // reason, detail and record of the newest failed look
	given   uint64 // seq of the entry that was given; continuation records follow
	above   []notFolder
}

// notFolder is a path that was found to be no folder.
type notFolder struct {
	path  string
	seq   uint64 // the newest such look
	still bool   // it is the path's entry
}

func (r *resolver) pair(k, v []byte) error {
	if len(k) < tail {
		return fmt.Errorf("%w: sort key of %d bytes", manifest.ErrCorrupt, len(k))
	}
	key, rest := k[:len(k)-tail], k[len(k)-tail+1:]
	seq, class := binary.BigEndian.Uint64(rest[4:]), rest[12]
	if !r.begun || !bytes.Equal(key, r.key) {
		if err := r.end(); err != nil {
			return err
		}
		r.key, r.begun = append(r.key[:0], key...), true
	}
	if class == classMore {
		if err := r.decide(); err != nil {
			return err
		}
		if r.given != seq || r.visit.More == nil {
			return nil
		}
		return r.visit.More(v)
	}
	switch class { // looks come by seq: a later one takes the place of an earlier
	case classGood:
		r.good, r.here, r.seq, r.value = true, true, seq, append(r.value[:0], v...)
		if key[len(key)-1] != '/' {
			r.file = seq
		}
	case classOther:
		r.good, r.here, r.seq = true, false, seq
	case classImplied:
		r.good, r.here = r.good && !r.here, false
	case classSkipped:
		r.skipped, r.own, r.skipSeq, r.skip = true, true, seq, append(r.skip[:0], v...)
	case classMissed:
		r.skipped, r.own, r.skipSeq, r.skip = true, false, seq, append(r.skip[:0], v...)
	case classWithdrawn:
		r.good, r.here, r.skipped = false, false, false
	}
	return nil
}

// end closes a key's looks.
func (r *resolver) end() error {
	if err := r.decide(); err != nil {
		return err
	}
	r.begun, r.given = false, 0
	return nil
}

// decide gives the key's entry, once.
func (r *resolver) decide() error {
	if !r.good && !r.skipped && r.file == 0 {
		return nil
	}
	ended, below := r.upward()
	good, skipped := r.good && r.seq > ended, r.skipped && r.skipSeq > ended
	if r.file > ended {
		r.above = append(r.above, notFolder{string(r.key), r.file, good && r.here})
	}
	here, seq := r.here, r.seq
	r.good, r.here, r.skipped, r.file, r.seq = false, false, false, 0, 0
	var reason, detail string
	var record []byte
	if skipped {
		var err error
		if reason, detail, record, err = cutSkip(r.skip); err != nil {
			return err
		}
	}
	e := &Entry{Key: string(r.key)}
	switch {
	case good && here:
		e.Good, e.Seq, e.Value = true, seq, r.value
		if skipped && r.skipSeq > seq && reason != Gone {
			e.Remark, e.Detail = reason, detail
		}
	case good || !skipped || !r.own || reason == Gone:
		return nil
	default:
		e.Seq, e.Value, e.Reason, e.Detail = r.skipSeq, record, reason, detail
	}
	if below {
		if r.visit.Dropped == nil {
			return nil
		}
		return r.visit.Dropped(e)
	}
	r.given = e.Seq
	return r.visit.Entry(e)
}

// upward tells up to which look the key's own count no more, and whether an entry
// above it is no folder.
func (r *resolver) upward() (ended uint64, below bool) {
	key := string(r.key)
	for n := len(r.above); n > 0 && !strings.HasPrefix(key, r.above[n-1].path); n-- {
		r.above = r.above[:n-1]
	}
	for _, a := range r.above {
		if len(key) > len(a.path) && key[len(a.path)] == '/' {
			ended, below = max(ended, a.seq), below || a.still
		}
	}
	return ended, below
}

func cutSkip(b []byte) (reason, detail string, record []byte, err error) {
	for _, to := range []*string{&reason, &detail} {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return "", "", nil, fmt.Errorf("%w: sorted look", manifest.ErrCorrupt)
		}
		*to, b = string(b[size:size+int(n)]), b[size+int(n):]
	}
	return reason, detail, b, nil
}
