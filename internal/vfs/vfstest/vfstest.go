// Package vfstest holds the test that every vfs.FS must pass. Run it over each
// implementation and over each wrapper without its faults:
//
//	vfstest.TestFS(t, func(t *testing.T) vfs.FS { return vfs.NewMem(vfs.MemOptions{}) })
package vfstest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// TestFS runs the suite. open returns an empty disk with at least 4 MiB of room
// for each subtest and cleans up after itself.
func TestFS(t *testing.T, open func(t *testing.T) vfs.FS) {
	for _, test := range []struct {
		name string
		run  func(t *testing.T, fsys vfs.FS)
	}{
		{"Names", testNames},
		{"Create", testCreate},
		{"ReadWrite", testReadWrite},
		{"Truncate", testTruncate},
		{"Punch", testPunch},
		{"Direct", testDirect},
		{"Preallocate", testPreallocate},
		{"ReadOnly", testReadOnly},
		{"Closed", testClosed},
		{"Remove", testRemove},
		{"Rename", testRename},
		{"RenameFolder", testRenameFolder},
		{"Link", testLink},
		{"ReadDir", testReadDir},
		{"Stat", testStat},
		{"Unlinked", testUnlinked},
		{"ReadFile", testReadFile},
		{"Walk", testWalk},
		{"Free", testFree},
		{"Concurrent", testConcurrent},
		{"Lock", testLock},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(t, open(t)) })
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: got error %v, want %v", what, err, want)
	}
}

func write(t *testing.T, fsys vfs.FS, name, content string) {
	t.Helper()
	f, err := fsys.Create(name, vfs.CreateOptions{})
	must(t, err)
	n, err := f.WriteAt([]byte(content), 0)
	must(t, err)
	if n != len(content) {
		t.Fatalf("wrote %d bytes of %d", n, len(content))
	}
	must(t, f.Sync())
	must(t, f.Close())
}

func wantContent(t *testing.T, fsys vfs.FS, name, content string) {
	t.Helper()
	got, err := vfs.ReadFile(fsys, name, 1<<20)
	must(t, err)
	if string(got) != content {
		t.Errorf("%s holds %q, want %q", name, got, content)
	}
}

func wantList(t *testing.T, fsys vfs.FS, folder string, names ...string) {
	t.Helper()
	entries, err := fsys.ReadDir(folder)
	must(t, err)
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if !slices.Equal(got, names) {
		t.Errorf("%s lists %q, want %q", folder, got, names)
	}
}

func testNames(t *testing.T, fsys vfs.FS) {
	write(t, fsys, "ok", "x")
	for _, name := range []string{
		"", "/", "/ok", "../ok", "..", "a/../ok", "./ok", "ok/", "a//b", "a/./b", "ok\x00", "a/..",
		strings.Repeat("n", vfs.MaxElement+1), strings.Repeat("n/", vfs.MaxName) + "n",
	} {
		_, err := fsys.Open(name, vfs.OpenOptions{})
		wantErr(t, "open "+fmt.Sprintf("%.20q", name), err, fs.ErrInvalid)
		_, err = fsys.Create(name, vfs.CreateOptions{})
		wantErr(t, "create", err, fs.ErrInvalid)
		_, err = fsys.Stat(name)
		wantErr(t, "stat", err, fs.ErrInvalid)
		_, err = fsys.ReadDir(name)
		wantErr(t, "readdir", err, fs.ErrInvalid)
		wantErr(t, "remove", fsys.Remove(name), fs.ErrInvalid)
		wantErr(t, "mkdir", fsys.Mkdir(name, 0), fs.ErrInvalid)
		wantErr(t, "rename to", fsys.Rename("ok", name), fs.ErrInvalid)
		wantErr(t, "rename from", fsys.Rename(name, "other"), fs.ErrInvalid)
		wantErr(t, "link to", fsys.Link("ok", name), fs.ErrInvalid)
		wantErr(t, "link from", fsys.Link(name, "other"), fs.ErrInvalid)
		wantErr(t, "syncdir", fsys.SyncDir(name), fs.ErrInvalid)
	}
	longest := strings.Repeat("n", vfs.MaxElement)
	for _, name := range []string{longest, "a b", "...", "..a", "new\nline", "ümlaut"} {
		write(t, fsys, name, name)
		wantContent(t, fsys, name, name)
	}
}

