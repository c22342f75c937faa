package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/staging"
	"github.com/sledge-io/sledge/manifest"
)

// stubDevice counts frames, and holds the first one until it is told.
type stubDevice struct {
	OpenDevice
	begun chan struct{} // a frame is being written
	allow chan struct{}
	mu    sync.Mutex
	sizes []int // items of each frame
	err   error
}

func (d *stubDevice) Lanes() int                    { return 1 }
func (d *stubDevice) Now() time.Time                { return time.Time{} }
func (d *stubDevice) PackAge() time.Duration        { return time.Hour }
func (d *stubDevice) Staged() []*staging.Entry      { return nil }
func (d *stubDevice) StagedBytes() int64            { return 0 }
func (d *stubDevice) End(context.Context) error     { return nil }
func (d *stubDevice) Cursor(source SourceID) []byte { return nil }

func (d *stubDevice) CommitTaken(m *journal.Message) error {
	d.begun <- struct{}{}
	<-d.allow
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sizes = append(d.sizes, len(m.Taken))
	return d.err
}

func openStub() (*Door, *stubDevice) {
	dev := &stubDevice{begun: make(chan struct{}, 100), allow: make(chan struct{})}
	return Open(dev, NewNames()), dev
}

func putOne(t *testing.T, s *Session, path string) {
	t.Helper()
	if _, err := s.Put(context.Background(), Entry{Path: path, Kind: manifest.KindFile, Size: 1}, bytes.NewReader([]byte("x"))); err != nil {
		t.Error(err)
	}
}

// TestGroupCommit: while one frame is written, the next one gathers everybody else.
func TestGroupCommit(t *testing.T) {
	door, dev := openStub()
	var wg sync.WaitGroup
	flush := func(i int) {
		s := door.Session()
		putOne(t, s, fmt.Sprint(i))
		wg.Go(func() {
			if err := s.Flush(context.Background(), Cursor{}); err != nil {
				t.Error(err)
			}
		})
	}
	flush(0)
	<-dev.begun
	for i := range 64 {
		flush(1 + i)
	}
	close(dev.allow)
	wg.Wait()
	if !slices.Equal(dev.sizes, []int{1, 64}) {
		t.Errorf("frames of %v entries for 65 clients", dev.sizes)
	}
	if err := door.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// TestFlushWaits: a flush that was cut off is not forgotten.
func TestFlushWaits(t *testing.T) {
	door, dev := openStub()
	s := door.Session()
	putOne(t, s, "a")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Flush(ctx, Cursor{}) }()
	<-dev.begun
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Fatalf("a flush that was canceled: %v", err)
	}
	dev.err = errors.New("no disk")
	close(dev.allow)
	if err := s.Flush(context.Background(), Cursor{}); !errors.Is(err, dev.err) {
		t.Errorf("the flush after it: %v", err)
	}
	if _, err := s.Put(context.Background(), Entry{Path: "b", Kind: manifest.KindFile}, nil); !errors.Is(err, dev.err) {
		t.Errorf("a put after a frame that failed: %v", err)
	}
	if _, err := s.Resume(context.Background(), SourceID{1}); !errors.Is(err, dev.err) {
		t.Errorf("a cursor after a frame that failed: %v", err)
	}
	door.Close(context.Background())
}

// TestCloseGivesUp: what nobody flushed is not on the device, and nobody is told that it is.
func TestCloseGivesUp(t *testing.T) {
	door, dev := openStub()
	s := door.Session()
	putOne(t, s, "a")
	close(dev.allow)
	if err := door.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(context.Background(), Cursor{}); !errors.Is(err, ErrGivenUp) {
		t.Errorf("a flush after the end: %v", err)
	}
	if len(dev.sizes) != 0 {
		t.Errorf("frames of %v entries", dev.sizes)
	}
}

// TestOpenDigest: content that did not say its size has the digests of content that did.
func TestOpenDigest(t *testing.T) {
	zero := make([]byte, 1<<20+1)
	for _, size := range []int64{0, 1, manifest.UnitSize - 1, manifest.UnitSize, manifest.UnitSize + 1, 2 * manifest.UnitSize, 40<<20 + 7} {
		for _, whole := range []bool{true, false} {
			want, got := NewDigest(size, whole), NewOpenDigest(whole)
			for at := int64(0); at < size; {
				b := zero[:min(int64(len(zero)), size-at)]
				b[0] = byte(at)
				want.Write(b)
				got.Write(b)
				at += int64(len(b))
			}
			var a, b manifest.Record
			want.Fill(&a)
			got.Fill(&b)
			if a.CRC != b.CRC || !bytes.Equal(a.SHA256, b.SHA256) || a.PartSize != b.PartSize || !slices.Equal(a.UnitCRCs, b.UnitCRCs) || !slices.EqualFunc(a.Parts, b.Parts, bytes.Equal) {
				t.Errorf("%d bytes, whole %v: the digests differ", size, whole)
			}
		}
	}
}

// TestNamesAreBounded: a device with more names than a door takes is refused, before memory is.
func TestNamesAreBounded(t *testing.T) {
	names := NewNames()
	var err error
	for i := 0; i <= MaxNames && err == nil; i++ {
		names.paths[uint64(i)] = name{kind: nameFile}
		err = names.fits()
	}
	if !errors.Is(err, ErrManyNames) || len(names.paths) != MaxNames+1 {
		t.Errorf("%d names: %v", len(names.paths), err)
	}
	delete(names.paths, 0)
	if err := names.mayPut(manifest.KindFile, "one more"); !errors.Is(err, ErrManyNames) {
		t.Errorf("one more: %v", err)
	}
}
