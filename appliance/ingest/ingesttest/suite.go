// Package ingesttest is what every ingest.Sink must do, and a Sink in memory for tests of its users.
// It imports ingest, the format and nothing that writes.
package ingesttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/manifest"
)

// Device is something with sinks.
type Device interface {
	// Session gives one more sink. The device is open until Crash or Read.
	Session(t testing.TB) ingest.Sink
	// Crash ends all sinks as a power cut would. What is durable stays.
	Crash(t testing.TB)
	// Read ends all sinks, and gives what a reader finds: files' content by path, and of
	// a folder "/", of a symbolic link "→" and its target.
	Read(t testing.TB) map[string]string
}

// Test holds a kind of devices to what Sink says.
func Test(t *testing.T, open func(t testing.TB) Device) {
	for name, test := range map[string]func(*testing.T, Device){
		"sizes": testSizes, "wrong sizes": testWrongSizes, "broken bodies": testBrokenBodies, "kinds": testKinds, "newest": testNewest,
		"withdraw": testWithdraw, "links": testLinks, "paths": testPaths, "cursors": testCursors, "flushed": testFlushed,
		"sessions": testSessions, "sources": testSources, "odd entries": testOddEntries,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var ctx = context.Background()

// body is n bytes that belong to a path.
func body(path string, n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(int64(n) + int64(len(path))*1000003 + int64(path[len(path)-1]))).Read(b)
	return b
}

func file(path string, size int64) ingest.Entry {
	return ingest.Entry{Path: path, Kind: manifest.KindFile, Size: size, Mode: 0o644}
}

func put(t testing.TB, s ingest.Sink, path string, b []byte) ingest.Ref {
	t.Helper()
	ref, err := s.Put(ctx, file(path, -1), bytes.NewReader(b))
	if err != nil {
		t.Fatalf("put %s: %v", path, err)
	}
	return ref
}

func flush(t testing.TB, s ingest.Sink, c ingest.Cursor) {
	t.Helper()
	if err := s.Flush(ctx, c); err != nil {
		t.Fatalf("flush: %v", err)
	}
}

func same(t testing.TB, got, want map[string]string) {
	t.Helper()
	for p, w := range want {
		if g, ok := got[p]; !ok || g != w {
			t.Errorf("%q: %d bytes (there: %v), want %d", p, len(g), ok, len(w))
		}
	}
	for p := range got {
		if _, ok := want[p]; !ok {
			t.Errorf("%q should not be there", p)
		}
	}
}

func testSizes(t *testing.T, d Device) {
	s, want := d.Session(t), map[string]string{}
	for _, n := range []int{0, 1, 4095, ingest.SmallBody - 1, ingest.SmallBody, ingest.SmallBody + 1, 300_001} {
		for _, said := range []int64{int64(n), -1} {
			path := fmt.Sprintf("d/%d.%d", n, said)
			b := body(path, n)
			if _, err := s.Put(ctx, file(path, said), bytes.NewReader(b)); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			want[path] = string(b)
		}
	}
	if _, err := s.Put(ctx, file("none", 0), nil); err != nil {
		t.Fatal(err)
	}
	want["none"] = ""
	flush(t, s, ingest.Cursor{})
	d.Crash(t)
	same(t, d.Read(t), want)
}

func testWrongSizes(t *testing.T, d Device) {
	s := d.Session(t)
	for _, n := range []int{10, ingest.SmallBody + 10} {
		for _, said := range []int64{int64(n) - 1, int64(n) + 1} {
			if _, err := s.Put(ctx, file(fmt.Sprintf("f%d", said), said), bytes.NewReader(body("x", n))); !errors.Is(err, ingest.ErrSize) {
				t.Errorf("%d bytes of %d: %v", n, said, err)
			}
		}
	}
	e := file("parts", -1)
	e.Parts = []int64{5, 6}
	if _, err := s.Put(ctx, e, bytes.NewReader(body("x", 10))); !errors.Is(err, ingest.ErrSize) {
		t.Errorf("10 bytes in parts of 11: %v", err)
	}
	flush(t, s, ingest.Cursor{})
	same(t, d.Read(t), map[string]string{})
}

var errBroken = errors.New("the client is gone")

func testBrokenBodies(t *testing.T, d Device) {
	s := d.Session(t)
	for _, n := range []int{10, 200_000} {
		_, err := s.Put(ctx, file(fmt.Sprint("broken", n), -1), io.MultiReader(bytes.NewReader(body("x", n)), failing{}))
		if !errors.Is(err, errBroken) {
			t.Errorf("%d bytes and an error: %v", n, err)
		}
	}
	put(t, s, "good", body("good", 200_000))
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := s.Put(canceled, file("canceled", -1), bytes.NewReader(body("x", 500_000))); !errors.Is(err, context.Canceled) {
		t.Errorf("a canceled put: %v", err)
	}
	flush(t, s, ingest.Cursor{})
	same(t, d.Read(t), map[string]string{"good": string(body("good", 200_000))})
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errBroken }

func testKinds(t *testing.T, d Device) {
	s := d.Session(t)
	for _, e := range []ingest.Entry{{Path: "d", Kind: manifest.KindDir, Mode: 0o755}, {Path: "d/l", Kind: manifest.KindSymlink, Target: "../x"}} {
		if _, err := s.Put(ctx, e, nil); err != nil {
			t.Fatalf("%s: %v", e.Path, err)
		}
	}
	put(t, s, "d/f", []byte("f"))
	flush(t, s, ingest.Cursor{})
	same(t, d.Read(t), map[string]string{"d": "/", "d/l": "→../x", "d/f": "f"})
}

// testNewest: of two bodies the later one counts, whatever their sizes.
func testNewest(t *testing.T, d Device) {
	s, want := d.Session(t), map[string]string{}
	const small, large = 100, ingest.SmallBody + 100
	for i, sizes := range [][2]int{{small, small + 1}, {small, large}, {large, small}, {large, large + 1}} {
		for _, flushed := range []bool{false, true} {
			path := fmt.Sprintf("%d %v", i, flushed)
			put(t, s, path, body(path, sizes[0]))
			if flushed {
				flush(t, s, ingest.Cursor{})
			}
			put(t, s, path, body(path, sizes[1]))
			want[path] = string(body(path, sizes[1]))
		}
	}
	flush(t, s, ingest.Cursor{})
	d.Crash(t)
	same(t, d.Read(t), want)
}

func testWithdraw(t *testing.T, d Device) {
	s, want := d.Session(t), map[string]string{}
	withdraw := func(path string) {
		t.Helper()
		if err := s.Withdraw(ctx, path); err != nil {
			t.Fatalf("withdraw %s: %v", path, err)
		}
	}
	for _, n := range []int{100, ingest.SmallBody + 100} {
		for _, flushed := range []bool{false, true} {
			gone, back := fmt.Sprintf("gone %d %v", n, flushed), fmt.Sprintf("back %d %v", n, flushed)
			put(t, s, gone, body(gone, n))
			put(t, s, back, body(back, n))
			if flushed {
				flush(t, s, ingest.Cursor{})
			}
			withdraw(gone)
			withdraw(back)
			put(t, s, back, body(back, n+1))
			want[back] = string(body(back, n+1))
		}
	}
	withdraw("never")
	put(t, s, "was a file", []byte("x"))
	withdraw("was a file")
	put(t, s, "was a file/below", []byte("y"))
	want["was a file/below"] = "y"
	flush(t, s, ingest.Cursor{})
	d.Crash(t)
	same(t, d.Read(t), want)
}

func testLinks(t *testing.T, d Device) {
	s, want := d.Session(t), map[string]string{}
	for _, n := range []int{0, 100, ingest.SmallBody + 100} {
		for _, flushed := range []bool{false, true} {
			path := fmt.Sprintf("%d %v", n, flushed)
			ref := put(t, s, path, body(path, n))
			if flushed {
				flush(t, s, ingest.Cursor{})
			}
			for _, name := range []string{"a ", "b "} {
				if err := s.Link(ctx, file(name+path, -1), ref); err != nil {
					t.Fatalf("link %s: %v", name+path, err)
				}
				want[name+path] = string(body(path, n))
			}
			put(t, s, path, []byte("other")) // the names keep what they had
			want[path] = "other"
		}
	}
	if err := s.Link(ctx, file("nothing", -1), ingest.Ref{}); !errors.Is(err, ingest.ErrEntry) {
		t.Errorf("a name of nothing: %v", err)
	}
	flush(t, s, ingest.Cursor{})
	d.Crash(t)
	same(t, d.Read(t), want)
}

// testPaths: what could not stand in a manifest is refused, and what stands there stays.
func testPaths(t *testing.T, d Device) {
	s := d.Session(t)
	put(t, s, "a/b", []byte("b"))
	put(t, s, "f", []byte("f"))
	if _, err := s.Put(ctx, ingest.Entry{Path: "dir", Kind: manifest.KindDir}, nil); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"a", "f/x", "f/x/y", "a/b/c", "dir"} {
		for _, n := range []int{3, ingest.SmallBody + 3} {
			if _, err := s.Put(ctx, file(path, -1), bytes.NewReader(body("x", n))); !errors.Is(err, ingest.ErrPathTaken) {
				t.Errorf("put %s, %d bytes: %v", path, n, err)
			}
		}
	}
	if _, err := s.Put(ctx, ingest.Entry{Path: "f", Kind: manifest.KindDir}, nil); !errors.Is(err, ingest.ErrPathTaken) {
		t.Errorf("a folder in a file's place: %v", err)
	}
	flush(t, s, ingest.Cursor{})
	d.Crash(t)
	s = d.Session(t)
	if _, err := s.Put(ctx, file("f/x", -1), bytes.NewReader([]byte("x"))); !errors.Is(err, ingest.ErrPathTaken) {
		t.Errorf("after a crash: %v", err)
	}
	same(t, d.Read(t), map[string]string{"a/b": "b", "f": "f", "dir": "/"})
}

