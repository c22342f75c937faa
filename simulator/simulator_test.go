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
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/internal/vfs/vfstest"
	"github.com/sledge-io/sledge/simulator"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func memDisk(t *testing.T, capacity int64) *simulator.Disk {
	t.Helper()
	d, err := simulator.NewDisk("bay0", vfs.NewMem(vfs.MemOptions{}), capacity)
	must(t, err)
	return d
}

func folderDisk(t *testing.T, capacity int64) *simulator.Disk {
	t.Helper()
	folder := filepath.Join(t.TempDir(), "bay0")
	must(t, os.Mkdir(folder, 0o700))
	d, err := simulator.OpenDisk("bay0", folder, capacity)
	must(t, err)
	t.Cleanup(func() { d.Close() })
	return d
}

// eachDisk runs a test on a disk in memory and on a real folder.
func eachDisk(t *testing.T, run func(t *testing.T, d *simulator.Disk)) {
	t.Run("mem", func(t *testing.T) { run(t, memDisk(t, 0)) })
	t.Run("folder", func(t *testing.T) { run(t, folderDisk(t, 0)) })
}

func TestDiskConformance(t *testing.T) {
	t.Run("mem", func(t *testing.T) {
		vfstest.TestFS(t, func(t *testing.T) vfs.FS { return memDisk(t, 4<<20) })
	})
	t.Run("folder", func(t *testing.T) {
		vfstest.TestFS(t, func(t *testing.T) vfs.FS { return folderDisk(t, 4<<20) })
	})
}

func free(t *testing.T, d *simulator.Disk) int64 {
	t.Helper()
	n, _, err := d.Free()
	must(t, err)
	return n
}

func TestDiskCapacity(t *testing.T) {
	d := memDisk(t, 1000)
	want := func(n int64) {
		t.Helper()
		if got := free(t, d); got != n {
			t.Errorf("free %d, want %d", got, n)
		}
	}
	f, err := d.Create("f", vfs.CreateOptions{Preallocate: 300})
	must(t, err)
	want(700)
	_, err = f.WriteAt(make([]byte, 400), 0)
	must(t, err)
	want(600)
	if n, err := f.WriteAt(make([]byte, 601), 400); n != 0 || !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("write over the capacity: %d, %v", n, err)
	}
	if err := f.Truncate(1001); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("truncate over the capacity: %v", err)
	}
	if _, err := d.Create("g", vfs.CreateOptions{Preallocate: 601}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("preallocation over the capacity: %v", err)
	}
	if _, err := d.Create("f", vfs.CreateOptions{Preallocate: 601}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("create of a file that exists: %v", err)
	}
	want(600)
	must(t, f.Truncate(100))
	want(900)
	must(t, d.Link("f", "link"))
	must(t, d.Remove("f"))
	want(900)
	must(t, d.Mkdir("a", 0))
	must(t, d.Rename("link", "a/f"))
	must(t, d.Rename("a", "b"))
	want(900)
	must(t, durable.WriteFile(d, "other", make([]byte, 50)))
	want(850)
	must(t, d.Rename("other", "b/f"))
	want(950)
	must(t, d.Remove("b/f"))
	want(1000)
	_, err = f.WriteAt(make([]byte, 10), 0) // the file is gone, its handle is not
	must(t, err)
	want(1000)
	must(t, f.Close())
}

func TestDiskCountsWhatIsThere(t *testing.T) {
	mem := vfs.NewMem(vfs.MemOptions{})
	must(t, durable.WriteFile(mem, "old", make([]byte, 300)))
	d, err := simulator.NewDisk("bay0", mem, 1000)
	must(t, err)
	if got := free(t, d); got != 700 {
		t.Errorf("free %d, want 700", got)
	}
	must(t, durable.WriteFile(d, "old", make([]byte, 10)))
	if got := free(t, d); got != 990 {
		t.Errorf("free %d, want 990", got)
	}
}

func TestUnplug(t *testing.T) {
	eachDisk(t, func(t *testing.T, d *simulator.Disk) {
		must(t, durable.WriteFile(d, "f", []byte("x")))
		f, err := d.Open("f", vfs.OpenOptions{Write: true})
		must(t, err)
		defer f.Close()
		d.Unplug()
		for name, err := range map[string]error{
			"open":     second(d.Open("f", vfs.OpenOptions{})),
			"create":   second(d.Create("g", vfs.CreateOptions{})),
			"remove":   d.Remove("f"),
			"rename":   d.Rename("f", "g"),
			"link":     d.Link("f", "g"),
			"mkdir":    d.Mkdir("d", 0),
			"readdir":  second(d.ReadDir(".")),
			"stat":     second(d.Stat("f")),
			"syncdir":  d.SyncDir("."),
			"free":     func() error { _, _, err := d.Free(); return err }(),
			"read":     second(f.ReadAt(make([]byte, 1), 0)),
			"write":    second(f.WriteAt([]byte("y"), 0)),
			"size":     second(f.Size()),
			"truncate": f.Truncate(0),
			"sync":     f.Sync(),
			"punch":    f.Punch(0, 1),
		} {
			if !errors.Is(err, simulator.ErrUnplugged) || !errors.Is(err, syscall.EIO) {
				t.Errorf("%s: %v", name, err)
			}
		}
		d.Plug()
		if got := content(t, d, "f"); got != "x" {
			t.Errorf("plugged in again, the file holds %q", got)
		}
	})
}