func testCreate(t *testing.T, fsys vfs.FS) {
	write(t, fsys, "a", "one")
	_, err := fsys.Create("a", vfs.CreateOptions{})
	wantErr(t, "create over a file", err, fs.ErrExist)
	must(t, fsys.Mkdir("d", 0))
	_, err = fsys.Create("d", vfs.CreateOptions{})
	wantErr(t, "create over a folder", err, fs.ErrExist)
	_, err = fsys.Create("none/a", vfs.CreateOptions{})
	wantErr(t, "create in no folder", err, fs.ErrNotExist)
	if _, err = fsys.Create("a/b", vfs.CreateOptions{}); err == nil {
		t.Error("created a file below a file")
	}
	wantErr(t, "mkdir over a folder", fsys.Mkdir("d", 0), fs.ErrExist)
	wantErr(t, "mkdir over a file", fsys.Mkdir("a", 0), fs.ErrExist)
	wantErr(t, "mkdir below nothing", fsys.Mkdir("none/d", 0), fs.ErrNotExist)
	_, err = fsys.Open("none", vfs.OpenOptions{Write: true})
	wantErr(t, "open of nothing", err, fs.ErrNotExist)
	if _, err = fsys.Open("d", vfs.OpenOptions{}); err == nil {
		t.Error("opened a folder as a file")
	}
	wantContent(t, fsys, "a", "one")
	must(t, fsys.SyncDir("."))
	must(t, fsys.SyncDir("d"))
	wantErr(t, "syncdir of nothing", fsys.SyncDir("none"), fs.ErrNotExist)
	if err := fsys.SyncDir("a"); err == nil {
		t.Error("synced a file as a folder")
	}
}

func testReadWrite(t *testing.T, fsys vfs.FS) {
	write(t, fsys, "f", "hello")
	f, err := fsys.Open("f", vfs.OpenOptions{Write: true})
	must(t, err)
	defer f.Close()
	_, err = f.WriteAt([]byte("J"), 0)
	must(t, err)
	_, err = f.WriteAt([]byte("end"), 8)
	must(t, err)
	size, err := f.Size()
	must(t, err)
	if size != 11 {
		t.Errorf("size %d, want 11", size)
	}
	wantContent(t, fsys, "f", "Jello\x00\x00\x00end")

	p := make([]byte, 4)
	n, err := f.ReadAt(p, 9)
	if n != 2 || err != io.EOF || string(p[:n]) != "nd" {
		t.Errorf("read at the end: %d, %v, %q", n, err, p[:n])
	}
	n, err = f.ReadAt(p, 11)
	if n != 0 || err != io.EOF {
		t.Errorf("read behind the end: %d, %v", n, err)
	}
	if _, err = f.ReadAt(p, -1); err == nil {
		t.Error("read at a negative offset")
	}
	if _, err = f.WriteAt(p, -1); err == nil {
		t.Error("wrote at a negative offset")
	}
	must(t, f.DropCache())

	w := vfs.NewWriter(f, 11)
	for range 3 {
		_, err = io.WriteString(w, "+")
		must(t, err)
	}
	all, err := io.ReadAll(vfs.NewReader(f))
	must(t, err)
	if string(all) != "Jello\x00\x00\x00end+++" {
		t.Errorf("reader gave %q", all)
	}
}

func testTruncate(t *testing.T, fsys vfs.FS) {
	write(t, fsys, "f", "hello world")
	f, err := fsys.Open("f", vfs.OpenOptions{Write: true})
	must(t, err)
	defer f.Close()
	must(t, f.Truncate(2))
	wantContent(t, fsys, "f", "he")
	must(t, f.Truncate(6))
	wantContent(t, fsys, "f", "he\x00\x00\x00\x00")
	must(t, f.Truncate(0))
	wantContent(t, fsys, "f", "")
	if err := f.Truncate(-1); err == nil {
		t.Error("truncated to a negative size")
	}
}

func testPunch(t *testing.T, fsys vfs.FS) {
	content := strings.Repeat("x", 20000)
	write(t, fsys, "f", content)
	f, err := fsys.Open("f", vfs.OpenOptions{Write: true})
	must(t, err)
	defer f.Close()
	must(t, f.Punch(100, 9000))
	want := content[:100] + strings.Repeat("\x00", 9000) + content[9100:]
	wantContent(t, fsys, "f", want)
	must(t, f.Punch(19990, 1000)) // reaches behind the end; the size stays
	want = want[:19990] + strings.Repeat("\x00", 10)
	wantContent(t, fsys, "f", want)
	must(t, f.Punch(30000, 1000))
	must(t, f.Punch(0, 0))
	wantContent(t, fsys, "f", want)
	wantErr(t, "negative punch", f.Punch(-1, 10), fs.ErrInvalid)
}

