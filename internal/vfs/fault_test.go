package vfs_test

import (
	"errors"
	"io/fs"
	"math/rand"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

func TestFaultNth(t *testing.T) {
	for _, test := range []struct {
		name string
		rule vfs.Rule
		want string // one letter a write to shard 1: . is good, X is EIO
	}{
		{"every", vfs.Rule{Op: vfs.OpWrite}, "XXXXX"},
		{"third", vfs.Rule{Op: vfs.OpWrite, Nth: 3}, "..X.."},
		{"from the second, two", vfs.Rule{Op: vfs.OpWrite, Nth: 2, Times: 2}, ".XX.."},
		{"first two", vfs.Rule{Op: vfs.OpWrite, Times: 2}, "XX..."},
		{"any operation", vfs.Rule{Nth: 2}, "X...."}, // the first was create
		{"last element", vfs.Rule{Op: vfs.OpWrite, Path: "shard*", Nth: 1}, "X...."},
		{"whole name", vfs.Rule{Op: vfs.OpWrite, Path: "d/shard*", Nth: 1}, "X...."},
		{"other name", vfs.Rule{Op: vfs.OpWrite, Path: "other"}, "....."},
		{"other folder", vfs.Rule{Op: vfs.OpWrite, Path: "e/*"}, "....."},
		{"other operation", vfs.Rule{Op: vfs.OpSync}, "....."},
		{"range", vfs.Rule{Op: vfs.OpWrite, Offset: 19, Length: 12}, ".XXX."},
		{"byte count", vfs.Rule{Op: vfs.OpWrite, AfterBytes: 25}, "..XXX"},
	} {
		t.Run(test.name, func(t *testing.T) {
			mem := vfs.NewMem(vfs.MemOptions{})
			must(t, mem.Mkdir("d", 0))
			fsys := vfs.NewFault(mem)
			fired := fsys.Add(test.rule)
			f, err := fsys.Create("d/shard1", vfs.CreateOptions{})
			must(t, err)
			got := ""
			for i := range int64(5) {
				_, err := f.WriteAt(make([]byte, 10), i*10)
				switch {
				case err == nil:
					got += "."
				case errors.Is(err, syscall.EIO):
					got += "X"
				default:
					t.Fatal(err)
				}
			}
			if got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
			if fired() != strings.Count(test.want, "X") {
				t.Errorf("fired %d times", fired())
			}
		})
	}
}

func TestFaultEffects(t *testing.T) {
	for _, test := range []struct {
		name string
		rule vfs.Rule
		n    int
		err  error
		left string
	}{
		{"no effect", vfs.Rule{}, 0, syscall.EIO, ""},
		{"short", vfs.Rule{Short: true}, 3, syscall.EIO, "abc"},
		{"done, yet reported", vfs.Rule{Apply: true}, 6, syscall.EIO, "abcdef"},
		{"full", vfs.Rule{AfterBytes: 4, Err: syscall.ENOSPC}, 4, syscall.ENOSPC, "abcd"},
		{"own error", vfs.Rule{Err: fs.ErrPermission}, 0, fs.ErrPermission, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			mem := vfs.NewMem(vfs.MemOptions{})
			test.rule.Op = vfs.OpWrite
			fsys := vfs.NewFault(mem, test.rule)
			f, err := fsys.Create("f", vfs.CreateOptions{})
			must(t, err)
			n, err := f.WriteAt([]byte("abcdef"), 0)
			if n != test.n || !errors.Is(err, test.err) {
				t.Errorf("wrote %d, %v", n, err)
			}
			if got := tree(t, mem); got != "f="+test.left {
				t.Errorf("left %q", got)
			}
			fsys.Clear()
			_, err = f.WriteAt([]byte("abcdef"), 0)
			must(t, err)
		})
	}
}

