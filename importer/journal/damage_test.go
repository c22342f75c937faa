package journal

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/klauspost/compress/s2"

	"github.com/sledge-io/sledge/internal/vfs"
)

// damaged is a journal with a turn behind it and changes since, in which one byte differs.
func damaged(t *testing.T, file string, at int64) *vfs.Mem {
	t.Helper()
	disk := memory()
	s := open(t, disk)
	for n := range uint64(3) {
		if err := s.Set(Key{'o', n * 1024}, []byte(fmt.Sprint("page ", n))); err != nil {
			t.Fatal(err)
		}
	}
	if err := forceTurn(s); err != nil {
		t.Fatal(err)
	}
	for n := range uint64(3) {
		if err := errors.Join(s.Set(Key{'u', n}, []byte("upload")), s.Sync()); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	flip(t, disk, file, at)
	return disk
}

// pageSize is that of each of damaged's pages.
func pageSize() int64 {
	return int64(headSize + len(s2.Encode(nil, appendRows(nil, []row{{0, []byte("page 0")}}))))
}

func flip(t *testing.T, disk vfs.FS, file string, at int64) {
	t.Helper()
	f, err := disk.Open(folder+"/"+file, vfs.OpenOptions{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	var b [1]byte
	if _, err := f.ReadAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 4
	if _, err := f.WriteAt(b[:], at); err != nil {
		t.Fatal(err)
	}
	f.Close()
}

// TestDamagedPage: a byte of a page costs that page alone, which is named; cleared it can be used.
func TestDamagedPage(t *testing.T) {
	pageSize := pageSize()
	for at := range pageSize {
		s := open(t, damaged(t, pagesName(1), pageSize+at))
		_, err := s.Get(Key{'o', 1024})
		var d *Damage
		if !errors.As(err, &d) || d.Kind != 'o' || d.First != 1024 || d.Last != 2047 {
			t.Fatalf("byte %d: %v", at, err)
		}
		for _, n := range []uint64{0, 2048} {
			if value, err := s.Get(Key{'o', n}); err != nil || string(value) != fmt.Sprint("page ", n/1024) {
				t.Fatalf("byte %d: page %d: %q, %v", at, n/1024, value, err)
			}
		}
		if at%8 > 0 {
			continue
		}
		if err := errors.Join(s.ClearPage(Key{'o', d.First}), s.Set(Key{'o', 1030}, []byte("new")), forceTurn(s)); err != nil {
			t.Fatal(err)
		}
		want := model{{'o', 0}: "page 0", {'o', 1030}: "new", {'o', 2048}: "page 2", {'u', 0}: "upload", {'u', 1}: "upload", {'u', 2}: "upload"}
		if err := want.diff(s); err != nil {
			t.Fatal(err)
		}
	}
}

// TestTurnMeetsDamage: a turn that would merge a damaged page says so, loses nothing, and is made once
// the page was cleared.
func TestTurnMeetsDamage(t *testing.T) {
	s := open(t, damaged(t, pagesName(1), headSize+3))
	if err := s.Set(Key{'o', 5}, []byte("new")); err != nil {
		t.Fatal(err)
	}
	var d *Damage
	if err := forceTurn(s); !errors.As(err, &d) || s.Failed() != nil {
		t.Fatalf("%v, %v", err, s.Failed())
	}
	if err := errors.Join(s.ClearPage(Key{'o', 5}), s.Set(Key{'o', 6}, []byte("newer")), forceTurn(s), s.Close()); err != nil {
		t.Fatal(err)
	}
	want := model{{'o', 6}: "newer", {'o', 1024}: "page 1", {'o', 2048}: "page 2", {'u', 0}: "upload", {'u', 1}: "upload", {'u', 2}: "upload"}
	if err := want.diff(open(t, s.disk)); err != nil {
		t.Fatal(err)
	}
}

// TestDamagedElsewhere: any other byte that was durable is an error that names the file, and the files
// stay as they are. The last change alone may be what a crash has left, and is cut off.
func TestDamagedElsewhere(t *testing.T) {
	begin, change := int64(headSize+12), int64(headSize+len("upload"))
	pages := 3 * pageSize()
	for _, c := range []struct {
		file     string
		from, to int64
	}{
		{changesName(2), 0, begin + 2*change},
		{pagesName(1), pages, pages + headSize + 3*turnRow},
	} {
		for at := c.from; at < c.to; at++ {
			disk := damaged(t, c.file, at)
			before := disk.Ops()
			if s, err := Open(disk, folder); err == nil || !strings.Contains(err.Error(), c.file) && !strings.Contains(err.Error(), "version") || disk.Ops() != before {
				t.Fatalf("%s, byte %d: %v, %v, %d changes", c.file, at, s, err, disk.Ops()-before)
			}
		}
	}
	for at := begin + 2*change; at < begin+3*change; at++ {
		s := open(t, damaged(t, changesName(2), at))
		if n, err := s.Get(Key{'u', 2}); n != nil || err != nil {
			t.Fatalf("byte %d: %q, %v", at, n, err)
		}
		if value, err := s.Get(Key{'u', 1}); string(value) != "upload" || err != nil {
			t.Fatalf("byte %d: %q, %v", at, value, err)
		}
	}
}

// TestCutTailStaysCut: what was cut off behind a torn change does not come back when new changes are
// as long as it.
func TestCutTailStaysCut(t *testing.T) {
	disk := memory()
	s := open(t, disk)
	for n := range uint64(3) {
		if err := s.Set(Key{'o', n}, []byte("old")); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sync(); err != nil { // no change was written behind it, so none says what is durable
		t.Fatal(err)
	}
	flip(t, disk, changesName(1), headSize+headSize+3+4) // of the second change, as torn by a crash
	s = open(t, disk)
	if err := errors.Join(s.Set(Key{'o', 7}, []byte("new")), s.Close()); err != nil {
		t.Fatal(err)
	}
	if err := (model{{'o', 0}: "old", {'o', 7}: "new"}).diff(open(t, disk)); err != nil {
		t.Error(err)
	}
}

// TestFileGone: a journal without one of its files is not read as a younger one.
func TestFileGone(t *testing.T) {
	for _, file := range []string{changesName(2), pagesName(1)} {
		disk := damaged(t, changesName(2), 3)
		flip(t, disk, changesName(2), 3) // back
		if err := disk.Remove(folder + "/" + file); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(disk, folder); err == nil {
			t.Errorf("without %s it is opened", file)
		}
	}
}
