package frames

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Mend brings a file of an earlier session to m+1 good copies of its
// first size bytes: short, damaged or missing ones are written again. A disk without
// room is passed over; ErrFull says that too few others have any.
func (s Store) Mend(c *File, size int64) error {
	want := s.Copies
	sums := map[*disk.Bay][32]byte{}
	good := map[[32]byte]int{}
	for _, b := range slices.Clone(c.On) {
		if b.Failed() != nil {
			continue
		}
		sum, err := prefixSum(b.Disk.FS, c.Name, size)
		if disk.ReadFault(err) {
			if err := c.drop(b, err, false); err != nil {
				return err
			}
		}
		if err == nil {
			sums[b] = sum
			good[sum]++
		}
	}
	if len(good) == 1 && len(sums) >= want {
		return nil
	}
	from, err := c.Open(false)
	if err != nil {
		return err
	}
	defer from.Close()
	sum, err := from.mergedSum(size)
	if err != nil {
		return err
	}
	count := 0
	for b, own := range sums {
		if own == sum && b.Failed() == nil { // it may have failed since
			count++
		} else {
			delete(sums, b)
		}
	}
	var full error
	for _, b := range s.Disks.Trusted() {
		if count >= want {
			return nil
		}
		if _, ok := sums[b]; ok {
			continue
		}
		err := from.writeMerged(b.Disk.FS, size)
		switch {
		case disk.IsFull(err):
			full = b.Full(err)
			continue
		case errors.Is(err, ErrNoSource):
			return fmt.Errorf("disk %s: %w", b.Disk.Name, err)
		case err != nil:
			if err := b.Refuse(err); err != nil {
				return err
			}
			continue
		}
		if !slices.Contains(c.On, b) {
			c.On = append(c.On, b)
		}
		count++
	}
	switch {
	case count >= want:
		return nil
	case full != nil:
		return fmt.Errorf("no room for the journal: %w", full)
	}
	return fmt.Errorf("%w: the journal needs %d healthy disks, %d left: %w", disk.ErrTooFewDisks, want, count, errors.Join(s.Disks.Errors()...))
}

// eachWhole calls f for every frame up to size; damage is ErrNoSource.
func (o *Copies) eachWhole(size int64, f func(Part) error) error {
	end, err := o.EachPart(size, false, func(p Part) error {
		if !p.Whole {
			return fmt.Errorf("%w: journal %s at byte %d", ErrNoSource, o.of.ID, p.At)
		}
		return f(p)
	})
	if err == nil && end != size {
		err = fmt.Errorf("%w: journal %s at byte %d", ErrNoSource, o.of.ID, end)
	}
	return err
}

// mergedSum is the SHA-256 of what writeMerged would write.
func (o *Copies) mergedSum(size int64) (sum [32]byte, err error) {
	h := crypto.NewSHA256()
	h.Write(Header(o.of.Kind, o.of.ID, o.of.Ordinal))
	err = o.eachWhole(size, func(p Part) error { h.Write(p.Raw); return nil })
	h.Sum(sum[:0])
	return sum, err
}

// writeMerged writes the first size bytes of the frame file on a disk, frame by
// frame from whichever copy has it whole.
func (o *Copies) writeMerged(disk vfs.FS, size int64) error {
	return WriteFile(disk, o.of.Name, Header(o.of.Kind, o.of.ID, o.of.Ordinal), func(put func(Part) error) error {
		return o.eachWhole(size, put)
	})
}

// WriteFile writes a header and the parts that each hands over. Like
// durable.WriteFile it never leaves half a file under its name.
func WriteFile(fsys vfs.FS, name string, header []byte, each func(put func(Part) error) error) error {
	temp := name + ".merge" + durable.TempSuffix
	if err := fsys.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := fsys.Create(temp, vfs.CreateOptions{})
	if err != nil {
		return err
	}
	if _, err = file.WriteAt(header, 0); err == nil {
		err = each(func(p Part) error {
			_, err := file.WriteAt(p.Raw, p.At)
			return err
		})
	}
	if err == nil {
		err = disk.Synced(file.Sync())
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		fsys.Remove(temp)
		return err
	}
	return durable.Rename(fsys, temp, name)
}

// Cut removes what stands behind the last frame that counts, so that no later
// session comes to another opinion about it.
func (c *File) Cut(size int64) error {
	for _, b := range slices.Clone(c.On) {
		if b.Failed() != nil {
			continue
		}
		if err := cutFile(b.Disk.FS, c.Name, size); err != nil {
			if err := b.Refuse(err); err != nil {
				return err
			}
		}
	}
	return nil
}

func cutFile(fsys vfs.FS, name string, size int64) error {
	file, err := fsys.Open(name, vfs.OpenOptions{Write: true})
	if err != nil {
		return err
	}
	defer file.Close()
	have, err := file.Size()
	if err != nil || have <= size {
		return err
	}
	if err := file.Truncate(size); err != nil {
		return err
	}
	return disk.Synced(file.Sync())
}

func prefixSum(disk vfs.FS, name string, size int64) (sum [32]byte, err error) {
	file, err := disk.Open(name, vfs.OpenOptions{})
	if err != nil {
		return sum, err
	}
	defer file.Close()
	h := crypto.NewSHA256()
	buf := make([]byte, 1<<20)
	for at := int64(0); at < size; {
		n := min(int64(len(buf)), size-at)
		if _, err := file.ReadAt(buf[:n], at); err != nil {
			return sum, err
		}
		h.Write(buf[:n])
		at += n
	}
	h.Sum(sum[:0])
	return sum, nil
}
