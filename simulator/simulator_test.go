package simulator_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/simulator"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// disk is one with what is on it.
type disk struct {
	*simulator.Disk
	vfs.FS
}

func memDisk() disk {
	mem := vfs.NewMem(vfs.MemOptions{})
	return disk{simulator.NewDisk("bay0", mem), mem}
}

func folderDisk(t *testing.T) disk {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "bay0")
	must(t, os.Mkdir(folder, 0o700))
	d, err := simulator.OpenDisk("bay0", folder)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	seen, err := vfs.OS(folder)
	must(t, err)
	t.Cleanup(func() { vfs.Close(seen) })
	return disk{d, seen}
}

// eachDisk runs a test on a disk in memory and on a real folder.
func eachDisk(t *testing.T, run func(t *testing.T, d disk)) {
	t.Run("mem", func(t *testing.T) { run(t, memDisk()) })
	t.Run("folder", func(t *testing.T) { run(t, folderDisk(t)) })
}

func second[T any](_ T, err error) error { return err }

func content(t *testing.T, d vfs.FS, name string) string {
	t.Helper()
	data, err := vfs.ReadFile(d, name, 1<<20)
	must(t, err)
	return string(data)
}

// pattern is content in which all blocks differ and no byte is zero.
func pattern(n int, seed int64) []byte {
	p := make([]byte, n)
	rand.New(rand.NewSource(seed)).Read(p)
	for i := range p {
		p[i] |= 1
	}
	return p
}

// TestDamage checks each damage against its record: bytes outside of the range
// are what they were, and inside something changed.
func TestDamage(t *testing.T) {
	const blockSize, size = 512, 10*512 + 100
	one := func(d simulator.Damage, err error) ([]simulator.Damage, error) {
		return []simulator.Damage{d}, err
	}
	for _, test := range []struct {
		name string
		run  func(c *simulator.Carrier, d *simulator.Disk) ([]simulator.Damage, error)
		want []simulator.Damage
		size int
	}{
		{"flip", func(c *simulator.Carrier, d *simulator.Disk) ([]simulator.Damage, error) {
			return one(c.FlipBits(d, "d/f", 1000, 3))
		}, []simulator.Damage{{"bay0", "d/f", simulator.BitFlip, 1000, 3}}, size},
		{"rot", func(c *simulator.Carrier, d *simulator.Disk) ([]simulator.Damage, error) {
			return c.RotBlocks(d, "d/f", blockSize, []int{0, 4, 10})
		}, []simulator.Damage{
			{"bay0", "d/f", simulator.Rot, 0, 512},
			{"bay0", "d/f", simulator.Rot, 2048, 512},
			{"bay0", "d/f", simulator.Rot, 5120, 100},
		}, size},
		{"misplaced", func(c *simulator.Carrier, d *simulator.Disk) ([]simulator.Damage, error) {
			return c.SwapBlocks(d, "d/f", blockSize, 7, 2)
		}, []simulator.Damage{
			{"bay0", "d/f", simulator.Misplaced, 3584, 512},
			{"bay0", "d/f", simulator.Misplaced, 1024, 512},
		}, size},
		{"truncate", func(c *simulator.Carrier, d *simulator.Disk) ([]simulator.Damage, error) {
			return one(c.Truncate(d, "d/f", 77))
		}, []simulator.Damage{{"bay0", "d/f", simulator.Truncated, 77, size - 77}}, 77},
		{"replace", func(c *simulator.Carrier, d *simulator.Disk) ([]simulator.Damage, error) {
			return one(c.ReplaceFile(d, "d/f", "other"))
		}, []simulator.Damage{{"bay0", "d/f", simulator.Replaced, 0, size}}, 3000},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachDisk(t, func(t *testing.T, d disk) {
				before := pattern(size, 1)
				must(t, durable.MkdirAll(d, "d"))
				must(t, durable.WriteFile(d, "d/f", before))
				must(t, durable.WriteFile(d, "other", pattern(3000, 2)))
				c := &simulator.Carrier{Seed: 7}
				got, err := test.run(c, d.Disk)
				must(t, err)
				if !reflect.DeepEqual(got, test.want) || !reflect.DeepEqual(c.Done(), test.want) {
					t.Errorf("got %v, done %v, want %v", got, c.Done(), test.want)
				}
				after := []byte(content(t, d, "d/f"))
				if len(after) != test.size {
					t.Fatalf("%d bytes, want %d", len(after), test.size)
				}
				checkDamage(t, before, after, test.want)
			})
		})
	}
}

