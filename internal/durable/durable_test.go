package durable_test

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// tree lists a disk as "name=content" or "name/", without temporary files.
func tree(t *testing.T, fsys vfs.FS) string {
	t.Helper()
	var all []string
	must(t, vfs.Walk(fsys, ".", vfs.Limits{}, func(name string, d fs.DirEntry) error {
		if d.IsDir() {
			all = append(all, name+"/")
			return nil
		}
		data, err := vfs.ReadFile(fsys, name, 1<<20)
		if !strings.HasSuffix(name, durable.TempSuffix) {
			all = append(all, name+"="+short(string(data)))
		}
		return err
	}))
	return strings.Join(all, " ")
}

// short turns a run of one letter into the letter and its count.
func short(s string) string {
	if len(s) > 8 && s == strings.Repeat(s[:1], len(s)) {
		return fmt.Sprintf("%s*%d", s[:1], len(s))
	}
	return s
}

var (
	oldContent = strings.Repeat("o", 9000)
	newContent = strings.Repeat("n", 10000)
)

// crashCase is one call, the state it begins in, and what a crash may leave.
type crashCase struct {
	name    string
	prepare func(fsys vfs.FS) error
	run     func(fsys vfs.FS) error
	allowed []string // before success; the last is also the state after it
}

var crashCases = []crashCase{
	{"WriteFile, new", nil,
		func(fsys vfs.FS) error { return durable.WriteFile(fsys, "f", []byte(newContent)) },
		[]string{"", "f=n*10000"}},
	{"WriteFile, over a file",
		func(fsys vfs.FS) error { return durable.WriteFile(fsys, "f", []byte(oldContent)) },
		func(fsys vfs.FS) error { return durable.WriteFile(fsys, "f", []byte(newContent)) },
		[]string{"f=o*9000", "f=n*10000"}},
	{"CreateExclusive, new",
		func(fsys vfs.FS) error { return durable.MkdirAll(fsys, "d") },
		func(fsys vfs.FS) error { return durable.CreateExclusive(fsys, "d/f", []byte(newContent)) },
		[]string{"d/", "d/ d/f=n*10000"}},
	{"CreateExclusive, same content, not yet durable",
		func(fsys vfs.FS) error {
			f, err := fsys.Create("f", vfs.CreateOptions{})
			if err != nil {
				return err
			}
			_, err = f.WriteAt([]byte("same"), 0)
			return errors.Join(err, f.Close())
		},
		func(fsys vfs.FS) error { return durable.CreateExclusive(fsys, "f", []byte("same")) },
		[]string{"", "f=", "f=same"}},
	{"Rename in a folder",
		func(fsys vfs.FS) error { return durable.WriteFile(fsys, "a", []byte(oldContent)) },
		func(fsys vfs.FS) error { return durable.Rename(fsys, "a", "b") },
		[]string{"a=o*9000", "b=o*9000"}},
	{"Rename over a file in another folder",
		func(fsys vfs.FS) error {
			return errors.Join(durable.MkdirAll(fsys, "d"),
				durable.WriteFile(fsys, "d/f", []byte(oldContent)),
				durable.WriteFile(fsys, "f", []byte(newContent)))
		},
		func(fsys vfs.FS) error { return durable.Rename(fsys, "f", "d/f") },
		[]string{"d/ d/f=o*9000 f=n*10000", "d/ d/f=n*10000 f=n*10000", "d/ d/f=n*10000"}},
	{"MkdirAll", nil,
		func(fsys vfs.FS) error { return durable.MkdirAll(fsys, "a/b/c") },
		[]string{"", "a/", "a/ a/b/", "a/ a/b/ a/b/c/"}},
	{"MkdirAll after one that was not synced",
		func(fsys vfs.FS) error { return fsys.Mkdir("a", 0) },
		func(fsys vfs.FS) error { return durable.MkdirAll(fsys, "a") },
		[]string{"", "a/"}},
	{"Remove",
		func(fsys vfs.FS) error { return durable.WriteFile(fsys, "f", []byte(oldContent)) },
		func(fsys vfs.FS) error { return durable.Remove(fsys, "f") },
		[]string{"f=o*9000", ""}},
	{"RemoveAll",
		func(fsys vfs.FS) error {
			return errors.Join(durable.MkdirAll(fsys, "d"), durable.WriteFile(fsys, "d/f", []byte("x")))
		},
		func(fsys vfs.FS) error { return durable.RemoveAll(fsys, "d", 10) },
		[]string{"d/ d/f=x", "d/", ""}},
}

