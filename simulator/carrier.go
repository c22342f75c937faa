package simulator

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/sledge-io/sledge/internal/vfs"
)

// Kind is a kind of damage.
type Kind string

// The kinds of damage.
const (
	BitFlip   Kind = "bit flip"  // one bit in each byte of the range
	Rot       Kind = "rot"       // other bytes in a block
	Misplaced Kind = "misplaced" // a block that holds another block of the file
	Replaced  Kind = "replaced"  // the content of another file
	Truncated Kind = "truncated" // the range is cut off
	Stale     Kind = "stale"     // a folder as it was earlier
	DiskLost  Kind = "disk lost" // all of it is gone
)

// Damage says what was done. Offset and Length are bytes of File; for Replaced
// the whole file as it was, for Stale and DiskLost both are 0.
type Damage struct {
	Disk   string
	File   string // or the folder; "." for a lost disk
	Kind   Kind
	Offset int64
	Length int64
}

func (d Damage) String() string {
	return fmt.Sprintf("%s: %s: %s at %d, %d bytes", d.Disk, d.File, d.Kind, d.Offset, d.Length)
}

// ErrNoDamage reports that a call would have changed nothing, such as a file
// over its like: a test that goes on would wait for a report that cannot come.
var ErrNoDamage = errors.New("nothing would change")

const (
	// maxDamage bounds what one call rewrites or copies, as it is held in memory.
	maxDamage = 2 << 30
	// maxSnapshot bounds the content of a Snapshot, and maxEntries its number of
	// files and folders.
	maxSnapshot = 256 << 20
	maxEntries  = 1 << 20
)

// Carrier damages disks. The same Seed and the same calls in the same order do
// the same damage. It syncs what it did, so that a later power cut does not mend it.
// While it works nobody else may use the disk. After an error nothing or a part may
// have been done.
type Carrier struct {
	Seed uint64

	mu   sync.Mutex
	done []Damage
	rng  *rand.Rand
}

// Done lists all damage so far, in order.
func (c *Carrier) Done() []Damage {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.done)
}

// begin takes the lock and makes the dice ready.
func (c *Carrier) begin() {
	c.mu.Lock()
	if c.rng == nil {
		c.rng = rand.New(rand.NewPCG(c.Seed, 0x736c65646765))
	}
}

// note keeps the record of a damage.
func (c *Carrier) note(d *Disk, damage Damage) Damage {
	damage.Disk = d.Name
	c.done = append(c.done, damage)
	return damage
}

// Pick returns n different numbers under total, sorted: blocks, files or disks
// for the other methods.
func (c *Carrier) Pick(total, n int) []int {
	c.begin()
	defer c.mu.Unlock()
	picked := c.rng.Perm(total)[:min(n, total)]
	slices.Sort(picked)
	return picked
}

// FlipBits flips one bit in each of n bytes at off.
func (c *Carrier) FlipBits(d *Disk, name string, off int64, n int) (Damage, error) {
	c.begin()
	defer c.mu.Unlock()
	err := rewrite(d, name, off, int64(n), func(p []byte) {
		for i := range p {
			p[i] ^= 1 << c.rng.IntN(8)
		}
	})
	if err != nil {
		return Damage{}, err
	}
	return c.note(d, Damage{File: name, Kind: BitFlip, Offset: off, Length: int64(n)}), nil
}

// RotBlocks puts other bytes into the given blocks, one Damage each. The last
// block of a file may be short.
func (c *Carrier) RotBlocks(d *Disk, name string, blockSize int64, blocks []int) ([]Damage, error) {
	c.begin()
	defer c.mu.Unlock()
	var all []Damage
	for _, block := range blocks {
		off, n, err := blockRange(d, name, blockSize, block)
		if err != nil {
			return all, err
		}
		if err := rewrite(d, name, off, n, c.rot); err != nil {
			return all, err
		}
		all = append(all, c.note(d, Damage{File: name, Kind: Rot, Offset: off, Length: n}))
	}
	return all, nil
}

// rot makes other bytes of p; the first is never what it was.
func (c *Carrier) rot(p []byte) {
	p[0] ^= byte(1 + c.rng.IntN(255))
	for i := 1; i < len(p); i++ {
		p[i] ^= byte(c.rng.Uint32())
	}
}

