package simulator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/manifest"
)

// Goods are an importer.Source in memory, for tests that import many times. Large
// files go in parts of PartSize, which the manifest's rule would cut only from
// 16 MiB on.
type Goods struct {
	PartSize int64

	scope   manifest.Scope
	entries []entry.Entry
	content map[string][]byte
	totals  manifest.Totals
	err     error
}

var (
	_ entry.Source = (*Goods)(nil)
)

// goodsPage is how many records a page has.
const goodsPage = 4

// NewGoods makes a source of a few small files, a folder, a link, and one large
// file for each size that is given, all drawn from a seed.
func NewGoods(seed uint64, small int, large ...int) (*Goods, error) {
	rng := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), byte(seed >> 16), byte(seed >> 24)})
	g := &Goods{PartSize: minPart, scope: manifest.Scope{Job: manifest.ID{1}, Device: manifest.ID{2}, Generation: 1}, content: map[string][]byte{}}
	g.file("a.empty", nil)
	g.add(&manifest.Record{Kind: manifest.KindDir, Path: "dir", Mode: 0o755})
	for i := range small {
		data := make([]byte, rng.Uint64()%5000)
		rng.Read(data)
		g.file("dir/"+string(rune('a'+i)), data)
	}
	for i, size := range large {
		data := make([]byte, size)
		rng.Read(data)
		g.file("large-"+string(rune('a'+i)), data)
	}
	g.add(&manifest.Record{Kind: manifest.KindSymlink, Path: "link", Target: "dir/a", Size: 5, Mode: 0o777})
	return g, g.err
}

func (g *Goods) add(r *manifest.Record) {
	raws, err := r.Encode()
	if err != nil {
		g.err = errors.Join(g.err, err)
		return
	}
	e := entry.Entry{Record: r, Page: g.totals.Records / goodsPage}
	for i, b := range raws {
		n := g.totals.Records + uint64(i)
		e.Raw = append(e.Raw, entry.RawRecord{Page: n / goodsPage, Index: int(n % goodsPage), Bytes: b, Salt: sha256.Sum256(b)})
	}
	g.entries = append(g.entries, e)
	g.totals.Count(r, len(raws))
	g.totals.ScanEntries++
	g.totals.ScanBytes += uint64(r.DataLength())
}

func (g *Goods) file(path string, data []byte) {
	sum := sha256.Sum256(data)
	r := &manifest.Record{Kind: manifest.KindFile, Path: path, Size: int64(len(data)), Mode: 0o644, Mtime: time.Unix(1_595_002_920, 0), SHA256: sum[:]}
	if r.Size > 0 {
		r.Extents = []manifest.Extent{{Length: r.Size}}
	}
	g.content[path] = data
	g.add(r) // as the manifest has it
	if r.Size <= g.PartSize {
		return
	}
	r.PartSize = g.PartSize
	for at := int64(0); at < r.Size; at += r.PartSize {
		part := sha256.Sum256(data[at:min(at+r.PartSize, r.Size)])
		r.Parts = append(r.Parts, part[:])
	}
}

// Objects is what must be in the target in the end.
func (g *Goods) Objects(prefix string) map[string][]byte {
	all := map[string][]byte{}
	for _, e := range g.entries {
		switch r := e.Record; r.Kind {
		case manifest.KindSymlink:
			all[prefix+r.Path] = []byte(r.Target)
		default:
			all[prefix+r.OrderKey()] = g.content[r.Path]
		}
	}
	return all
}

// Scope implements importer.Source, as do the others.
func (g *Goods) Scope() manifest.Scope { return g.scope }

// Checkpoint is of no log.
func (g *Goods) Checkpoint() manifest.Checkpoint {
	return manifest.Checkpoint{Origin: g.scope.Origin(), Size: 7, Root: [32]byte{7}}
}

// LabelChecked is true.
func (g *Goods) LabelChecked() bool { return true }

// Totals implements importer.Source.
func (g *Goods) Totals() (manifest.Totals, error) { return g.totals, nil }

// Pages is how many there are.
func (g *Goods) Pages() uint64 { return g.totals.Records/goodsPage + 1 }

// Entries calls f for every entry from a page on.
func (g *Goods) Entries(ctx context.Context, from uint64, f func(entry.Entry) error) error {
	for _, e := range g.entries {
		if e.Page < from {
			continue
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Open gives the content of a file.
func (g *Goods) Open(_ context.Context, r *manifest.Record) (entry.Content, error) {
	data, ok := g.content[r.Path]
	if !ok {
		return nil, errors.New("no such content")
	}
	return goodsContent{bytes.NewReader(data)}, nil
}

type goodsContent struct{ io.ReaderAt }

func (goodsContent) Close() error { return nil }
