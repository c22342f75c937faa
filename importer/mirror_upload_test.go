package importer

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// createFrozen freezes behind the Create of the first upload of an entry.
type createFrozen struct {
	*fakeTarget
	frozen, thaw chan struct{}
}

func (z createFrozen) CreateUpload(ctx context.Context, in target.CreateRequest) (string, error) {
	id, err := z.fakeTarget.CreateUpload(ctx, in)
	if in.Key == "in/big" {
		close(z.frozen)
		<-z.thaw
	}
	return id, err
}

// TestMirrorDeadInCreate: a host that dies between Create and its answer has said in the
// target what it was about to do, so that the other one finds the upload.
func TestMirrorDeadInCreate(t *testing.T) {
	soon(t, time.Hour)
	s, f := mixed(), newFake(t)
	z := createFrozen{f, make(chan struct{}), make(chan struct{})}
	first := make(chan error, 1)
	go func() {
		_, err := Run(context.Background(), s, z, mirrored(nil, memDisk()))
		first <- err
	}()
	<-z.frozen
	if res := mustRun(t, s, f, taking(memDisk())); !res.Complete || res.LeftUploads > 0 {
		t.Errorf("%+v", res)
	}
	f.check(t, s, "in/") // it never wakes
	close(z.thaw)
	<-first
}

// TestMirrorLateUpload: what a replaced host still writes of an upload takes nothing from
// its successor's, and is given up by the next.
func TestMirrorLateUpload(t *testing.T) {
	soon(t, time.Hour)
	s, f := mixed(), newFake(t)
	denied := true
	f.hook = func(_ int, call, key string) (bool, error) {
		if denied && call == "complete" && key == "in/big" {
			return false, target.NewError(target.CodeAccessDenied, "", "", nil)
		}
		return true, nil
	}
	disk := memDisk()
	for _, o := range []Options{mirrored(nil, disk), taking(memDisk())} {
		if _, err := Run(context.Background(), s, f, o); !target.HasCode(err, target.CodeAccessDenied) {
			t.Fatal(err)
		}
	}
	late, err := f.CreateUpload(context.Background(), target.CreateRequest{Key: "in/big"})
	if err != nil {
		t.Fatal(err)
	}
	r, _, err := newRun(context.Background(), s, f, mirrored(nil, disk))
	if err != nil {
		t.Fatal(err)
	}
	defer r.cancel()
	m, err := newMirror(r)
	if err != nil {
		t.Fatal(err)
	}
	at := entry.PlaceOf(0, 2)
	if err := m.put(t.Context(), uploadName(1, at), mirrorUpload{pending: pending{At: time.Now(), UploadID: late}, Key: "in/big"}, false); err != nil {
		t.Fatal(err)
	}
	denied = false
	parts := f.byCall["part"]
	res := mustRun(t, s, f, taking(memDisk()))
	if !res.Complete || res.PartsKept == 0 {
		t.Errorf("%d parts kept, %d sent again, %+v", res.PartsKept, f.byCall["part"]-parts, res.Tally)
	}
	for _, key := range f.journalKeys() {
		if strings.Contains(key, "/uploads/") {
			t.Errorf("left: %s", key)
		}
	}
	f.check(t, s, "in/")
}
