package disk

import (
	"bytes"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"sort"
	"sync"

	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Set finds a device's files on whatever disks are there, in any order. A
// header says where to look first; if it is wrong or gone, every disk is asked.
type Set struct {
	Disks   []Disk
	Bays    []int // claimed bay of each disk, −1 if it claims none
	Headers []*Header
	Fault   FaultNote // a disk that could not be asked is not one without the file

	stopped func() error // why nothing more is read; nil: nothing ends it

	mu    sync.Mutex
	codes map[[2]int]*erasure.Code
}

// Code keeps one code per shape: its tables are not small.
func (s *Set) Code(g manifest.Geometry) (*erasure.Code, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]int{g.K, g.M}
	if c := s.codes[key]; c != nil {
		return c, nil
	}
	c, err := erasure.NewCode(g.K, g.M)
	if err != nil {
		return nil, err
	}
	if s.codes == nil {
		s.codes = map[[2]int]*erasure.Code{}
	}
	s.codes[key] = c
	return c, nil
}

func NewSet(disks []Disk) *Set {
	s := &Set{Disks: disks}
	headers, errs := make([]*Header, len(disks)), make([]error, len(disks))
	var wg sync.WaitGroup
	for i, d := range disks {
		wg.Go(func() { headers[i], errs[i] = ReadHeader(d) })
	}
	wg.Wait()
	for i, d := range disks {
		h, err := headers[i], errs[i]
		if err != nil {
			s.Fault.Met("disk "+d.Name, err)
			s.Bays, s.Headers = append(s.Bays, -1), append(s.Headers, nil)
			continue
		}
		s.Bays, s.Headers = append(s.Bays, h.Bay), append(s.Headers, h)
	}
	return s
}

// Set is the loading device's disks that have not failed.
func (s Bays) Set() *Set { return s.SetBy(func(disk vfs.FS) vfs.FS { return disk }) }

// SetBy is set with every disk behind what by makes of it.
func (s Bays) SetBy(by func(vfs.FS) vfs.FS) *Set {
	out := &Set{}
	for _, b := range s.Healthy() {
		d := b.Disk
		d.FS = by(d.FS)
		out.Disks, out.Bays, out.Headers = append(out.Disks, d), append(out.Bays, b.Number), append(out.Headers, nil)
	}
	return out
}

// Claim says which bay a disk is whose header does not.
func (s *Set) Claim(disk, bay int) { s.Bays[disk] = bay }

// StopBy has every read ask whether it is still wanted; nil: it is. Its error ends them.
func (s *Set) StopBy(stopped func() error) { s.stopped = stopped }

// Order lists disks with those first that claim the bay.
func (s *Set) Order(bay int) []int {
	var first, rest []int
	for i, b := range s.Bays {
		if b == bay {
			first = append(first, i)
		} else {
			rest = append(rest, i)
		}
	}
	return append(first, rest...)
}

// OpenShard opens a shard's file wherever it lies, and tells on which disk.
func (s *Set) OpenShard(p *manifest.Pack, shard int) (vfs.File, int, error) {
	name := ShardName(p.ID, shard)
	for _, i := range s.Order(int(p.Bays[shard])) {
		f, err := s.Disks[i].FS.Open(name, vfs.OpenOptions{})
		if err == nil {
			return f, i, nil
		}
		if s.Fault.Met("disk "+s.Disks[i].Name, err) {
			return nil, -1, s.Fault.Get()
		}
	}
	return nil, -1, fmt.Errorf("pack %d: shard %d (bay %d): %w", p.Number, shard, p.Bays[shard], fs.ErrNotExist)
}

// OpenAllShards opens every copy of a shard, but that on the disks that are left out: a
// disk that fails and its image may both be here.
func (s *Set) OpenAllShards(p *manifest.Pack, shard int, but ...int) (files []vfs.File) {
	for _, i := range s.Order(int(p.Bays[shard])) {
		if slices.Contains(but, i) {
			continue
		}
		f, err := s.Disks[i].FS.Open(ShardName(p.ID, shard), vfs.OpenOptions{})
		if err == nil {
			files = append(files, f)
		}
		s.Fault.Met("disk "+s.Disks[i].Name, err)
	}
	return files
}

// maxCopies is how many different contents of one file are looked at: enough that
// a good copy is found whatever the other disks hold. Of large files fewer are kept.
const (
	maxCopies     = MaxDisks
	MaxCopiesSize = 64 << 20
)

// LogCopies implements manifest.LogFiles, disk after disk.
func (s *Set) LogCopies(name string, size, max int64) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var seen [][]byte
		for _, d := range s.Disks {
			b, err := s.ReadFile(d, Root+"/"+name, max)
			if err != nil || size > 0 && int64(len(b)) != size || slices.ContainsFunc(seen, func(s []byte) bool { return bytes.Equal(s, b) }) {
				continue
			}
			if !yield(b) {
				return
			}
			seen = append(seen, b)
		}
	}
}

// Copies returns the distinct contents of a file, the most frequent first.
func (s *Set) Copies(name string, size, max int64) [][]byte {
	type copy struct {
		data  []byte
		count int
	}
	var found []copy
next:
	for _, d := range s.Disks {
		b, err := s.ReadFile(d, name, max)
		if err != nil || size > 0 && int64(len(b)) != size {
			continue
		}
		for i := range found {
			if bytes.Equal(found[i].data, b) {
				found[i].count++
				continue next
			}
		}
		if len(found) < maxCopies && (len(found) < 2 || (len(found)+1)*len(b) <= MaxCopiesSize) {
			found = append(found, copy{b, 1})
		}
	}
	sort.SliceStable(found, func(i, j int) bool { return found[i].count > found[j].count })
	out := make([][]byte, len(found))
	for i, c := range found {
		out[i] = c.data
	}
	return out
}

// First returns the first copy that check accepts.
func (s *Set) First(name string, max int64, check func([]byte) bool) ([]byte, error) {
	for _, d := range s.Disks {
		b, err := s.ReadFile(d, name, max)
		if err == nil && check(b) {
			return b, nil
		}
	}
	return nil, s.Fault.Or(fmt.Errorf("%s: no disk has a good copy: %w", name, fs.ErrNotExist))
}

// ReadFile reads a file of one disk and notes an error of the process's own.
func (s *Set) ReadFile(d Disk, name string, max int64) ([]byte, error) {
	if s.stopped != nil && s.stopped() != nil {
		return nil, s.stopped()
	}
	b, err := vfs.ReadFile(d.FS, name, max)
	s.Fault.Met("disk "+d.Name, err)
	return b, err
}