// SwapBlocks exchanges two blocks of equal length in a file, as a disk does that
// writes to the wrong place.
func (c *Carrier) SwapBlocks(d *Disk, name string, blockSize int64, i, j int) ([]Damage, error) {
	c.begin()
	defer c.mu.Unlock()
	offI, nI, err := blockRange(d, name, blockSize, i)
	if err != nil {
		return nil, err
	}
	offJ, nJ, err := blockRange(d, name, blockSize, j)
	if err != nil {
		return nil, err
	}
	if i == j || nI != nJ {
		return nil, fmt.Errorf("%s: blocks %d and %d: %w", name, i, j, fs.ErrInvalid)
	}
	err = edit(d, name, func(f vfs.File) error {
		contentI, contentJ := make([]byte, nI), make([]byte, nJ)
		if err := readFull(f, contentI, offI); err != nil {
			return err
		}
		if err := readFull(f, contentJ, offJ); err != nil {
			return err
		}
		if bytes.Equal(contentI, contentJ) {
			return ErrNoDamage
		}
		if _, err := f.WriteAt(contentJ, offI); err != nil {
			return err
		}
		_, err := f.WriteAt(contentI, offJ)
		return err
	})
	if err != nil {
		return nil, err
	}
	return []Damage{
		c.note(d, Damage{File: name, Kind: Misplaced, Offset: offI, Length: nI}),
		c.note(d, Damage{File: name, Kind: Misplaced, Offset: offJ, Length: nJ}),
	}, nil
}

// Truncate cuts a file to size.
func (c *Carrier) Truncate(d *Disk, name string, size int64) (Damage, error) {
	c.begin()
	defer c.mu.Unlock()
	var old int64
	err := edit(d, name, func(f vfs.File) (err error) {
		if old, err = f.Size(); err != nil {
			return err
		}
		if size >= old {
			return ErrNoDamage
		}
		return f.Truncate(size)
	})
	if err != nil {
		return Damage{}, err
	}
	return c.note(d, Damage{File: name, Kind: Truncated, Offset: size, Length: old - size}), nil
}

// ReplaceFile puts the content of src into dst, such as another pack's shard.
func (c *Carrier) ReplaceFile(d *Disk, dst, src string) (Damage, error) {
	c.begin()
	defer c.mu.Unlock()
	content, err := vfs.ReadFile(d.inner, src, maxDamage)
	if err != nil {
		return Damage{}, err
	}
	var old int64
	err = edit(d, dst, func(f vfs.File) (err error) {
		if old, err = f.Size(); err != nil {
			return err
		}
		return overwrite(f, old, content)
	})
	if err != nil {
		return Damage{}, err
	}
	return c.note(d, Damage{File: dst, Kind: Replaced, Length: old}), nil
}

// blockRange returns where a block lies.
func blockRange(d *Disk, name string, blockSize int64, block int) (off, n int64, err error) {
	info, err := d.inner.Stat(name)
	if err != nil {
		return 0, 0, err
	}
	off = int64(block) * blockSize
	n = min(blockSize, info.Size()-off)
	if blockSize <= 0 || block < 0 || n <= 0 {
		return 0, 0, fmt.Errorf("%s: block %d of %d bytes is not in the file: %w", name, block, blockSize, fs.ErrInvalid)
	}
	return off, n, nil
}

// rewrite changes n bytes at off, which must lie in the file, by fn.
func rewrite(d *Disk, name string, off, n int64, fn func(p []byte)) error {
	if off < 0 || n <= 0 || n > maxDamage {
		return fmt.Errorf("%s: %d bytes at %d: %w", name, n, off, fs.ErrInvalid)
	}
	return edit(d, name, func(f vfs.File) error {
		size, err := f.Size()
		if err != nil {
			return err
		}
		if off > size-n {
			return fmt.Errorf("%s: %d bytes at %d are not in the file: %w", name, n, off, fs.ErrInvalid)
		}
		p := make([]byte, n)
		if err := readFull(f, p, off); err != nil {
			return err
		}
		old := bytes.Clone(p)
		fn(p)
		if bytes.Equal(p, old) {
			return ErrNoDamage
		}
		_, err = f.WriteAt(p, off)
		return err
	})
}

// overwrite gives f, of size old, another content.
func overwrite(f vfs.File, old int64, content []byte) error {
	if old == int64(len(content)) {
		p := make([]byte, old)
		if err := readFull(f, p, 0); err != nil {
			return err
		}
		if bytes.Equal(p, content) {
			return ErrNoDamage
		}
	}
	if _, err := f.WriteAt(content, 0); err != nil {
		return err
	}
	return f.Truncate(int64(len(content)))
}

// readFull reads all of p, which lies in the file.
func readFull(f vfs.File, p []byte, off int64) error {
	n, err := f.ReadAt(p, off)
	if n == len(p) {
		return nil // with or without io.EOF
	}
	return err
}

// edit opens a file and syncs what fn did. The
// system's cached copy is dropped, so that readers meet what is on the disk.
func edit(d *Disk, name string, fn func(f vfs.File) error) error {
	f, err := d.inner.Open(name, vfs.OpenOptions{Write: true})
	if err != nil {
		return err
	}
	err = fn(f)
	if err == nil {
		err = f.Sync()
	}
	f.DropCache() // a hint only
	return errors.Join(err, f.Close())
}
