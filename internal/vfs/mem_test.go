package vfs_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// put writes and syncs a file, not its name.
func put(t *testing.T, fsys vfs.FS, name, content string) {
	t.Helper()
	f, err := fsys.Create(name, vfs.CreateOptions{})
	must(t, err)
	_, err = f.WriteAt([]byte(content), 0)
	must(t, err)
	must(t, f.Sync())
	must(t, f.Close())
}

// tree lists everything on a disk as "name=content" or "name/".
func tree(t *testing.T, fsys vfs.FS) string {
	t.Helper()
	var all []string
	must(t, vfs.Walk(fsys, ".", vfs.Limits{}, func(name string, d fs.DirEntry) error {
		if d.IsDir() {
			all = append(all, name+"/")
			return nil
		}
		data, err := vfs.ReadFile(fsys, name, 1<<20)
		all = append(all, name+"="+string(data))
		return err
	}))
	return strings.Join(all, " ")
}

func crash(m *vfs.Mem, seed int64, percent int) *vfs.Mem {
	return m.CrashClone(rand.New(rand.NewSource(seed)), percent)
}

func write(t *testing.T, fsys vfs.FS, name, content string, off int64) {
	t.Helper()
	f, err := fsys.Open(name, vfs.OpenOptions{Write: true})
	must(t, err)
	_, err = f.WriteAt([]byte(content), off)
	must(t, err)
	must(t, f.Close())
}

// What a crash keeps at 0 and at 100 per cent.
func TestCrashCloneExtremes(t *testing.T) {
	for _, test := range []struct {
		name        string
		run         func(t *testing.T, m *vfs.Mem)
		least, most string
	}{
		{"nothing done", func(t *testing.T, m *vfs.Mem) {}, "a=old d/", "a=old d/"},
		{"file sync alone does not keep the name", func(t *testing.T, m *vfs.Mem) {
			put(t, m, "b", "new")
		}, "a=old d/", "a=old b=new d/"},
		{"folder sync alone does not keep the bytes", func(t *testing.T, m *vfs.Mem) {
			f, err := m.Create("b", vfs.CreateOptions{})
			must(t, err)
			_, err = f.WriteAt([]byte("new"), 0)
			must(t, err)
			must(t, m.SyncDir("."))
		}, "a=old b= d/", "a=old b=new d/"},
		{"both", func(t *testing.T, m *vfs.Mem) {
			put(t, m, "b", "new")
			must(t, m.SyncDir("."))
		}, "a=old b=new d/", "a=old b=new d/"},
		{"overwrite", func(t *testing.T, m *vfs.Mem) {
			write(t, m, "a", "NEWER", 0)
		}, "a=old d/", "a=NEWER d/"},
		{"overwrite, truncate, extend", func(t *testing.T, m *vfs.Mem) {
			write(t, m, "a", "NEWER", 0)
			f, err := m.Open("a", vfs.OpenOptions{Write: true})
			must(t, err)
			must(t, f.Truncate(1))
			must(t, f.Truncate(3))
			must(t, f.Punch(0, 1))
		}, "a=old d/", "a=\x00\x00\x00 d/"},
		{"remove", func(t *testing.T, m *vfs.Mem) {
			must(t, m.Remove("a"))
		}, "a=old d/", "d/"},
		{"remove, synced", func(t *testing.T, m *vfs.Mem) {
			must(t, m.Remove("a"))
			must(t, m.SyncDir("."))
		}, "d/", "d/"},
		{"rename", func(t *testing.T, m *vfs.Mem) {
			must(t, m.Rename("a", "b"))
		}, "a=old d/", "b=old d/"},
		{"rename across, nothing synced", func(t *testing.T, m *vfs.Mem) {
			must(t, m.Rename("a", "d/a"))
		}, "a=old d/", "d/ d/a=old"},
		{"rename across, new folder synced", func(t *testing.T, m *vfs.Mem) {
			must(t, m.Rename("a", "d/a"))
			must(t, m.SyncDir("d"))
		}, "a=old d/ d/a=old", "d/ d/a=old"},
		{"rename across, old folder synced", func(t *testing.T, m *vfs.Mem) {
			must(t, m.Rename("a", "d/a"))
			must(t, m.SyncDir("."))
		}, "d/", "d/ d/a=old"},
		{"folder renamed across, one side synced", func(t *testing.T, m *vfs.Mem) {
			must(t, m.Mkdir("d/e", 0))
			must(t, m.SyncDir("d"))
			must(t, m.Rename("d/e", "f"))
			must(t, m.SyncDir("d"))
		}, "a=old d/ f/", "a=old d/ f/"},
		{"link", func(t *testing.T, m *vfs.Mem) {
			must(t, m.Link("a", "b"))
		}, "a=old d/", "a=old b=old d/"},
		{"folder lost with what was synced in it", func(t *testing.T, m *vfs.Mem) {
			must(t, m.Mkdir("e", 0))
			put(t, m, "e/x", "x")
			must(t, m.SyncDir("e"))
		}, "a=old d/", "a=old d/ e/ e/x=x"},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := vfs.NewMem(vfs.MemOptions{})
			put(t, m, "a", "old")
			must(t, m.Mkdir("d", 0))
			must(t, m.SyncDir("."))
			test.run(t, m)
			for seed := range int64(20) {
				if got := tree(t, crash(m, seed, 0)); got != test.least {
					t.Errorf("0%%: %q, want %q", got, test.least)
				}
				most := crash(m, seed, 100)
				if got := tree(t, most); got != test.most {
					t.Errorf("100%%: %q, want %q", got, test.most)
				}
				// What came out of a crash is durable.
				if got := tree(t, crash(most, seed, 0)); got != test.most {
					t.Errorf("crash after crash: %q, want %q", got, test.most)
				}
			}
			if got := tree(t, m); got != test.most {
				t.Errorf("the running disk: %q, want %q", got, test.most)
			}
		})
	}
}