func testCursors(t *testing.T, d Device) {
	s, one, two := d.Session(t), ingest.SourceID{1}, ingest.SourceID{2}
	at := func(id ingest.SourceID, want string) {
		t.Helper()
		c, err := s.Resume(ctx, id)
		if err != nil || string(c.At) != want || want != "" && c.Source != id {
			t.Errorf("source %x: at %q, %v; want %q", id[:1], c.At, err, want)
		}
	}
	at(one, "")
	flush(t, s, ingest.Cursor{Source: one, At: []byte("1")})
	put(t, s, "f", []byte("f"))
	flush(t, s, ingest.Cursor{Source: two, At: []byte("2")})
	flush(t, s, ingest.Cursor{Source: one, At: []byte("11")})
	at(one, "11")
	d.Crash(t)
	s = d.Session(t)
	at(one, "11")
	at(two, "2")
	at(ingest.SourceID{3}, "")
	if err := s.Flush(ctx, ingest.Cursor{Source: one, At: make([]byte, ingest.MaxCursor+1)}); !errors.Is(err, ingest.ErrEntry) {
		t.Errorf("a cursor over the limit: %v", err)
	}
	same(t, d.Read(t), map[string]string{"f": "f"})
}

// testFlushed: what was flushed is there after a crash, again and again.
func testFlushed(t *testing.T, d Device) {
	want := map[string]string{}
	for round := range 3 {
		s := d.Session(t)
		for i, n := range []int{50, ingest.SmallBody * 2} {
			path := fmt.Sprintf("r%d/%d", round, i)
			put(t, s, path, body(path, n))
			want[path] = string(body(path, n))
		}
		flush(t, s, ingest.Cursor{})
		d.Crash(t)
	}
	same(t, d.Read(t), want)
}