func testDirect(t *testing.T, fsys vfs.FS) {
	f, err := fsys.Create("f", vfs.CreateOptions{Direct: true, Preallocate: 64 << 10})
	must(t, err)
	defer f.Close()
	t.Logf("direct: %v", f.Direct())
	p := vfs.AlignedBuffer(2 * vfs.Alignment)
	for i := range p {
		p[i] = byte(i / 7)
	}
	_, err = f.WriteAt(p, 0)
	must(t, err)
	_, err = f.WriteAt(p, int64(len(p)))
	must(t, err)
	must(t, f.Sync())
	must(t, f.Truncate(3*vfs.Alignment+5))
	for _, bad := range []struct {
		p   []byte
		off int64
	}{{p[:100], 0}, {p, 512}, {p[1 : 1+vfs.Alignment], 0}} {
		_, err = f.WriteAt(bad.p, bad.off)
		wantErr(t, "unaligned write", err, vfs.ErrUnaligned)
		_, err = f.ReadAt(bad.p, bad.off)
		wantErr(t, "unaligned read", err, vfs.ErrUnaligned)
	}

	r, err := fsys.Open("f", vfs.OpenOptions{Direct: true})
	must(t, err)
	defer r.Close()
	q := vfs.AlignedBuffer(2 * vfs.Alignment)
	n, err := r.ReadAt(q, 0)
	if n != len(q) || (err != nil && err != io.EOF) || !bytes.Equal(p, q) {
		t.Errorf("direct read: %d, %v", n, err)
	}
	n, err = r.ReadAt(q, 2*vfs.Alignment)
	if n != vfs.Alignment+5 || err != io.EOF || !bytes.Equal(p[:n], q[:n]) {
		t.Errorf("direct read at the end: %d, %v", n, err)
	}
	n, err = r.ReadAt(q, 4*vfs.Alignment)
	if n != 0 || err != io.EOF {
		t.Errorf("direct read behind the end: %d, %v", n, err)
	}
}

func testPreallocate(t *testing.T, fsys vfs.FS) {
	f, err := fsys.Create("f", vfs.CreateOptions{Preallocate: 1 << 20})
	must(t, err)
	defer f.Close()
	size, err := f.Size()
	must(t, err)
	if size != 0 {
		t.Errorf("size %d after preallocation, want 0", size)
	}
	_, err = f.WriteAt([]byte("abc"), 0)
	must(t, err)
	wantContent(t, fsys, "f", "abc")
}

func testReadOnly(t *testing.T, fsys vfs.FS) {
	write(t, fsys, "f", "hello")
	f, err := fsys.Open("f", vfs.OpenOptions{})
	must(t, err)
	defer f.Close()
	if _, err := f.WriteAt([]byte("x"), 0); err == nil {
		t.Error("wrote to a file opened for reading")
	}
	if err := f.Truncate(0); err == nil {
		t.Error("truncated a file opened for reading")
	}
	if err := f.Punch(0, 5); err == nil {
		t.Error("punched a file opened for reading")
	}
	must(t, f.Sync()) // allowed: durable.CreateExclusive needs it
	wantContent(t, fsys, "f", "hello")
}

func testClosed(t *testing.T, fsys vfs.FS) {
	f, err := fsys.Create("f", vfs.CreateOptions{})
	must(t, err)
	must(t, f.Close())
	_, err = f.WriteAt([]byte("x"), 0)
	wantErr(t, "write", err, fs.ErrClosed)
	_, err = f.ReadAt(make([]byte, 1), 0)
	wantErr(t, "read", err, fs.ErrClosed)
	wantErr(t, "sync", f.Sync(), fs.ErrClosed)
	wantErr(t, "truncate", f.Truncate(0), fs.ErrClosed)
	wantErr(t, "close", f.Close(), fs.ErrClosed)
}

func testRemove(t *testing.T, fsys vfs.FS) {
	must(t, fsys.Mkdir("d", 0))
	write(t, fsys, "d/f", "x")
	if err := fsys.Remove("d"); err == nil {
		t.Error("removed a folder with a file in it")
	}
	must(t, fsys.Remove("d/f"))
	must(t, fsys.Remove("d"))
	wantErr(t, "remove again", fsys.Remove("d"), fs.ErrNotExist)
	if err := fsys.Remove("."); err == nil {
		t.Error("removed the disk's own folder")
	}
	wantList(t, fsys, ".")
}

