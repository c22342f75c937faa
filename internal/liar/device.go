// Package liar is a loader that lies, for tests. It takes a sealed device apart
// with the keys of those who made it, changes what it is told to, and signs the
// result as they would: job file, log, pages, statement and label fit one another,
// and say something that no honest loader says.
//
//	d, err := liar.Open(dirs, label, keys)
//	d.Pages[0].Records[0], d.Pages[0].Records[1] = d.Pages[0].Records[1], d.Pages[0].Records[0]
//	label, err := d.Write()
package liar

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/manifest"
)

// Keys are those of the device's makers.
type Keys struct {
	Device, Signer ed25519.PrivateKey
	Load           []byte
}

// Device is a sealed device, taken apart. What is changed here is what Write signs.
type Device struct {
	Dirs []string // the disks' folders

	Job       map[string]any // the job file's predicate
	JobSigner ed25519.PrivateKey
	Head      [][]byte // the log before its pages: start, wraps, events, packs
	Pages     []Page
	Totals    manifest.Totals
	Statement map[string]any // the seal statement's predicate

	PagesAnIndexPack int                                                       // with the directory page
	Lines            func(pack int, l []manifest.DirEntry) []manifest.DirEntry // nil: as they are
	First            func(pack int, key string) string                         // nil: as it is
	Blocks           func(stripes, stripe int64, data [][]byte)                // of index packs; nil: as they are
	Log              func(entries [][]byte) [][]byte                           // the last hand on the log; nil: as it is
	Label            func(l *manifest.Label)                                   // nil: it fits
	JobFile          func(file []byte) []byte                                  // the last hand on it; nil: as it is
	StatementFile    func(file []byte) []byte                                  // likewise

	keys  Keys
	scope manifest.Scope
	end   manifest.End
	job   *manifest.Job
	shape *manifest.Pack // whose geometry and bays index packs have
	old   []*manifest.Pack

	written [][]byte // the log's entries
}

// Page is a page of records.
type Page struct{ Records [][]byte }

const root = "sledge"

// Open takes a sealed device apart.
func Open(dirs []string, label []byte, keys Keys) (*Device, error) {
	l, err := manifest.ParseLabel(label)
	if err != nil {
		return nil, err
	}
	d := &Device{Dirs: dirs, keys: keys, scope: l.Scope, JobSigner: keys.Signer, PagesAnIndexPack: manifest.MaxIndexPages}
	if err := d.openJob(); err != nil {
		return nil, err
	}
	if err := d.openLog(l.Checkpoint); err != nil {
		return nil, err
	}
	return d, d.openStatement()
}

func (d *Device) read(name string) ([]byte, error) {
	return os.ReadFile(filepath.Join(d.Dirs[0], root, filepath.FromSlash(name)))
}

func (d *Device) openJob() error {
	file, err := d.read("job.dsse")
	if err != nil {
		return err
	}
	if d.job, err = manifest.PeekJob(file); err != nil {
		return err
	}
	return predicate(file, &d.Job)
}

func (d *Device) openStatement() error {
	file, err := d.read("statements/seal.dsse")
	if err != nil {
		return err
	}
	return predicate(file, &d.Statement)
}

func predicate(envelope []byte, to *map[string]any) error {
	_, payload, _, err := crypto.PeekDSSE(envelope)
	if err != nil {
		return err
	}
	var s manifest.Statement
	if err := json.Unmarshal(payload, &s); err != nil {
		return err
	}
	numbers := json.NewDecoder(bytes.NewReader(s.Predicate))
	numbers.UseNumber()
	return numbers.Decode(to)
}

