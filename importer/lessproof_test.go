package importer

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/vfs"
)

// wrongParts is a store that checks a PUT and takes any part.
type wrongParts struct{ *fakeTarget }

func (w wrongParts) UploadPart(ctx context.Context, in target.PartRequest) (string, error) {
	data, err := io.ReadAll(in.Body)
	if err != nil {
		return "", err
	}
	in.Body, in.SHA256 = bytes.NewReader(data), [32]byte(sum(data))
	return w.fakeTarget.UploadPart(ctx, in)
}

// TestStoreOfWrongParts: a store that accepted a wrong part does not count as one that
// checks, whatever it does with a PUT: nothing is proven by its word.
func TestStoreOfWrongParts(t *testing.T) {
	s, f, disk := newSource(), newFake(t), memDisk()
	s.file("a", []byte("hello"))
	s.file("big", pattern(1, 17<<20))
	res := mustRun(t, s, wrongParts{f}, testOptions(t, disk))
	if p := res.Probe; !p.PutRefused || p.PartRefused || p.Checking || p.StoreProof != entry.ProofNone {
		t.Errorf("probe: %+v", p)
	}
	for _, line := range readLines(t, disk, "receipts/objects.list") {
		if line.Proof != entry.ProofReadBack || line.HashedBy != entry.ByImporter {
			t.Errorf("%s: proof %q, hashed by %q", line.Key, line.Proof, line.HashedBy)
		}
	}
}

// longReads is a store that gives more bytes than it says an object has.
type longReads struct{ *fakeTarget }

func (l longReads) Get(ctx context.Context, key, version string) (io.ReadCloser, error) {
	content, err := l.fakeTarget.Get(ctx, key, version)
	if err != nil {
		return nil, err
	}
	return struct {
		io.Reader
		io.Closer
	}{io.MultiReader(content, bytes.NewReader([]byte("more"))), content}, nil
}

// TestReadBackOfMore: an object that reads back with more bytes than the manifest says
// is not the source's, though it begins like it.
func TestReadBackOfMore(t *testing.T) {
	s, f, disk := newSource(), newFake(t), memDisk()
	s.file("a", []byte("hello"))
	s.file("big", pattern(1, 17<<20))
	mustRun(t, s, f, testOptions(t, disk))
	list, err := vfs.ReadFile(disk, "receipts/objects.list", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	rep, err := audit.Objects(context.Background(), bytes.NewReader(list), longReads{f}, audit.ObjectOptions{By: audit.ByReadBack, Backoff: 1, Difference: func(e *target.Error) {
		if e.Code != target.CodeStoredWrong {
			t.Error(e)
		}
	}})
	if err != nil || rep.Same != 0 || rep.Differences != 2 {
		t.Errorf("%v, %+v", err, rep)
	}
}

// TestLostCreateOfLongAgo: the answer to a Create was lost. An upload of that key which
// was begun long before it is not that one: it is left, and named.
func TestLostCreateOfLongAgo(t *testing.T) {
	s, f := mixed(), newFake(t)
	f.hook = func(_ int, call, key string) (bool, error) {
		if key == "in/big" && call == "create" && f.uploads["before"] == nil {
			f.uploads["before"] = &fakeUpload{key: key, initiator: f.initiator, initiated: f.now().Add(-24 * time.Hour), parts: map[int]fakePart{}}
			return true, lostAnswer
		}
		return true, nil
	}
	named := false
	o := testOptions(t, memDisk())
	o.Problem = func(e *target.Error) { named = named || e.Code == target.CodeOrphanUpload && e.Path == "in/big" }
	res := mustRun(t, s, f, o)
	if !res.Complete || f.uploads["before"] == nil || len(f.uploads) != 1 || !named {
		t.Errorf("complete %v, %d uploads are left, the old one %v; named %v", res.Complete, len(f.uploads), f.uploads["before"] != nil, named)
	}
}