// checkDamage compares a file with the records of what was done to it.
func checkDamage(t *testing.T, before, after []byte, damage []simulator.Damage) {
	t.Helper()
	touched := make([]bool, max(len(before), len(after)))
	for _, d := range damage {
		if d.File != "d/f" {
			continue
		}
		end := d.Offset + d.Length
		if end <= int64(len(before)) && end <= int64(len(after)) &&
			bytes.Equal(before[d.Offset:end], after[d.Offset:end]) {
			t.Errorf("%v: nothing changed", d)
		}
		for i := d.Offset; i < end; i++ {
			touched[i] = true
		}
	}
	for i := range min(len(before), len(after)) {
		if !touched[i] && before[i] != after[i] {
			t.Fatalf("byte %d changed outside of the damage", i)
		}
	}
}

func TestDamageRefused(t *testing.T) {
	d := memDisk()
	must(t, durable.WriteFile(d, "f", make([]byte, 1000)))
	must(t, durable.WriteFile(d, "same", make([]byte, 1000)))
	c := &simulator.Carrier{Seed: 1}
	snapshot, err := c.Snapshot(d.Disk, ".")
	must(t, err)
	for name, test := range map[string]struct{ err, want error }{
		"flip behind the end":  {second(c.FlipBits(d.Disk, "f", 998, 3)), fs.ErrInvalid},
		"flip before":          {second(c.FlipBits(d.Disk, "f", -1, 3)), fs.ErrInvalid},
		"flip nothing":         {second(c.FlipBits(d.Disk, "f", 0, 0)), fs.ErrInvalid},
		"rot behind the end":   {second(c.RotBlocks(d.Disk, "f", 500, []int{2})), fs.ErrInvalid},
		"rot of no block size": {second(c.RotBlocks(d.Disk, "f", 0, []int{0})), fs.ErrInvalid},
		"truncate to the same": {second(c.Truncate(d.Disk, "f", 1000)), simulator.ErrNoDamage},
		"replace by the same":  {second(c.ReplaceFile(d.Disk, "f", "same")), simulator.ErrNoDamage},
		"equal blocks":         {second(c.SwapBlocks(d.Disk, "f", 500, 0, 1)), simulator.ErrNoDamage},
		"one block":            {second(c.SwapBlocks(d.Disk, "f", 500, 1, 1)), fs.ErrInvalid},
		"restore of the same":  {second(c.Restore(snapshot)), simulator.ErrNoDamage},
		"no file":              {second(c.FlipBits(d.Disk, "g", 0, 1)), fs.ErrNotExist},
	} {
		if !errors.Is(test.err, test.want) {
			t.Errorf("%s: %v, want %v", name, test.err, test.want)
		}
	}
	if done := c.Done(); len(done) != 0 {
		t.Errorf("done: %v", done)
	}
}

// The same seed does the same damage, another seed another.
func TestSeed(t *testing.T) {
	run := func(seed uint64) (string, []int) {
		d := memDisk()
		must(t, durable.WriteFile(d, "f", pattern(5000, 1)))
		c := &simulator.Carrier{Seed: seed}
		blocks := c.Pick(9, 3)
		_, err := c.RotBlocks(d.Disk, "f", 512, blocks)
		must(t, err)
		_, err = c.FlipBits(d.Disk, "f", 10, 100)
		must(t, err)
		return content(t, d, "f"), blocks
	}
	one, blocks := run(1)
	again, _ := run(1)
	other, _ := run(2)
	if one != again || one == other {
		t.Errorf("same seed equal: %v, other seed equal: %v", one == again, one == other)
	}
	if len(blocks) != 3 || !slices.IsSorted(blocks) || len(slices.Compact(blocks)) != 3 {
		t.Errorf("picked %v", blocks)
	}
}

