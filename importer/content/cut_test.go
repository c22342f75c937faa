package content

import (
	"context"
	"crypto/sha256"
	"errors"
	"math/rand"
	"runtime"
	"slices"
	"testing"

	"github.com/minio/crc64nvme"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

func TestCutFor(t *testing.T) {
	generic, _ := target.ProfileByName("generic")
	with := func(set func(*target.Profile)) target.Profile {
		p := generic
		set(&p)
		return p
	}
	record := func(size int64) *manifest.Record {
		r := &manifest.Record{Kind: manifest.KindFile, Size: size, PartSize: manifest.PartSizeFor(size)}
		if r.PartSize > 0 {
			r.Parts = make([][]byte, (size+r.PartSize-1)/r.PartSize)
		}
		return r
	}
	const unit = int64(manifest.UnitSize)
	tests := []struct {
		name    string
		profile target.Profile
		size    int64
		want    Cut
		bad     bool
	}{
		{"empty", generic, 0, Cut{0, 1, false}, false},
		{"small", generic, unit, Cut{0, 1, false}, false},
		{"parts", generic, unit + 1, Cut{unit, 2, false}, false},
		{"many", generic, 10000*unit + 1, Cut{2 * unit, 5001, false}, false},
		{"larger than any", generic, 5*target.TiB + 1, Cut{}, true},
		{"fewer parts", with(func(p *target.Profile) { p.MaxParts = 3 }), 10 * unit, Cut{4 * unit, 3, true}, false},
		{"one part only", with(func(p *target.Profile) { p.MaxParts = 1 }), 3 * unit, Cut{0, 1, true}, false},
		{"larger parts", with(func(p *target.Profile) { p.MinPart = 20 * target.MiB }), 3 * unit, Cut{2 * unit, 2, true}, false},
		{"larger parts, a last one", with(func(p *target.Profile) { p.MinPart = 64 * target.MiB }), 3 * unit, Cut{0, 1, true}, false},
		{"smaller parts", with(func(p *target.Profile) { p.MaxPart = 6 * target.MiB }), 17 * target.MiB, Cut{6 * target.MiB, 3, true}, false},
		{"small, in smaller parts", with(func(p *target.Profile) { p.MaxPart = 6 * target.MiB }), 12 * target.MiB, Cut{6 * target.MiB, 2, true}, false},
		{"too few parts", with(func(p *target.Profile) { p.MaxParts, p.MaxPart = 2, 6*target.MiB }), 17 * target.MiB, Cut{}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := CutFor(test.profile, record(test.size))
			if got != test.want || (err != nil) != test.bad {
				t.Errorf("%+v, %v, want %+v", got, err, test.want)
			}
		})
	}
}

// TestCutFits: whatever the limits are, a cut keeps them and covers the object.
func TestCutFits(t *testing.T) {
	rng := rand.New(rand.NewSource(1))
	for range 20000 {
		p := target.Profile{MaxParts: 1 + rng.Intn(10000), MaxPart: 1 + rng.Int63n(5*target.GiB), MaxKey: 1024}
		p.MinPart = rng.Int63n(p.MaxPart + 1)
		p.MaxObject = p.MaxPart * int64(p.MaxParts)
		size := rng.Int63n(p.MaxObject + 1)
		c, err := cutAnew(p, size)
		if err != nil {
			t.Fatalf("%+v, %d bytes: %v", p, size, err)
		}
		switch {
		case c.Parts < 1 || c.Parts > p.MaxParts || c.PartSize > p.MaxPart,
			c.Parts == 1 && (c.PartSize != 0 || size > p.MaxPart),
			c.Parts > 1 && (c.PartSize < p.MinPart || c.PartSize*int64(c.Parts) < size || c.PartSize*int64(c.Parts-1) >= size):
			t.Fatalf("%+v, %d bytes: %+v", p, size, c)
		}
	}
}