// openLog reads a log of one bundle.
func (d *Device) openLog(checkpoint []byte) error {
	cp, err := manifest.OpenCheckpoint(checkpoint, d.scope.Origin(), d.keys.Device.Public().(ed25519.PublicKey))
	if err != nil {
		return err
	}
	bundle, err := d.read("log/" + manifest.TilePath(-1, 0, int(cp.Size)))
	if err != nil {
		return err
	}
	var entries []*manifest.PageEntry
	for len(bundle) > 0 {
		n := int(bundle[0])<<8 | int(bundle[1])
		raw := bundle[2 : 2+n]
		bundle = bundle[2+n:]
		e, err := manifest.DecodeEntry(raw)
		switch {
		case err != nil:
			return err
		case e.Page != nil:
			entries = append(entries, e.Page)
		case e.End != nil:
			d.end = *e.End
		case e.Pack != nil && e.Pack.IsIndex():
			d.old = append(d.old, e.Pack)
		default:
			d.Head = append(d.Head, bytes.Clone(raw))
		}
		if e.Pack != nil && d.shape == nil {
			d.shape = e.Pack
		}
	}
	if d.Totals, err = manifest.NewKeys(d.keys.Load, d.scope).OpenTotals(d.end.Totals); err != nil {
		return err
	}
	return d.openPages(entries)
}

func (d *Device) openPages(entries []*manifest.PageEntry) error {
	bodies := make([][]byte, len(d.old))
	for i, p := range d.old {
		var err error
		if bodies[i], err = d.body(p); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if e.Directory {
			continue
		}
		page, err := manifest.OpenPage(manifest.NewKeys(d.keys.Load, d.scope), d.old[e.IndexPack].ID, e, bodies[e.IndexPack][e.Offset:e.Offset+e.Length])
		if err != nil {
			return err
		}
		d.Pages = append(d.Pages, Page{Records: page.Records})
	}
	return nil
}

// body reads a pack's body from its data shards.
func (d *Device) body(p *manifest.Pack) ([]byte, error) {
	l := layout(p)
	shards := make([][]byte, p.Geometry.K)
	for j := range shards {
		var err error
		if shards[j], err = d.find(shardName(p.ID, j, "shard")); err != nil {
			return nil, err
		}
	}
	var body []byte
	for s := range l.Stripes() {
		for _, shard := range shards {
			body = append(body, shard[s*l.Block:s*l.Block+l.BlockLen(s)]...)
		}
	}
	return body[:p.BodySize], nil
}

func (d *Device) find(name string) ([]byte, error) {
	for _, dir := range d.Dirs {
		if b, err := os.ReadFile(filepath.Join(dir, root, name)); err == nil {
			return b, nil
		}
	}
	return nil, fmt.Errorf("%s: %w", name, os.ErrNotExist)
}

func layout(p *manifest.Pack) erasure.Layout {
	return erasure.Layout{K: p.Geometry.K, M: p.Geometry.M, Block: int64(p.Geometry.BlockSize), Body: p.BodySize}
}

func shardName(id manifest.ID, shard int, kind string) string {
	return fmt.Sprintf("packs/%s/%s.%02d.%s", id.String()[:2], id, shard, kind)
}

// Records are those of all pages.
func (d *Device) Records() (all [][]byte) {
	for _, p := range d.Pages {
		all = append(all, p.Records...)
	}
	return all
}

// Repage cuts records into pages of n.
func (d *Device) Repage(records [][]byte, n int) {
	d.Pages = nil
	for page := range slices.Chunk(records, n) {
		d.Pages = append(d.Pages, Page{Records: page})
	}
}

// Scope is whose device it is.
func (d *Device) Scope() manifest.Scope { return d.scope }

// remove takes a file off all disks.
func (d *Device) remove(name string) {
	for _, dir := range d.Dirs {
		os.Remove(filepath.Join(dir, root, filepath.FromSlash(name)))
	}
}

// Put writes a file below the folder sledge of the disks whose numbers are given,
// of all if none is.
func (d *Device) Put(name string, data []byte, disks ...int) error {
	var errs []error
	for i, dir := range d.Dirs {
		if len(disks) > 0 && !slices.Contains(disks, i) {
			continue
		}
		path := filepath.Join(dir, root, filepath.FromSlash(name))
		os.Remove(path) // may be read-only, or missing
		errs = append(errs, os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, data, 0o644))
	}
	return errors.Join(errs...)
}