// Half-kept writes are torn at sectors, never inside one, and both sizes occur.
func TestCrashCloneTears(t *testing.T) {
	const size = 64 << 10
	m := vfs.NewMem(vfs.MemOptions{})
	put(t, m, "f", strings.Repeat("o", size))
	must(t, m.SyncDir("."))
	write(t, m, "f", strings.Repeat("n", size-200), 100)
	finest := map[int]bool{}
	for seed := range int64(40) {
		data, err := vfs.ReadFile(crash(m, seed, 50), "f", size)
		must(t, err)
		tears, unit := 0, 4096
		for i := 101; i < size-100; i++ {
			if data[i] == data[i-1] {
				continue
			}
			tears++
			if i%512 != 0 {
				t.Fatalf("seed %d: torn at %d", seed, i)
			}
			if i%4096 != 0 {
				unit = 512
			}
		}
		if tears == 0 {
			t.Errorf("seed %d: not torn", seed)
		}
		finest[unit] = true
	}
	if len(finest) != 2 {
		t.Errorf("sector sizes seen: %v", finest)
	}
}

func TestCrashCloneDeterministic(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{})
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		put(t, m, name, name)
		write(t, m, name, strings.Repeat(name, 9000), 0)
	}
	must(t, m.Rename("a", "z"))
	seen := map[string]bool{}
	for seed := range int64(30) {
		one, two := tree(t, crash(m, seed, 50)), tree(t, crash(m, seed, 50))
		if one != two {
			t.Fatalf("seed %d gives two results", seed)
		}
		seen[one] = true
	}
	if len(seen) < 20 {
		t.Errorf("only %d states of 30 seeds", len(seen))
	}
}

func TestCrashCloneKeepsLinks(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{Capacity: 1000})
	put(t, m, "a", "one")
	must(t, m.Link("a", "b"))
	must(t, m.SyncDir("."))
	clone := crash(m, 1, 0)
	write(t, clone, "a", "ONE", 0)
	if got := tree(t, clone); got != "a=ONE b=ONE" {
		t.Errorf("after a write to one name: %q", got)
	}
	if got := tree(t, m); got != "a=one b=one" {
		t.Errorf("the original changed: %q", got)
	}
	free, _, err := clone.Free()
	must(t, err)
	if free != 997 {
		t.Errorf("free %d, want 997", free)
	}
}

func TestMemCapacity(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{Capacity: 1000})
	free := func() int64 {
		t.Helper()
		n, _, err := m.Free()
		must(t, err)
		return n
	}
	_, err := m.Create("big", vfs.CreateOptions{Preallocate: 1001})
	if !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("preallocation: %v", err)
	}
	f, err := m.Create("f", vfs.CreateOptions{Preallocate: 600})
	must(t, err)
	g, err := m.Create("g", vfs.CreateOptions{})
	must(t, err)
	n, err := g.WriteAt(make([]byte, 500), 0)
	var pathError *fs.PathError
	if n != 400 || !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &pathError) {
		t.Errorf("write over the capacity: %d, %v", n, err)
	}
	if free() != 0 {
		t.Errorf("free %d, want 0", free())
	}
	_, err = f.WriteAt(bytes.Repeat([]byte{1}, 600), 0) // reserved
	must(t, err)
	if err := f.Truncate(601); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("truncate over the capacity: %v", err)
	}
	must(t, f.Truncate(100))
	if free() != 500 {
		t.Errorf("free %d, want 500", free())
	}
	must(t, m.Remove("g"))
	if free() != 500 {
		t.Errorf("free %d with the removed file open, want 500", free())
	}
	must(t, g.Close())
	if free() != 900 {
		t.Errorf("free %d, want 900", free())
	}
	if _, err := f.WriteAt([]byte{1}, 1<<60); err == nil {
		t.Error("wrote at a wild offset")
	}
}