// cutRecord is the record of a file with this content.
func cutRecord(data []byte) *manifest.Record {
	sum := sha256.Sum256(data)
	r := &manifest.Record{Kind: manifest.KindFile, Path: "file", Size: int64(len(data)), PartSize: manifest.PartSizeFor(int64(len(data))), SHA256: sum[:]}
	if r.PartSize > 0 {
		for part := range slices.Chunk(data, int(r.PartSize)) {
			sum := sha256.Sum256(part)
			r.Parts = append(r.Parts, sum[:])
		}
	}
	return r
}

// striped is content whose every block differs.
func striped(seed byte, size int) []byte {
	b := make([]byte, size)
	for i := 0; i < size; i += 509 {
		b[i] = seed + byte(i>>9)
	}
	return b
}

func recutRecord(data []byte) *manifest.Record {
	r := cutRecord(data)
	r.CRC, r.HasCRC = crc64nvme.Update(0, data), true
	return r
}

func TestRecut(t *testing.T) {
	data := striped(5, 40<<20+123)
	r := recutRecord(data)
	for _, partSize := range []int64{0, 6 * target.MiB, 16 * target.MiB, 32 * target.MiB, 40<<20 + 123, 7*target.MiB + 1} {
		got, err := Recut(context.Background(), Inline(data), r, Cut{PartSize: partSize, Anew: true})
		if err != nil {
			t.Fatal(err)
		}
		step := partSize
		if step == 0 {
			step = int64(len(data))
		}
		var want [][32]byte
		for at := int64(0); at < int64(len(data)); at += step {
			want = append(want, sha256.Sum256(data[at:min(at+step, int64(len(data)))]))
		}
		if len(got) != len(want) || Composite(got) != Composite(want) {
			t.Errorf("parts of %d: %d digests, want %d", partSize, len(got), len(want))
		}
	}
	small := cutRecord([]byte("hello"))
	if got, err := Recut(context.Background(), Inline("hello"), small, Cut{PartSize: 2}); err != nil || len(got) != 3 || got[2] != sha256.Sum256([]byte("o")) {
		t.Errorf("one part cut into three: %x, %v", got, err)
	}
}

// TestRecutProves: no digest comes out of bytes that are not the manifest's.
func TestRecutProves(t *testing.T) {
	data := striped(6, 40<<20)
	spoiled := func(set func(*manifest.Record)) *manifest.Record {
		r := recutRecord(data)
		set(r)
		return r
	}
	flipped := striped(6, 40<<20)
	flipped[33<<20] ^= 1
	other := sha256.Sum256(nil)
	tests := map[string]struct {
		content Inline
		record  *manifest.Record
		code    target.Code
	}{
		"flipped":        {flipped, recutRecord(data), target.CodeSourceCorrupt},
		"short":          {data[:39<<20], recutRecord(data), target.CodeSourceLost},
		"whole's digest": {data, spoiled(func(r *manifest.Record) { r.SHA256 = other[:] }), target.CodeSourceCorrupt},
		"CRC":            {data, spoiled(func(r *manifest.Record) { r.CRC++ }), target.CodeSourceCorrupt},
		"fewer parts":    {data, spoiled(func(r *manifest.Record) { r.Parts = r.Parts[:2] }), target.CodeSourceCorrupt},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			sums, err := Recut(context.Background(), test.content, test.record, Cut{PartSize: 6 * target.MiB})
			if !target.HasCode(err, test.code) || sums != nil {
				t.Errorf("%d digests, %v", len(sums), err)
			}
		})
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Recut(ctx, Inline(data), recutRecord(data), Cut{PartSize: 6 * target.MiB}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// blank is content of zeros that takes no memory.
type blank struct{}

func (blank) ReadAt(p []byte, _ int64) (int, error) { clear(p); return len(p), nil }

// TestRecutMemory: what is held does not depend on the part's size.
func TestRecutMemory(t *testing.T) {
	const size = 256 << 20
	r := &manifest.Record{Path: "big", Size: size, PartSize: manifest.PartSizeFor(size)}
	part := sha256.Sum256(make([]byte, manifest.UnitSize))
	for range size / manifest.UnitSize {
		r.Parts = append(r.Parts, part[:])
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Recut(context.Background(), blank{}, r, Cut{PartSize: 128 * target.MiB}); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > 4<<20 {
		t.Errorf("%d bytes were taken for %d", took, size)
	}
}