func second[T any](_ T, err error) error { return err }

func content(t *testing.T, d *simulator.Disk, name string) string {
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
		{"zero", func(c *simulator.Carrier, d *simulator.Disk) ([]simulator.Damage, error) {
			return one(c.Zero(d, "d/f", 5, 700))
		}, []simulator.Damage{{"bay0", "d/f", simulator.Zeroed, 5, 700}}, size},
		{"truncate", func(c *simulator.Carrier, d *simulator.Disk) ([]simulator.Damage, error) {
			return one(c.Truncate(d, "d/f", 77))
		}, []simulator.Damage{{"bay0", "d/f", simulator.Truncated, 77, size - 77}}, 77},
		{"extend", func(c *simulator.Carrier, d *simulator.Disk) ([]simulator.Damage, error) {
			return one(c.Extend(d, "d/f", 50))
		}, []simulator.Damage{{"bay0", "d/f", simulator.Extended, size, 50}}, size + 50},
		{"replace", func(c *simulator.Carrier, d *simulator.Disk) ([]simulator.Damage, error) {
			return one(c.ReplaceFile(d, "d/f", "other"))
		}, []simulator.Damage{{"bay0", "d/f", simulator.Replaced, 0, size}}, 3000},
		{"swap", func(c *simulator.Carrier, d *simulator.Disk) ([]simulator.Damage, error) {
			return c.Swap(d, "d/f", "other")
		}, []simulator.Damage{
			{"bay0", "d/f", simulator.Replaced, 0, size},
			{"bay0", "other", simulator.Replaced, 0, 3000},
		}, 3000},
		{"remove", func(c *simulator.Carrier, d *simulator.Disk) ([]simulator.Damage, error) {
			return one(c.RemoveFile(d, "d/f"))
		}, []simulator.Damage{{"bay0", "d/f", simulator.Removed, 0, size}}, -1},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachDisk(t, func(t *testing.T, d *simulator.Disk) {
				before := pattern(size, 1)
				must(t, durable.MkdirAll(d, "d"))
				must(t, durable.WriteFile(d, "d/f", before))
				must(t, durable.WriteFile(d, "other", pattern(3000, 2)))
				d.Unplug() // the carrier reaches it all the same
				c := &simulator.Carrier{Seed: 7}
				got, err := test.run(c, d)
				must(t, err)
				d.Plug()
				if !reflect.DeepEqual(got, test.want) || !reflect.DeepEqual(c.Done(), test.want) {
					t.Errorf("got %v, done %v, want %v", got, c.Done(), test.want)
				}
				if test.size < 0 {
					if _, err := d.Stat("d/f"); !errors.Is(err, fs.ErrNotExist) {
						t.Errorf("the file is still there: %v", err)
					}
					return
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
	d := memDisk(t, 0)
	must(t, durable.WriteFile(d, "f", make([]byte, 1000)))
	must(t, durable.WriteFile(d, "same", make([]byte, 1000)))
	c := &simulator.Carrier{Seed: 1}
	snapshot, err := c.Snapshot(d, ".")
	must(t, err)
	for name, test := range map[string]struct{ err, want error }{
		"flip behind the end":  {second(c.FlipBits(d, "f", 998, 3)), fs.ErrInvalid},
		"flip before":          {second(c.FlipBits(d, "f", -1, 3)), fs.ErrInvalid},
		"flip nothing":         {second(c.FlipBits(d, "f", 0, 0)), fs.ErrInvalid},
		"rot behind the end":   {second(c.RotBlocks(d, "f", 500, []int{2})), fs.ErrInvalid},
		"rot of no block size": {second(c.RotBlocks(d, "f", 0, []int{0})), fs.ErrInvalid},
		"zeros over zeros":     {second(c.Zero(d, "f", 0, 100)), simulator.ErrNoDamage},
		"truncate to the same": {second(c.Truncate(d, "f", 1000)), simulator.ErrNoDamage},
		"replace by the same":  {second(c.ReplaceFile(d, "f", "same")), simulator.ErrNoDamage},
		"swap with the same":   {second(c.Swap(d, "f", "same")), simulator.ErrNoDamage},
		"equal blocks":         {second(c.SwapBlocks(d, "f", 500, 0, 1)), simulator.ErrNoDamage},
		"one block":            {second(c.SwapBlocks(d, "f", 500, 1, 1)), fs.ErrInvalid},
		"restore of the same":  {second(c.Restore(snapshot)), simulator.ErrNoDamage},
		"no file":              {second(c.FlipBits(d, "g", 0, 1)), fs.ErrNotExist},
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
		d := memDisk(t, 0)
		must(t, durable.WriteFile(d, "f", pattern(5000, 1)))
		c := &simulator.Carrier{Seed: seed}
		blocks := c.Pick(9, 3)
		_, err := c.RotBlocks(d, "f", 512, blocks)
		must(t, err)
		_, err = c.FlipBits(d, "f", 10, 100)
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
	eachDisk(t, func(t *testing.T, d *simulator.Disk) {
		must(t, durable.MkdirAll(d, "log/tile"))
		must(t, durable.WriteFile(d, "log/checkpoint", []byte("old")))
		must(t, durable.WriteFile(d, "log/tile/0", []byte("tile")))
		must(t, durable.WriteFile(d, "outside", []byte("old")))
		before := free(t, memDisk(t, 0))
		c := &simulator.Carrier{}
		s, err := c.Snapshot(d, "log")
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

		copyDisk, err := simulator.NewDisk("bay1", vfs.NewMem(vfs.MemOptions{}), 0)
		must(t, err)
		_, err = c.RestoreOn(copyDisk, s)
		must(t, err)
		if got := content(t, copyDisk, "log/checkpoint"); got != "old" {
			t.Errorf("copy %q", got)
		}
		if used := before - free(t, copyDisk); used != int64(len("old")+len("tile")) {
			t.Errorf("the copy takes %d bytes", used)
		}
	})
}

func TestLose(t *testing.T) {
	eachDisk(t, func(t *testing.T, d *simulator.Disk) {
		must(t, durable.WriteFile(d, "f", []byte("x")))
		c := &simulator.Carrier{}
		lost, err := c.Lose(d)
		must(t, err)
		if want := (simulator.Damage{Disk: "bay0", File: ".", Kind: simulator.DiskLost}); lost.Damage != want {
			t.Errorf("got %v, want %v", lost.Damage, want)
		}
		if _, err := d.Stat("f"); !errors.Is(err, simulator.ErrUnplugged) {
			t.Errorf("the lost disk answers: %v", err)
		}
		if d.Folder != "" {
			if _, err := os.Stat(d.Folder); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the folder is still there: %v", err)
			}
			if _, err := os.Stat(filepath.Join(d.Folder+".lost", "f")); err != nil {
				t.Error(err)
			}
			if _, err := c.Lose(d); err == nil {
				t.Error("lost twice")
			}
		}
		must(t, lost.GiveBack())
		if got := content(t, d, "f"); got != "x" {
			t.Errorf("given back, the file holds %q", got)
		}
		if len(c.Done()) != 1 {
			t.Errorf("done: %v", c.Done())
		}
	})
}

// Damage outlives a power cut: the carrier syncs it.
func TestDamageIsDurable(t *testing.T) {
	mem := vfs.NewMem(vfs.MemOptions{})
	d, err := simulator.NewDisk("bay0", mem, 0)
	must(t, err)
	must(t, durable.WriteFile(d, "f", pattern(1000, 1)))
	c := &simulator.Carrier{}
	_, err = c.FlipBits(d, "f", 0, 10)
	must(t, err)
	_, err = c.Extend(d, "f", 10)
	must(t, err)
	now := content(t, d, "f")
	left, err := vfs.ReadFile(mem.CrashClone(rand.New(rand.NewSource(1)), 0), "f", 1<<20)
	must(t, err)
	if string(left) != now {
		t.Error("the power cut mended the file")
	}
}

// Files that were open while the carrier worked are still counted once.
func TestDamageKeepsAccounts(t *testing.T) {
	d := memDisk(t, 10000)
	must(t, durable.WriteFile(d, "f", pattern(1000, 1)))
	must(t, d.Link("f", "g"))
	f, err := d.Open("f", vfs.OpenOptions{Write: true})
	must(t, err)
	c := &simulator.Carrier{}
	_, err = c.Extend(d, "f", 500)
	must(t, err)
	if got := free(t, d); got != 8500 {
		t.Errorf("free %d, want 8500", got)
	}
	_, err = f.WriteAt(make([]byte, 100), 1500)
	must(t, err)
	if got := free(t, d); got != 8400 {
		t.Errorf("free %d, want 8400", got)
	}
	_, err = c.RemoveFile(d, "f")
	must(t, err)
	if got := free(t, d); got != 8400 {
		t.Errorf("free %d with a name left, want 8400", got)
	}
	_, err = c.RemoveFile(d, "g")
	must(t, err)
	if got := free(t, d); got != 10000 {
		t.Errorf("free %d, want 10000", got)
	}
	must(t, f.Close())
}

// A rotten block always differs, however small it is.
func TestRotAlwaysDiffers(t *testing.T) {
	d := memDisk(t, 0)
	before := pattern(2000, 3)
	must(t, durable.WriteFile(d, "f", before))
	c := &simulator.Carrier{Seed: 3}
	_, err := c.RotBlocks(d, "f", 1, c.Pick(2000, 2000))
	must(t, err)
	after := content(t, d, "f")
	for i := range before {
		if before[i] == after[i] {
			t.Fatalf("byte %d did not change", i)
		}
	}
}