// TestCrash stops each call at each of its operations and cuts the power: the old
// or the new state is there, and after success the new one whatever is lost.
func TestCrash(t *testing.T) {
	for _, c := range crashCases {
		t.Run(c.name, func(t *testing.T) {
			for stop := int64(1); ; stop++ {
				if stop > 100 {
					t.Fatal("it never ends")
				}
				disk, done := runUntil(t, c, stop)
				checkStates(t, c, disk, stop, done)
				if done {
					return
				}
			}
		})
	}
}

// runUntil cuts the power at the stop-th operation of c, or lets it succeed.
func runUntil(t *testing.T, c crashCase, stop int64) (disk *vfs.Mem, done bool) {
	t.Helper()
	disk = vfs.NewMem(vfs.MemOptions{})
	if c.prepare != nil {
		must(t, c.prepare(disk))
	}
	before := disk.Ops()
	disk.OnOp(func(op vfs.Op) error {
		if op.N == before+stop {
			disk.Halt()
		}
		return nil
	})
	err := c.run(disk)
	if err != nil && !errors.Is(err, vfs.ErrHalted) {
		t.Fatal(err)
	}
	return disk, err == nil
}

func checkStates(t *testing.T, c crashCase, disk *vfs.Mem, stop int64, done bool) {
	t.Helper()
	allowed := c.allowed
	if done {
		allowed = allowed[len(allowed)-1:]
	}
	for _, percent := range []int{0, 50, 100} {
		for seed := range int64(20) {
			if percent != 50 && seed > 1 {
				break // 0 and 100 leave nothing to chance but the sector size
			}
			left := disk.CrashClone(rand.New(rand.NewSource(seed)), percent)
			got := tree(t, left)
			if !contains(allowed, got) {
				t.Fatalf("stopped at op %d (done %v), keep %d%%, seed %d: %q is none of %q",
					stop, done, percent, seed, got, allowed)
			}
			again(t, c, left)
		}
	}
}