func testRename(t *testing.T, fsys vfs.FS) {
	must(t, fsys.Mkdir("d", 0))
	write(t, fsys, "a", "new")
	write(t, fsys, "d/b", "old")
	must(t, fsys.Rename("a", "d/b"))
	wantContent(t, fsys, "d/b", "new")
	wantList(t, fsys, ".", "d")
	must(t, fsys.Rename("d/b", "d/b"))
	wantContent(t, fsys, "d/b", "new")
	wantErr(t, "rename of nothing", fsys.Rename("a", "c"), fs.ErrNotExist)
	wantErr(t, "rename to no folder", fsys.Rename("d/b", "none/b"), fs.ErrNotExist)
	if err := fsys.Rename("d/b", "d"); err == nil {
		t.Error("renamed a file over the folder it is in")
	}
	wantContent(t, fsys, "d/b", "new")
}

func testRenameFolder(t *testing.T, fsys vfs.FS) {
	must(t, fsys.Mkdir("d", 0))
	must(t, fsys.Mkdir("e", 0))
	write(t, fsys, "d/f", "x")
	if err := fsys.Rename("d", "d/g"); err == nil {
		t.Error("renamed a folder into itself")
	}
	must(t, fsys.Rename("d", "e/d"))
	wantContent(t, fsys, "e/d/f", "x")
	wantList(t, fsys, ".", "e")
	write(t, fsys, "e/file", "y")
	if err := fsys.Rename("e/d", "e/file"); err == nil {
		t.Error("renamed a folder over a file")
	}
}

func testLink(t *testing.T, fsys vfs.FS) {
	write(t, fsys, "a", "one")
	must(t, fsys.Link("a", "b"))
	wantErr(t, "link over a file", fsys.Link("a", "b"), fs.ErrExist)
	write(t, fsys, "c", "three")
	wantErr(t, "link over another file", fsys.Link("a", "c"), fs.ErrExist)
	wantContent(t, fsys, "c", "three")
	wantErr(t, "link of nothing", fsys.Link("none", "d"), fs.ErrNotExist)
	must(t, fsys.Mkdir("d", 0))
	if err := fsys.Link("d", "e"); err == nil {
		t.Error("linked a folder")
	}
	f, err := fsys.Open("b", vfs.OpenOptions{Write: true})
	must(t, err)
	_, err = f.WriteAt([]byte("O"), 0)
	must(t, err)
	must(t, f.Close())
	wantContent(t, fsys, "a", "One")
	must(t, fsys.Remove("a"))
	wantContent(t, fsys, "b", "One")
	must(t, fsys.Rename("b", "d/b"))
	wantContent(t, fsys, "d/b", "One")
}

func testReadDir(t *testing.T, fsys vfs.FS) {
	wantList(t, fsys, ".")
	must(t, fsys.Mkdir("m", 0))
	for _, name := range []string{"z", "a", "M", "a.b", "m/inner"} {
		write(t, fsys, name, "")
	}
	wantList(t, fsys, ".", "M", "a", "a.b", "m", "z")
	wantList(t, fsys, "m", "inner")
	_, err := fsys.ReadDir("none")
	wantErr(t, "list of nothing", err, fs.ErrNotExist)
	if _, err := fsys.ReadDir("a"); err == nil {
		t.Error("listed a file")
	}
	entries, err := fsys.ReadDir(".")
	must(t, err)
	for _, e := range entries {
		if e.IsDir() != (e.Name() == "m") {
			t.Errorf("%s: IsDir %v", e.Name(), e.IsDir())
		}
	}
}

func testStat(t *testing.T, fsys vfs.FS) {
	must(t, fsys.Mkdir("d", 0))
	write(t, fsys, "d/f", "hello")
	info, err := fsys.Stat("d/f")
	must(t, err)
	if info.Name() != "f" || info.Size() != 5 || !info.Mode().IsRegular() || info.Mode().Perm() != 0o600 {
		t.Errorf("file: %s %d %v", info.Name(), info.Size(), info.Mode())
	}
	info, err = fsys.Stat("d")
	must(t, err)
	if info.Name() != "d" || !info.IsDir() || info.Mode().Perm() != 0o700 {
		t.Errorf("folder: %s %v", info.Name(), info.Mode())
	}
	info, err = fsys.Stat(".")
	must(t, err)
	if !info.IsDir() {
		t.Errorf("the disk's folder: %v", info.Mode())
	}
	_, err = fsys.Stat("none")
	wantErr(t, "stat of nothing", err, fs.ErrNotExist)
}