// testSessions: many clients at once.
func testSessions(t *testing.T, d Device) {
	const clients, files = 8, 6
	var wg sync.WaitGroup
	var mu sync.Mutex
	want := map[string]string{}
	for c := range clients {
		s := d.Session(t)
		wg.Go(func() {
			for i := range files {
				path := fmt.Sprintf("c%d/%d", c, i)
				b := body(path, 1000+i%3*ingest.SmallBody)
				for _, p := range []string{path, fmt.Sprintf("all/%d", i)} { // the second is everybody's
					if _, err := s.Put(ctx, file(p, int64(len(b))), bytes.NewReader(b)); err != nil {
						t.Errorf("%s: %v", p, err)
						return
					}
				}
				if err := s.Flush(ctx, ingest.Cursor{}); err != nil {
					t.Errorf("flush: %v", err)
					return
				}
				mu.Lock()
				want[path] = string(b)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	d.Crash(t)
	got := d.Read(t)
	for i := range files {
		p := fmt.Sprintf("all/%d", i)
		if len(got[p]) != 1000+i%3*ingest.SmallBody {
			t.Errorf("%s has %d bytes", p, len(got[p]))
		}
		delete(got, p)
	}
	same(t, got, want)
}

// counting is a source of so many entries; it flushes after every second one.
type counting struct {
	id    ingest.SourceID
	upTo  int
	stops int // after so many; 0: does not
}

func (c counting) Run(ctx context.Context, to ingest.Sink, from ingest.Cursor) error {
	n := 0
	if len(from.At) > 0 {
		n = int(from.At[0])
	}
	for i := n; i < c.upTo; i++ {
		path := fmt.Sprintf("s/%03d", i)
		if _, err := to.Put(ctx, file(path, -1), bytes.NewReader(body(path, 100+i))); err != nil {
			return err
		}
		if i%2 == 1 || i == c.upTo-1 {
			if err := to.Flush(ctx, ingest.Cursor{Source: c.id, At: []byte{byte(i + 1)}}); err != nil {
				return err
			}
		}
		if c.stops > 0 && i+1-n >= c.stops {
			return errBroken
		}
	}
	return nil
}

// testSources: a source that is cut off again and again goes on from its cursor.
func testSources(t *testing.T, d Device) {
	want, id := map[string]string{}, ingest.SourceID{9}
	const count = 11
	for i := range count {
		path := fmt.Sprintf("s/%03d", i)
		want[path] = string(body(path, 100+i))
	}
	for range 2 * count {
		err := ingest.Copy(ctx, d.Session(t), id, counting{id, count, 3})
		d.Crash(t)
		if err == nil {
			same(t, d.Read(t), want)
			return
		}
		if !errors.Is(err, errBroken) {
			t.Fatal(err)
		}
	}
	t.Error("the source does not come to its end")
}

func testOddEntries(t *testing.T, d Device) {
	s := d.Session(t)
	for name, e := range map[string]ingest.Entry{
		"no path": file("", 1), "a path from the root": file("/a", 1), "a path upwards": file("a/../b", 1), "a size": file("a", -2),
		"no kind": {Path: "a"}, "a skipped entry": {Path: "a", Kind: manifest.KindSkipped}, "a link without target": {Path: "a", Kind: manifest.KindSymlink},
		"a part of nothing": {Path: "a", Kind: manifest.KindFile, Size: -1, Parts: []int64{0, 1}},
		"parts and a size":  {Path: "a", Kind: manifest.KindFile, Size: 1, Parts: []int64{1, 1}},
	} {
		if _, err := s.Put(ctx, e, bytes.NewReader([]byte("x"))); !errors.Is(err, ingest.ErrEntry) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := s.Withdraw(ctx, "../a"); !errors.Is(err, ingest.ErrEntry) {
		t.Errorf("withdraw a path upwards: %v", err)
	}
	flush(t, s, ingest.Cursor{})
	same(t, d.Read(t), map[string]string{})
}