func TestSnapshot(t *testing.T) {
	eachDisk(t, func(t *testing.T, d disk) {
		must(t, durable.MkdirAll(d, "log/tile"))
		must(t, durable.WriteFile(d, "log/checkpoint", []byte("old")))
		must(t, durable.WriteFile(d, "log/tile/0", []byte("tile")))
		must(t, durable.WriteFile(d, "outside", []byte("old")))
		c := &simulator.Carrier{}
		s, err := c.Snapshot(d.Disk, "log")
		must(t, err)

		must(t, durable.WriteFile(d, "log/checkpoint", []byte("newer")))
		must(t, durable.Remove(d, "log/tile/0"))
		must(t, durable.MkdirAll(d, "log/more"))
		must(t, durable.WriteFile(d, "log/more/1", []byte("x")))
		must(t, durable.WriteFile(d, "outside", []byte("new")))
		damage, err := c.Restore(s)
		must(t, err)
		if want := (simulator.Damage{Disk: "bay0", File: "log", Kind: simulator.Stale}); damage != want {
			t.Errorf("got %v, want %v", damage, want)
		}
		if got := content(t, d, "log/checkpoint"); got != "old" {
			t.Errorf("checkpoint %q", got)
		}
		if got := content(t, d, "log/tile/0"); got != "tile" {
			t.Errorf("tile %q", got)
		}
		if got := content(t, d, "outside"); got != "new" {
			t.Errorf("outside %q", got)
		}
		if _, err := d.Stat("log/more"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("what was added stayed: %v", err)
		}
	})
}

func TestLose(t *testing.T) {
	d := folderDisk(t)
	must(t, durable.WriteFile(d, "f", []byte("x")))
	c := &simulator.Carrier{}
	lost, err := c.Lose(d.Disk)
	must(t, err)
	if want := (simulator.Damage{Disk: "bay0", File: ".", Kind: simulator.DiskLost}); lost != want {
		t.Errorf("got %v, want %v", lost, want)
	}
	if _, err := os.Stat(d.Folder); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the folder is still there: %v", err)
	}
	if _, err := os.Stat(filepath.Join(d.Folder+".lost", "f")); err != nil {
		t.Error(err)
	}
	must(t, os.Mkdir(d.Folder, 0o700)) // another disk in its bay
	if _, err := c.Lose(d.Disk); !errors.Is(err, fs.ErrExist) {
		t.Errorf("lost twice: %v", err)
	}
	if len(c.Done()) != 1 {
		t.Errorf("done: %v", c.Done())
	}
}

// Damage outlives a power cut: the carrier syncs it.
func TestDamageIsDurable(t *testing.T) {
	mem := vfs.NewMem(vfs.MemOptions{})
	d := disk{simulator.NewDisk("bay0", mem), mem}
	must(t, durable.WriteFile(d, "f", pattern(1000, 1)))
	c := &simulator.Carrier{}
	_, err := c.FlipBits(d.Disk, "f", 0, 10)
	must(t, err)
	_, err = c.Truncate(d.Disk, "f", 900)
	must(t, err)
	now := content(t, d, "f")
	left, err := vfs.ReadFile(mem.CrashClone(rand.New(rand.NewSource(1)), 0), "f", 1<<20)
	must(t, err)
	if string(left) != now {
		t.Error("the power cut mended the file")
	}
}

// A rotten block always differs, however small it is.
func TestRotAlwaysDiffers(t *testing.T) {
	d := memDisk()
	before := pattern(2000, 3)
	must(t, durable.WriteFile(d, "f", before))
	c := &simulator.Carrier{Seed: 3}
	_, err := c.RotBlocks(d.Disk, "f", 1, c.Pick(2000, 2000))
	must(t, err)
	after := content(t, d, "f")
	for i := range before {
		if before[i] == after[i] {
			t.Fatalf("byte %d did not change", i)
		}
	}
}
