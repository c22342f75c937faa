package appliance

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

// diskSet finds a device's files on whatever disks are there, in any order. A
// header says where to look first; if it is wrong or gone, every disk is asked.
type diskSet struct {
	disks []Disk
	bay   []int // claimed bay of each disk, −1 if it claims none
	scope []*Header
	own   faultNote // a disk that could not be asked is not one without the file

	stopped func() error // why nothing more is read; nil: nothing ends it

	mu    sync.Mutex
	codes map[[2]int]*erasure.Code
}

// code keeps one code per shape: its tables are not small.
func (s *diskSet) code(g manifest.Geometry) (*erasure.Code, error) {
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

func newDiskSet(disks []Disk) *diskSet {
	s := &diskSet{disks: disks}
	for _, d := range disks {
		h, err := ReadHeader(d)
		if err != nil {
			s.own.met("disk "+d.Name, err)
			s.bay, s.scope = append(s.bay, -1), append(s.scope, nil)
			continue
		}
		s.bay, s.scope = append(s.bay, h.Bay), append(s.scope, h)
	}
	return s
}

// set is the loading device's disks that have not failed.
func (s bays) set() *diskSet { return s.setBy(func(disk vfs.FS) vfs.FS { return disk }) }

// setBy is set with every disk behind what by makes of it.
func (s bays) setBy(by func(vfs.FS) vfs.FS) *diskSet {
	out := &diskSet{}
	for _, b := range s.healthy() {
		d := b.disk
		d.FS = by(d.FS)
		out.disks, out.bay, out.scope = append(out.disks, d), append(out.bay, b.number), append(out.scope, nil)
	}
	return out
}

// claim says which bay a disk is whose header does not.
func (s *diskSet) claim(disk, bay int) { s.bay[disk] = bay }

// stopBy has every read ask whether it is still wanted; nil: it is. Its error ends them.
func (s *diskSet) stopBy(stopped func() error) { s.stopped = stopped }

// order lists disks with those first that claim the bay.
func (s *diskSet) order(bay int) []int {
	var first, rest []int
	for i, b := range s.bay {
		if b == bay {
			first = append(first, i)
		} else {
			rest = append(rest, i)
		}
	}
	return append(first, rest...)
}

// openShard opens a shard's file wherever it lies, and tells on which disk.
func (s *diskSet) openShard(p *manifest.Pack, shard int) (vfs.File, int, error) {
	name := shardName(p.ID, shard)
	for _, i := range s.order(int(p.Bays[shard])) {
		f, err := s.disks[i].FS.Open(name, vfs.OpenOptions{})
		if err == nil {
			return f, i, nil
		}
		if s.own.met("disk "+s.disks[i].Name, err) {
			return nil, -1, s.own.get()
		}
	}
	return nil, -1, fmt.Errorf("pack %d: shard %d (bay %d): %w", p.Number, shard, p.Bays[shard], fs.ErrNotExist)
}

// openAllShards opens every copy of a shard, but that on the disks that are left out: a
// disk that fails and its image may both be here.
func (s *diskSet) openAllShards(p *manifest.Pack, shard int, but ...int) (files []vfs.File) {
	for _, i := range s.order(int(p.Bays[shard])) {
		if slices.Contains(but, i) {
			continue
		}
		f, err := s.disks[i].FS.Open(shardName(p.ID, shard), vfs.OpenOptions{})
		if err == nil {
			files = append(files, f)
		}
		s.own.met("disk "+s.disks[i].Name, err)
	}
	return files
}

// maxCopies is how many different contents of one file are looked at: enough that
// a good copy is found whatever the other disks hold. Of large files fewer are kept.
const (
	maxCopies     = maxDisks
	maxCopiesSize = 64 << 20
)

// LogCopies implements manifest.LogFiles, disk after disk.
func (s *diskSet) LogCopies(name string, size, max int64) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var seen [][]byte
		for _, d := range s.disks {
			b, err := s.readFile(d, Root+"/"+name, max)
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

// copies returns the distinct contents of a file, the most frequent first.
func (s *diskSet) copies(name string, size, max int64) [][]byte {
	type copy struct {
		data  []byte
		count int
	}
	var found []copy
next:
	for _, d := range s.disks {
		b, err := s.readFile(d, name, max)
		if err != nil || size > 0 && int64(len(b)) != size {
			continue
		}
		for i := range found {
			if bytes.Equal(found[i].data, b) {
				found[i].count++
				continue next
			}
		}
		if len(found) < maxCopies && (len(found) < 2 || (len(found)+1)*len(b) <= maxCopiesSize) {
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

// first returns the first copy that check accepts.
func (s *diskSet) first(name string, max int64, check func([]byte) bool) ([]byte, error) {
	for _, d := range s.disks {
		b, err := s.readFile(d, name, max)
		if err == nil && check(b) {
			return b, nil
		}
	}
	return nil, s.own.or(fmt.Errorf("%s: no disk has a good copy: %w", name, fs.ErrNotExist))
}

// readFile reads a file of one disk and notes an error of the process's own.
func (s *diskSet) readFile(d Disk, name string, max int64) ([]byte, error) {
	if s.stopped != nil && s.stopped() != nil {
		return nil, s.stopped()
	}
	b, err := vfs.ReadFile(d.FS, name, max)
	s.own.met("disk "+d.Name, err)
	return b, err
}
