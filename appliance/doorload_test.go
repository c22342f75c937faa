package appliance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/known"
	"github.com/sledge-io/sledge/appliance/staging"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

func (r *doorRig) put(t testing.TB, s ingest.Sink, path string, b []byte, parts ...int64) {
	t.Helper()
	if _, err := s.Put(context.Background(), ingest.Entry{Path: path, Kind: manifest.KindFile, Size: int64(len(b)), Parts: parts}, bytes.NewReader(b)); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
}

func (r *doorRig) flush(t testing.TB, s ingest.Sink) {
	t.Helper()
	if err := s.Flush(context.Background(), ingest.Cursor{}); err != nil {
		t.Fatal(err)
	}
}

// TestDoorBesideLoads: what a load brought is refused to a door, and the other way round.
// What is staged counts as the rest does, also after a crash.
func TestDoorBesideLoads(t *testing.T) {
	r := newDoorRig(t)
	src := t.TempDir()
	for name, content := range map[string]string{"d/loaded": "loaded", "other": "other"} {
		full := filepath.Join(src, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(full), 0o755), os.WriteFile(full, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	r.loadAll(src, LoadOptions{})
	s := r.Session(t)
	for _, path := range []string{"d/loaded", "d/loaded/below", "d", "other"} {
		_, err := s.Put(context.Background(), ingest.Entry{Path: path, Kind: manifest.KindFile, Size: -1}, bytes.NewReader([]byte("door")))
		if !errors.Is(err, ingest.ErrPathTaken) {
			t.Errorf("put %s: %v", path, err)
		}
		if err := s.Withdraw(context.Background(), path); path != "d/loaded/below" && !errors.Is(err, ingest.ErrPathTaken) {
			t.Errorf("withdraw %s: %v", path, err)
		}
	}
	r.put(t, s, "d/door", []byte("door"))
	r.put(t, s, "gone", []byte("gone"))
	r.flush(t, s)
	if err := s.Withdraw(context.Background(), "gone"); err != nil {
		t.Fatal(err)
	}
	r.flush(t, s)
	r.Crash(t)

	d := r.mustDevice()
	if st := d.Status(); st.Entries != 4 || st.Bytes != int64(len("loaded")+len("other")+len("door")) || d.state.staged.Len() != 1 {
		t.Errorf("%d entries of %d bytes, %d staged", st.Entries, st.Bytes, d.state.staged.Len())
	}
	var held []string
	if err := d.Holdings(context.Background(), func(h Holding) error { held = append(held, h.Path+" "+string(h.State)); return nil }); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(held) != "[d safe d/door safe d/loaded safe other safe]" {
		t.Errorf("held: %v", held)
	}
	if err := os.WriteFile(filepath.Join(src, "d/door"), []byte("another"), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true}); !errors.Is(err, known.ErrTaken) {
		t.Errorf("a load over a door's file: %v", err)
	}
	os.Remove(filepath.Join(src, "d/door"))
	if err := os.WriteFile(filepath.Join(src, "new"), []byte("new"), 0o644); err != nil {
		t.Fatal(err)
	}
	rep, err := d.Load(context.Background(), src, LoadOptions{AcceptFindings: true})
	if err != nil || rep.Status.Entries != 5 {
		t.Errorf("a load beside a door: %+v, %v", rep.Status, err)
	}
	d.Close()
	same := map[string]string{"d": "/", "d/loaded": "loaded", "d/door": "door", "other": "other", "new": "new"}
	got := r.Read(t)
	for path, v := range same {
		if got[path] != v {
			t.Errorf("%s: %q, want %q", path, got[path], v)
		}
	}
	if len(got) != len(same) {
		t.Errorf("%d entries", len(got))
	}
}

// TestClientParts: the journal has a client's own parts, with their hashes, from the first
// frame on and behind the move into a pack. The record is cut as the format says.
func TestClientParts(t *testing.T) {
	r := newDoorRig(t)
	s := r.Session(t)
	long, short := bytes.Repeat([]byte("0123456"), 20_000), []byte("small")
	r.put(t, s, "long", long, 100_000, 30_000, 10_000)
	r.put(t, s, "short", short, 2, 3)
	r.put(t, s, "none", short)
	r.flush(t, s)
	if staged := r.d.state.staged.All(); len(staged) != 2 || len(staged[0].Parts) != 2 || staged[0].Parts[1].SHA256 != sha256.Sum256([]byte("all")) {
		t.Errorf("staged: %v", staged)
	}
	r.close(t)
	d := r.mustDevice()
	defer d.Close()
	got := map[string][]journal.Part{}
	if err := d.eachFrame(func(fr frames.Frame) error {
		m, err := journal.Decode(fr.Plain)
		if err != nil {
			return err
		}
		for _, l := range m.PartLists {
			rec, err := manifest.PeekHead(m.Records[l.Record])
			if err != nil {
				return err
			}
			if got[rec.Path] = l.Parts; rec.PartSize != 0 || len(rec.Parts) != 0 {
				t.Errorf("%s is cut into parts of %d", rec.Path, rec.PartSize)
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string][]byte{"long": long, "short": short} {
		for _, p := range got[path] {
			if p.SHA256 != sha256.Sum256(want[:p.Size]) {
				t.Errorf("%s: the hash of a part of %d bytes is another", path, p.Size)
			}
			want = want[p.Size:]
		}
		if len(want) > 0 {
			t.Errorf("%s: %d bytes are in no part", path, len(want))
		}
	}
	if len(got) != 2 {
		t.Errorf("%d part lists", len(got))
	}
}

// TestStagingIsBounded: small entries move into packs while others come, and what is staged
// after a crash is no more than before.
func TestStagingIsBounded(t *testing.T) {
	r := newDoorRig(t)
	s := r.Session(t)
	want := map[string]string{}
	b := bytes.Repeat([]byte("x"), ingest.SmallBody)
	for i := range 200 { // 12.5 MiB
		path := fmt.Sprintf("f%03d", i)
		copy(b, path)
		r.put(t, s, path, b)
		want[path] = string(b)
		if i%20 == 19 {
			r.flush(t, s)
		}
	}
	door := doorway{writable{r.d}}
	if n := door.StagedBytes(); n > staging.Most {
		t.Errorf("%d bytes are staged", n)
	}
	r.Crash(t)
	d := r.mustDevice()
	if n := d.state.staged.Bytes(); n > staging.Most {
		t.Errorf("%d bytes are staged after a crash", n)
	}
	d.Close()
	got := r.Read(t)
	for path, v := range want {
		if got[path] != v {
			t.Errorf("%s differs", path)
		}
	}
}

// TestMoveComesLate: what is moved into a pack after its path was put again, or withdrawn, is
// not there any more.
func TestMoveComesLate(t *testing.T) {
	r := newDoorRig(t)
	s := r.Session(t)
	for _, path := range []string{"small", "large", "gone", "folder", "stays"} {
		r.put(t, s, path, []byte("old"))
	}
	r.flush(t, s)
	staged := doorway{writable{r.d}}.Staged()
	r.put(t, s, "small", []byte("new"))
	r.put(t, s, "large", bytes.Repeat([]byte("new"), ingest.SmallBody))
	if err := errors.Join(s.Withdraw(context.Background(), "gone"), s.Withdraw(context.Background(), "folder")); err != nil {
		t.Fatal(err)
	}
	r.put(t, s, "folder/below", []byte("below"))
	r.flush(t, s)
	if err := ingest.Move(writable{r.d}, staged); err != nil {
		t.Fatal(err)
	}
	want := map[string]int{"small": 3, "large": 3 * ingest.SmallBody, "folder/below": 5, "stays": 3}
	got := r.Read(t)
	for path, n := range want {
		if len(got[path]) != n || n == 3 && got[path] != map[string]string{"small": "new", "stays": "old"}[path] {
			t.Errorf("%s has %d bytes", path, len(got[path]))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d entries, not %d", len(got), len(want))
	}
}

// TestDoorOnAFullDevice: a door refuses what would take the room of the seal. What it took
// before is sealed.
func TestDoorOnAFullDevice(t *testing.T) {
	r := newDoorRig(t)
	for i := range r.mems {
		r.mems[i] = vfs.NewMem(vfs.MemOptions{Capacity: 48 << 20})
	}
	r.use(r.mems)
	s, want := r.Session(t), map[string]string{}
	b := bytes.Repeat([]byte("x"), ingest.SmallBody)
	var err error
	for i := 0; err == nil && i < 1000; i += 8 {
		for j := range 8 {
			path := fmt.Sprintf("f%04d", i+j)
			copy(b, path)
			if _, err = s.Put(context.Background(), ingest.Entry{Path: path, Kind: manifest.KindFile, Size: -1}, bytes.NewReader(b)); err != nil {
				break
			}
		}
		if err == nil {
			err = s.Flush(context.Background(), ingest.Cursor{})
		}
		for j := 0; err == nil && j < 8; j++ {
			path := fmt.Sprintf("f%04d", i+j)
			want[path] = path + string(b[5:])
		}
	}
	if !errors.Is(err, ErrFull) || len(want) < 64 {
		t.Fatalf("after %d entries: %v", len(want), err)
	}
	if err := r.door.Close(context.Background()); err != nil && !errors.Is(err, ErrFull) {
		t.Error(err)
	}
	r.d.Close()
	r.d, r.door = nil, nil
	got := r.Read(t)
	for path, v := range want {
		if got[path] != v {
			t.Errorf("%s has %d bytes", path, len(got[path]))
		}
	}
}