// Every kind of change is numbered, can be failed by the hook, and has then no
// effect; after Halt nothing goes.
func TestMemHookAndHalt(t *testing.T) {
	errStop := errors.New("stop")
	m := vfs.NewMem(vfs.MemOptions{})
	put(t, m, "a", "old")
	must(t, m.Mkdir("d", 0))
	f, err := m.Open("a", vfs.OpenOptions{Write: true})
	must(t, err)
	calls := []struct {
		kind vfs.OpKind
		run  func() error
	}{
		{vfs.OpCreate, func() error { _, err := m.Create("x", vfs.CreateOptions{}); return err }},
		{vfs.OpRemove, func() error { return m.Remove("a") }},
		{vfs.OpRename, func() error { return m.Rename("a", "b") }},
		{vfs.OpLink, func() error { return m.Link("a", "b") }},
		{vfs.OpMkdir, func() error { return m.Mkdir("e", 0) }},
		{vfs.OpSyncDir, func() error { return m.SyncDir(".") }},
		{vfs.OpWrite, func() error { _, err := f.WriteAt([]byte("n"), 0); return err }},
		{vfs.OpTruncate, func() error { return f.Truncate(0) }},
		{vfs.OpSync, func() error { return f.Sync() }},
		{vfs.OpPunch, func() error { return f.Punch(0, 1) }},
	}
	before := m.Ops()
	var kinds []vfs.OpKind
	m.OnOp(func(op vfs.Op) error {
		kinds = append(kinds, op.Kind)
		if op.N != before+int64(len(kinds)) {
			t.Errorf("%v, want number %d", op, before+int64(len(kinds)))
		}
		return errStop
	})
	for i, c := range calls {
		if err := c.run(); !errors.Is(err, errStop) {
			t.Errorf("%s: %v", c.kind, err)
		}
		if !slices.Contains(kinds[i:], c.kind) {
			t.Errorf("%s was not announced", c.kind)
		}
	}
	if got := tree(t, m); got != "a=old d/" {
		t.Errorf("failed operations had an effect: %q", got)
	}

	m.OnOp(func(vfs.Op) error { m.Halt(); return nil }) // power goes during the next one
	for _, c := range calls {
		if err := c.run(); !errors.Is(err, vfs.ErrHalted) {
			t.Errorf("%s after Halt: %v", c.kind, err)
		}
	}
	for name, err := range map[string]error{
		"open":    func() error { _, err := m.Open("a", vfs.OpenOptions{}); return err }(),
		"readdir": func() error { _, err := m.ReadDir("."); return err }(),
		"stat":    func() error { _, err := m.Stat("a"); return err }(),
		"free":    func() error { _, _, err := m.Free(); return err }(),
		"read":    func() error { _, err := f.ReadAt(make([]byte, 1), 0); return err }(),
		"size":    func() error { _, err := f.Size(); return err }(),
		"close":   f.Close(),
	} {
		if !errors.Is(err, vfs.ErrHalted) {
			t.Errorf("%s after Halt: %v", name, err)
		}
	}
	if got := tree(t, crash(m, 1, 100)); got != "a=old d/" {
		t.Errorf("after the crash: %q", got)
	}
}

// The undo list must give back exactly what was synced, whatever was done since.
func TestCrashCloneUndo(t *testing.T) {
	for seed := range int64(50) {
		rng := rand.New(rand.NewSource(seed))
		m := vfs.NewMem(vfs.MemOptions{})
		f, err := m.Create("f", vfs.CreateOptions{})
		must(t, err)
		must(t, m.SyncDir("."))
		synced := ""
		for range 30 {
			off, n := rng.Int63n(3000), rng.Intn(3000)
			switch rng.Intn(5) {
			case 0:
				must(t, f.Truncate(off))
			case 1:
				must(t, f.Punch(off, int64(n)))
			case 2:
				must(t, f.Sync())
				data, err := vfs.ReadFile(m, "f", 1<<20)
				must(t, err)
				synced = string(data)
			default:
				p := make([]byte, n)
				rng.Read(p)
				_, err = f.WriteAt(p, off)
				must(t, err)
			}
			got, err := vfs.ReadFile(crash(m, seed, 0), "f", 1<<20)
			must(t, err)
			if string(got) != synced {
				t.Fatalf("seed %d: crash without unsynced data differs from the last sync", seed)
			}
			now, err := vfs.ReadFile(m, "f", 1<<20)
			must(t, err)
			got, err = vfs.ReadFile(crash(m, seed, 100), "f", 1<<20)
			must(t, err)
			if !bytes.Equal(got, now) {
				t.Fatalf("seed %d: crash with all unsynced data differs from the running disk", seed)
			}
		}
	}
}

// A folder that was moved twice is in at most one place after the crash.
func TestCrashCloneFolderOnce(t *testing.T) {
	m := vfs.NewMem(vfs.MemOptions{})
	for _, name := range []string{"p", "q", "r", "p/d"} {
		must(t, m.Mkdir(name, 0))
	}
	put(t, m, "p/d/f", "x")
	for _, name := range []string{".", "p", "p/d"} {
		must(t, m.SyncDir(name))
	}
	must(t, m.Rename("p/d", "q/d"))
	must(t, m.Rename("q/d", "r/d"))
	for seed := range int64(50) {
		if got := tree(t, crash(m, seed, 50)); strings.Count(got, "f=x") > 1 {
			t.Fatalf("seed %d: %q", seed, got)
		}
	}
}
