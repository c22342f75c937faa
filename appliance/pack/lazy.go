package pack

import (
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/vfs"
)

// lazyShard is the files of one shard. One of them is opened when it is first read, the
// others, if any disk has them, when that one has failed.
type lazyShard struct {
	once sync.Once
	f    vfs.File // nil: no disk has it
	disk int      // where f lies
	own  error    // this process could not look

	again sync.Once
	more  []vfs.File // on other disks
}

func (s *lazyShard) close() {
	if s.f != nil {
		s.f.Close()
	}
	for _, f := range s.more {
		f.Close()
	}
}

// shard returns a shard's file, nil if no disk has it.
func (r *Reader) shard(i int) vfs.File {
	s := &r.shards[i]
	s.once.Do(func() {
		f, fsys, err := r.set.OpenShard(r.p, i)
		if err == nil {
			s.f, s.disk = f, fsys
		} else if disk.OwnFault(err) {
			s.own = err
		}
	})
	return s.f
}

// otherShards are the further copies of a shard that has one.
func (r *Reader) otherShards(i int) []vfs.File {
	s := &r.shards[i]
	s.again.Do(func() { s.more = r.set.OpenAllShards(r.p, i, s.disk) })
	return s.more
}

// unasked is why this process could not look for a shard, nil if it could: such a
// shard is not decoded from the others as if it were damaged.
func (r *Reader) unasked(i int) error {
	r.shard(i)
	return r.shards[i].own
}

// readShard fills dst from the first copy of a shard that can be read there. The bytes
// are not proven.
func (r *Reader) readShard(dst []byte, off int64, shard int) error {
	f := r.shard(shard)
	if f == nil {
		if own := r.unasked(shard); own != nil {
			return own
		}
		return fmt.Errorf("pack %d: shard %d: %w", r.p.Number, shard, fs.ErrNotExist)
	}
	_, err := f.ReadAt(dst, off)
	if err == nil || disk.OwnFault(err) {
		return err
	}
	for _, f := range r.otherShards(shard) {
		if _, again := f.ReadAt(dst, off); again == nil || disk.OwnFault(again) {
			return again
		}
	}
	return err
}

// readBlock fills dst with a block from whichever copy its line confirms. Without such
// a one it is left as a copy that could be read has it.
func (r *Reader) readBlock(dst []byte, stripe int64, shard int) (read, good bool) {
	var readable vfs.File
	try := func(f vfs.File) bool {
		_, err := f.ReadAt(dst, stripe*r.layout.Block)
		r.set.Fault.Met(r.place(shard), err)
		if err != nil {
			return false
		}
		readable = f
		return blockGood(r.layout, r.list, stripe, shard, dst)
	}
	f := r.shard(shard)
	if f == nil {
		return false, false
	}
	if try(f) {
		return true, true
	}
	others := r.otherShards(shard)
	if slices.ContainsFunc(others, try) {
		return true, true
	}
	if readable != nil && len(others) > 0 { // a later one may have left half a block
		_, err := readable.ReadAt(dst, stripe*r.layout.Block)
		return err == nil, false
	}
	return readable != nil, false
}
