package importer

import (
	"context"
	"crypto/md5"
	"encoding/hex"
	"testing"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
)

// plainParts is a store that lists parts without SHA-256, as one does that takes no checksum
// headers: their ETags are MD5s, or say nothing.
type plainParts struct {
	*fakeTarget
	etag func(data []byte) string
}

func (p *plainParts) ListParts(ctx context.Context, key, id string, each func(target.Part) error) error {
	return p.fakeTarget.ListParts(ctx, key, id, func(part target.Part) error {
		part.SHA256, part.ETag = "", p.etag(p.uploads[id].parts[part.Number].data)
		return each(part)
	})
}

func quotedMD5(data []byte) string {
	sum := md5.Sum(data)
	return `"` + hex.EncodeToString(sum[:]) + `"`
}

// TestResumeByETag: parts that the store lists without a checksum are kept where their ETag is
// the MD5 of what the disks hold, and sent again where it is not. The whole is proven as ever.
func TestResumeByETag(t *testing.T) {
	for _, c := range []struct {
		name  string
		etag  func([]byte) string
		spoil bool // what the store has of a part
		kept  bool
	}{
		{"MD5", quotedMD5, false, true},
		{"MD5 without quotes", func(b []byte) string { q := quotedMD5(b); return q[1 : len(q)-1] }, false, true},
		{"of encrypted parts", func(b []byte) string { return quotedMD5(append([]byte("key"), b...)) }, false, false},
		{"none", func([]byte) string { return "" }, false, false},
		{"another part's MD5", quotedMD5, true, false},
	} {
		s, f, disk := newSource(), newFake(t), memDisk()
		s.file("big", pattern(1, 33<<20)) // three parts
		o := testOptions(t, disk)
		o.Concurrency, o.PartConcurrency, o.ReadBack = 1, 1, true
		ctx, stop := context.WithCancel(t.Context())
		sent := 0
		f.hook = func(_ int, call, key string) (bool, error) {
			if call == "part" && key == "in/big" {
				if sent++; sent == 2 {
					stop()
				}
			}
			return true, nil
		}
		if _, err := Run(ctx, s, f, o); err == nil || len(f.uploads) != 1 {
			t.Fatalf("%v, %d uploads", err, len(f.uploads))
		}
		stop()
		had := 0
		for _, u := range f.uploads {
			if had = len(u.parts); c.spoil {
				for n, p := range u.parts {
					p.data = append([]byte{p.data[0] + 1}, p.data[1:]...)
					u.parts[n] = p
				}
			}
		}
		f.twoWriters, sent = !c.kept, 0
		res := mustRun(t, s, &plainParts{f, c.etag}, o)
		want := map[bool]int{true: 3 - had, false: 3}[c.kept]
		if !res.Complete || res.Tally.Proofs[entry.ProofReadBack] != 1 || sent != want || had != 2 || c.kept != (int(res.PartsKept) == had) {
			t.Errorf("%s: %d parts of %d sent, %d of %d kept, %+v", c.name, sent, want, res.PartsKept, had, res)
		}
		f.check(t, s, "in/")
	}
}

// TestResumeByETagReadsTheSource: a part is not kept for bytes of the disks that are not the
// manifest's.
func TestResumeByETagReadsTheSource(t *testing.T) {
	s, f, disk := newSource(), newFake(t), memDisk()
	data := pattern(1, 33<<20)
	s.file("big", data)
	o := testOptions(t, disk)
	o.Concurrency, o.PartConcurrency = 1, 1
	ctx, stop := context.WithCancel(t.Context())
	f.hook = func(_ int, call, key string) (bool, error) {
		if call == "part" && key == "in/big" {
			stop()
		}
		return true, nil
	}
	if _, err := Run(ctx, s, f, o); err == nil || len(f.uploads) != 1 {
		t.Fatalf("%v, %d uploads", err, len(f.uploads))
	}
	f.hook, s.flipped["big"] = nil, 5
	res := mustRun(t, s, &plainParts{f, quotedMD5}, o)
	if res.Complete || res.Tally.Outcomes[entry.OutcomeFailed] != 1 || f.ours() > 0 {
		t.Errorf("%+v", res)
	}
}