func TestFaultOperations(t *testing.T) {
	for _, test := range []struct {
		op    vfs.OpKind
		run   func(fsys vfs.FS, f vfs.File) error
		after string // when the operation is done, yet reported as failed
	}{
		{vfs.OpOpen, func(fsys vfs.FS, f vfs.File) error { _, err := fsys.Open("a", vfs.OpenOptions{}); return err }, "a=old"},
		{vfs.OpCreate, func(fsys vfs.FS, f vfs.File) error { _, err := fsys.Create("b", vfs.CreateOptions{}); return err }, "a=old b="},
		{vfs.OpRemove, func(fsys vfs.FS, f vfs.File) error { return fsys.Remove("a") }, ""},
		{vfs.OpRename, func(fsys vfs.FS, f vfs.File) error { return fsys.Rename("a", "b") }, "b=old"},
		{vfs.OpLink, func(fsys vfs.FS, f vfs.File) error { return fsys.Link("a", "b") }, "a=old b=old"},
		{vfs.OpMkdir, func(fsys vfs.FS, f vfs.File) error { return fsys.Mkdir("d", 0) }, "a=old d/"},
		{vfs.OpReadDir, func(fsys vfs.FS, f vfs.File) error { _, err := fsys.ReadDir("."); return err }, "a=old"},
		{vfs.OpStat, func(fsys vfs.FS, f vfs.File) error { _, err := fsys.Stat("a"); return err }, "a=old"},
		{vfs.OpSyncDir, func(fsys vfs.FS, f vfs.File) error { return fsys.SyncDir(".") }, "a=old"},
		{vfs.OpFree, func(fsys vfs.FS, f vfs.File) error { _, _, err := fsys.Free(); return err }, "a=old"},
		{vfs.OpRead, func(fsys vfs.FS, f vfs.File) error { _, err := f.ReadAt(make([]byte, 1), 0); return err }, "a=old"},
		{vfs.OpSize, func(fsys vfs.FS, f vfs.File) error { _, err := f.Size(); return err }, "a=old"},
		{vfs.OpTruncate, func(fsys vfs.FS, f vfs.File) error { return f.Truncate(1) }, "a=o"},
		{vfs.OpSync, func(fsys vfs.FS, f vfs.File) error { return f.Sync() }, "a=old"},
		{vfs.OpPunch, func(fsys vfs.FS, f vfs.File) error { return f.Punch(0, 3) }, "a=\x00\x00\x00"},
		{vfs.OpClose, func(fsys vfs.FS, f vfs.File) error { return f.Close() }, "a=old"},
	} {
		for _, apply := range []bool{false, true} {
			mem := vfs.NewMem(vfs.MemOptions{})
			put(t, mem, "a", "old")
			fsys := vfs.NewFault(mem)
			f, err := fsys.Open("a", vfs.OpenOptions{Write: true})
			must(t, err)
			fired := fsys.Add(vfs.Rule{Op: test.op, Nth: 1, Apply: apply})
			if err := test.run(fsys, f); !errors.Is(err, syscall.EIO) || fired() != 1 {
				t.Errorf("%s: %v, fired %d", test.op, err, fired())
			}
			want := "a=old"
			if apply {
				want = test.after
			}
			if got := tree(t, mem); got != want {
				t.Errorf("%s, apply %v: %q, want %q", test.op, apply, got, want)
			}
		}
	}
}

// A failed fsync leaves bytes that can be read and are gone after the crash, and
// a second fsync that "succeeds" must not be believed by anyone: here it is the
// inner disk that does it, as the rule has run out.
func TestFaultSyncIsNotPassedOn(t *testing.T) {
	mem := vfs.NewMem(vfs.MemOptions{})
	fsys := vfs.NewFault(mem, vfs.Rule{Op: vfs.OpSync, Nth: 1})
	f, err := fsys.Create("f", vfs.CreateOptions{})
	must(t, err)
	_, err = f.WriteAt([]byte("x"), 0)
	must(t, err)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatal(err)
	}
	must(t, fsys.SyncDir("."))
	if got := tree(t, mem); got != "f=x" {
		t.Errorf("before the crash: %q", got)
	}
	if got := tree(t, crash(mem, 1, 0)); got != "f=" {
		t.Errorf("after the crash: %q", got)
	}
}

func TestFaultDelay(t *testing.T) {
	var slept time.Duration
	fsys := vfs.NewFault(vfs.NewMem(vfs.MemOptions{}),
		vfs.Rule{Op: vfs.OpMkdir, Delay: time.Hour},
		vfs.Rule{Path: "b", Delay: time.Minute, Err: syscall.EROFS})
	fsys.Sleep = func(d time.Duration) { slept += d }
	must(t, fsys.Mkdir("a", 0))
	if err := fsys.Mkdir("b", 0); !errors.Is(err, syscall.EROFS) {
		t.Error(err)
	}
	if slept != 2*time.Hour+time.Minute {
		t.Errorf("slept %v", slept)
	}
}