func testUnlinked(t *testing.T, fsys vfs.FS) {
	write(t, fsys, "f", "hello")
	f, err := fsys.Open("f", vfs.OpenOptions{})
	must(t, err)
	must(t, fsys.Remove("f"))
	write(t, fsys, "f", "other")
	p := make([]byte, 5)
	_, err = f.ReadAt(p, 0)
	must(t, err)
	if string(p) != "hello" {
		t.Errorf("the removed file now holds %q", p)
	}
	must(t, f.Close())
	wantContent(t, fsys, "f", "other")
}

func testReadFile(t *testing.T, fsys vfs.FS) {
	write(t, fsys, "f", "hello")
	got, err := vfs.ReadFile(fsys, "f", 5)
	must(t, err)
	if string(got) != "hello" {
		t.Errorf("read %q", got)
	}
	_, err = vfs.ReadFile(fsys, "f", 4)
	wantErr(t, "over the limit", err, vfs.ErrTooLarge)
	_, err = vfs.ReadFile(fsys, "none", 4)
	wantErr(t, "nothing", err, fs.ErrNotExist)
	write(t, fsys, "empty", "")
	got, err = vfs.ReadFile(fsys, "empty", 0)
	must(t, err)
	if len(got) != 0 {
		t.Errorf("read %q", got)
	}
}

func testWalk(t *testing.T, fsys vfs.FS) {
	must(t, fsys.Mkdir("d", 0))
	must(t, fsys.Mkdir("d/e", 0))
	must(t, fsys.Mkdir("skip", 0))
	for _, name := range []string{"a", "d/b", "d/e/c", "skip/x", "z"} {
		write(t, fsys, name, "")
	}
	var got []string
	visit := func(name string, d fs.DirEntry) error {
		got = append(got, name)
		if name == "skip" {
			return fs.SkipDir
		}
		return nil
	}
	must(t, vfs.Walk(fsys, ".", vfs.Limits{}, visit))
	if want := []string{"a", "d", "d/b", "d/e", "d/e/c", "skip", "z"}; !slices.Equal(got, want) {
		t.Errorf("walk gave %q, want %q", got, want)
	}
	wantErr(t, "too many entries", vfs.Walk(fsys, ".", vfs.Limits{Entries: 5}, visit), vfs.ErrTooLarge)
	wantErr(t, "deep enough", vfs.Walk(fsys, ".", vfs.Limits{Depth: 3}, visit), nil)
	wantErr(t, "too deep", vfs.Walk(fsys, ".", vfs.Limits{Depth: 2}, visit), vfs.ErrTooLarge)
	stop := errors.New("stop")
	wantErr(t, "stop", vfs.Walk(fsys, ".", vfs.Limits{}, func(string, fs.DirEntry) error { return stop }), stop)
	wantErr(t, "nothing", vfs.Walk(fsys, "none", vfs.Limits{}, visit), fs.ErrNotExist)
}

func testFree(t *testing.T, fsys vfs.FS) {
	free, total, err := fsys.Free()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("Free is not supported here")
	}
	must(t, err)
	if free <= 0 || total < free {
		t.Errorf("free %d of %d", free, total)
	}
}

func testConcurrent(t *testing.T, fsys vfs.FS) {
	f, err := fsys.Create("shared", vfs.CreateOptions{})
	must(t, err)
	var winners, wg = make(chan int, 8), sync.WaitGroup{}
	for i := range 8 {
		wg.Go(func() {
			block := bytes.Repeat([]byte{byte('a' + i)}, 1000)
			if _, err := f.WriteAt(block, int64(i)*1000); err != nil {
				t.Error(err)
			}
			if once, err := fsys.Create("once", vfs.CreateOptions{}); err == nil {
				winners <- i
				once.Close()
			}
			own := fmt.Sprintf("own%d", i)
			write(t, fsys, own, own)
			if err := fsys.SyncDir("."); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if len(winners) != 1 {
		t.Errorf("%d creators of one file succeeded", len(winners))
	}
	must(t, f.Close())
	data, err := vfs.ReadFile(fsys, "shared", 1<<20)
	must(t, err)
	for i := range 8 {
		if !bytes.Equal(data[i*1000:(i+1)*1000], bytes.Repeat([]byte{byte('a' + i)}, 1000)) {
			t.Errorf("block %d is wrong", i)
		}
	}
}