// again repeats the call on what the crash left, as a resumed run would.
func again(t *testing.T, c crashCase, left *vfs.Mem) {
	t.Helper()
	goal := c.allowed[len(c.allowed)-1]
	if err := c.run(left); err != nil && tree(t, left) != goal && !errors.Is(err, durable.ErrDifferent) {
		t.Fatalf("again after the crash: %v, and %q", err, tree(t, left))
	}
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// TestSyncErrors: any failed fsync is ErrDiskFailed, and none is tried again.
func TestSyncErrors(t *testing.T) {
	for _, c := range crashCases {
		for _, op := range []vfs.OpKind{vfs.OpSync, vfs.OpSyncDir} {
			for nth := 1; ; nth++ {
				disk := vfs.NewMem(vfs.MemOptions{})
				if c.prepare != nil {
					must(t, c.prepare(disk))
				}
				fault := vfs.NewFault(disk)
				fired := fault.Add(vfs.Rule{Op: op, Nth: nth})
				later := fault.Add(vfs.Rule{Op: op, Nth: nth, Times: 1000, Err: errors.New("synced again")})
				err := c.run(fault)
				if fired() == 0 {
					must(t, err)
					break
				}
				if !errors.Is(err, durable.ErrDiskFailed) || !errors.Is(err, syscall.EIO) || later() > 0 {
					t.Errorf("%s: %s %d: %v, %d later", c.name, op, nth, err, later())
				}
			}
		}
	}
}

// TestOtherErrors: each operation fails once, without effect or with it; the state
// is one of those allowed, and the same call then succeeds or has succeeded.
func TestOtherErrors(t *testing.T) {
	for _, c := range crashCases {
		for _, apply := range []bool{false, true} {
			for _, op := range []vfs.OpKind{
				vfs.OpCreate, vfs.OpWrite, vfs.OpClose, vfs.OpRename, vfs.OpLink, vfs.OpMkdir, vfs.OpRemove,
			} {
				disk := vfs.NewMem(vfs.MemOptions{})
				if c.prepare != nil {
					must(t, c.prepare(disk))
				}
				err := c.run(vfs.NewFault(disk, vfs.Rule{Op: op, Nth: 1, Apply: apply}))
				if errors.Is(err, durable.ErrDiskFailed) {
					t.Errorf("%s: %s: %v", c.name, op, err)
				}
				goal := c.allowed[len(c.allowed)-1]
				if got := tree(t, disk); !contains(c.allowed, got) || (err == nil && got != goal) {
					t.Errorf("%s: %s, apply %v: %v, left %q", c.name, op, apply, err, got)
				}
				if err := c.run(disk); err != nil && tree(t, disk) != goal {
					t.Errorf("%s: again after %s: %v", c.name, op, err)
				}
				if got := tree(t, disk); got != goal {
					t.Errorf("%s: again after %s: %q", c.name, op, got)
				}
			}
		}
	}
}

func TestOnRealFolder(t *testing.T) {
	disk, err := vfs.OS(t.TempDir())
	must(t, err)
	t.Cleanup(func() { vfs.Close(disk) })
	for _, c := range crashCases {
		must(t, durable.RemoveAll(disk, "a", 10))
		must(t, durable.RemoveAll(disk, "b", 10))
		must(t, durable.RemoveAll(disk, "d", 10))
		must(t, durable.RemoveAll(disk, "f", 10))
		if c.prepare != nil {
			must(t, c.prepare(disk))
		}
		must(t, c.run(disk))
		if got := tree(t, disk); got != c.allowed[len(c.allowed)-1] {
			t.Errorf("%s left %q", c.name, got)
		}
	}
}

func TestCreateExclusive(t *testing.T) {
	disk := vfs.NewMem(vfs.MemOptions{})
	must(t, durable.CreateExclusive(disk, "f", []byte("one")))
	must(t, durable.CreateExclusive(disk, "f", []byte("one")))
	for _, other := range []string{"two", "on", "ones", ""} {
		err := durable.CreateExclusive(disk, "f", []byte(other))
		if !errors.Is(err, durable.ErrDifferent) || !errors.Is(err, fs.ErrExist) {
			t.Errorf("%q over a file: %v", other, err)
		}
	}
	if entries, _ := disk.ReadDir("."); len(entries) != 1 || tree(t, disk) != "f=one" {
		t.Errorf("left %v, %q", entries, tree(t, disk))
	}
}

// Of several creators with different contents one wins, and its content is whole.
func TestConcurrent(t *testing.T) {
	disk := vfs.NewMem(vfs.MemOptions{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	winner, wins := "", 0
	for i := range 8 {
		wg.Go(func() {
			content := strings.Repeat(string(rune('a'+i)), 1000)
			err := durable.CreateExclusive(disk, "f", []byte(content))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				winner, wins = content, wins+1
			} else if !errors.Is(err, durable.ErrDifferent) {
				t.Error(err)
			}
			if err := durable.WriteFile(disk, "g", []byte(content)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	got, err := vfs.ReadFile(disk, "f", 1000)
	must(t, err)
	if wins != 1 || string(got) != winner {
		t.Errorf("%d winners, the file holds another's content: %v", wins, string(got) != winner)
	}
}

func TestSweepAndLeftovers(t *testing.T) {
	disk := vfs.NewMem(vfs.MemOptions{})
	for i := range 64 {
		f, err := disk.Create(fmt.Sprintf("f.%d%s", i, durable.TempSuffix), vfs.CreateOptions{})
		must(t, err)
		must(t, f.Close())
	}
	must(t, disk.Mkdir("folder"+durable.TempSuffix, 0))
	must(t, durable.WriteFile(disk, "g", []byte("x")))
	if err := durable.WriteFile(disk, "f", []byte("x")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("with too many leftovers: %v", err)
	}
	must(t, durable.Sweep(disk, "."))
	must(t, durable.WriteFile(disk, "f", []byte("x")))
	clone := disk.CrashClone(rand.New(rand.NewSource(1)), 0)
	entries, err := clone.ReadDir(".")
	must(t, err)
	if len(entries) != 3 {
		t.Errorf("left %v", entries)
	}
}

func TestRemoveAllBounded(t *testing.T) {
	disk := vfs.NewMem(vfs.MemOptions{})
	must(t, durable.MkdirAll(disk, "d/e"))
	must(t, durable.WriteFile(disk, "d/e/f", nil))
	for limit := range 3 {
		if err := durable.RemoveAll(disk, "d", limit); !errors.Is(err, vfs.ErrTooLarge) {
			t.Errorf("limit %d: %v", limit, err)
		}
	}
	if got := tree(t, disk); got != "d/ d/e/ d/e/f=" {
		t.Errorf("a refused RemoveAll left %q", got)
	}
	must(t, durable.RemoveAll(disk, "d", 3))
	must(t, durable.RemoveAll(disk, "d", 3))
	must(t, durable.RemoveAll(disk, "none/d", 3))
}

// TestOverwrite: at no time after the name is gone are the old bytes on the disk,
// and the name goes only when the new ones are durable.
func TestOverwrite(t *testing.T) {
	secret := strings.Repeat("secret! ", 12000)
	prepare := func() *vfs.Mem {
		disk := vfs.NewMem(vfs.MemOptions{})
		must(t, durable.WriteFile(disk, "wrap", []byte(secret)))
		must(t, durable.CreateExclusive(disk, "witness", nil))
		must(t, disk.Remove("witness"))
		must(t, disk.Link("wrap", "witness")) // shows what the blocks hold
		must(t, disk.SyncDir("."))
		return disk
	}
	for stop := int64(1); ; stop++ {
		disk := prepare()
		before := disk.Ops()
		disk.OnOp(func(op vfs.Op) error {
			if op.N == before+stop {
				disk.Halt()
			}
			return nil
		})
		err := durable.Overwrite(disk, "wrap")
		for seed := range int64(5) {
			left := disk.CrashClone(rand.New(rand.NewSource(seed)), 50)
			_, statErr := left.Stat("wrap")
			content, readErr := vfs.ReadFile(left, "witness", 1<<20)
			must(t, readErr)
			if errors.Is(statErr, fs.ErrNotExist) && strings.Contains(string(content), "secret") {
				t.Fatalf("stopped at op %d: the name is gone, the secret is not", stop)
			}
			if err == nil && statErr == nil {
				t.Fatal("it came back")
			}
		}
		if err == nil {
			return
		}
	}
}

func TestOverwriteErrors(t *testing.T) {
	for _, op := range []vfs.OpKind{vfs.OpOpen, vfs.OpSize, vfs.OpWrite, vfs.OpSync, vfs.OpPunch, vfs.OpRemove, vfs.OpSyncDir} {
		disk := vfs.NewMem(vfs.MemOptions{})
		must(t, durable.WriteFile(disk, "wrap", []byte("secret")))
		err := durable.Overwrite(vfs.NewFault(disk, vfs.Rule{Op: op, Nth: 1}), "wrap")
		if (err == nil) != (op == vfs.OpPunch) {
			t.Errorf("%s: %v", op, err)
		}
		if errors.Is(err, durable.ErrDiskFailed) != (op == vfs.OpSync || op == vfs.OpSyncDir) {
			t.Errorf("%s: %v", op, err)
		}
		_, statErr := disk.Stat("wrap")
		gone := errors.Is(statErr, fs.ErrNotExist)
		if gone != (op == vfs.OpPunch || op == vfs.OpSyncDir) {
			t.Errorf("%s: the name is gone: %v", op, gone)
		}
	}
}