func TestFaultBadPattern(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a bad pattern was taken")
		}
	}()
	vfs.NewFault(vfs.NewMem(vfs.MemOptions{}), vfs.Rule{Path: "["})
}

// A short direct write stops at a block, as a disk would, and stays legal below.
func TestFaultShortDirect(t *testing.T) {
	mem := vfs.NewMem(vfs.MemOptions{})
	fsys := vfs.NewFault(mem, vfs.Rule{Op: vfs.OpWrite, Short: true})
	f, err := fsys.Create("f", vfs.CreateOptions{Direct: true})
	must(t, err)
	n, err := f.WriteAt(vfs.AlignedBuffer(3*vfs.Alignment), 0)
	if n != vfs.Alignment || !errors.Is(err, syscall.EIO) {
		t.Errorf("wrote %d, %v", n, err)
	}
}

// TestFaultSilent: the call succeeds, and the disk holds or gives something else.
func TestFaultSilent(t *testing.T) {
	for _, test := range []struct {
		name         string
		rule         vfs.Rule
		seen, stored string // through the fault, and below it
		after        string // what a power cut leaves
	}{
		{"none", vfs.Rule{Op: vfs.OpStat}, "aaaabbbb", "aaaabbbb", "aaaabbbb"},
		{"lost write", vfs.Rule{Op: vfs.OpWrite, Nth: 2, Lost: true}, "aaaa", "aaaa", "aaaa"},
		{"any write, lost", vfs.Rule{Lost: true, Nth: 2}, "aaaa", "aaaa", "aaaa"},
		{"misdirected write", vfs.Rule{Op: vfs.OpWrite, Nth: 2, Shift: -4}, "bbbb", "bbbb", "bbbb"},
		{"rot on the way to the disk", vfs.Rule{Op: vfs.OpWrite, Offset: 5, Length: 1, Flip: true}, "aaaabcbb", "aaaabcbb", "aaaabcbb"},
		{"rot on the way back", vfs.Rule{Op: vfs.OpRead, Offset: 1, Length: 1, Flip: true}, "a`aabbbb", "aaaabbbb", "aaaabbbb"},
		{"a range that is not met", vfs.Rule{Op: vfs.OpWrite, Offset: 50, Length: 1, Flip: true}, "aaaabbbb", "aaaabbbb", "aaaabbbb"},
		{"forgets over its size", vfs.Rule{Op: vfs.OpWrite, AfterBytes: 4, Zero: true}, "aaaa\x00\x00\x00\x00", "aaaa\x00\x00\x00\x00", "aaaa\x00\x00\x00\x00"},
		{"begins again", vfs.Rule{Op: vfs.OpWrite, AfterBytes: 6, Wrap: true}, "bbaabbbb", "bbaabbbb", "bbaabbbb"},
		{"is large enough", vfs.Rule{Op: vfs.OpWrite, AfterBytes: 8, Wrap: true}, "aaaabbbb", "aaaabbbb", "aaaabbbb"},
		{"lost fsync", vfs.Rule{Op: vfs.OpSync, Lost: true}, "aaaabbbb", "aaaabbbb", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			mem := vfs.NewMem(vfs.MemOptions{})
			fault := vfs.NewFault(mem, test.rule)
			f, err := fault.Create("f", vfs.CreateOptions{})
			must(t, err)
			for i, text := range []string{"aaaa", "bbbb"} {
				n, err := f.WriteAt([]byte(text), int64(4*i))
				if n != 4 || err != nil {
					t.Errorf("write %d: %d, %v", i, n, err)
				}
			}
			must(t, f.Sync())
			must(t, f.Close())
			must(t, fault.SyncDir("."))
			content := func(fsys vfs.FS) string {
				b, err := vfs.ReadFile(fsys, "f", 100)
				must(t, err)
				return string(b)
			}
			if got := content(fault); got != test.seen {
				t.Errorf("reads %q, want %q", got, test.seen)
			}
			if got := content(mem); got != test.stored {
				t.Errorf("holds %q, want %q", got, test.stored)
			}
			if got := content(mem.CrashClone(rand.New(rand.NewSource(1)), 0)); got != test.after {
				t.Errorf("after a power cut %q, want %q", got, test.after)
			}
		})
	}
}
