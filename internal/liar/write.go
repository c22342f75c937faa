package liar

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/manifest"
)

// Write signs the device as it is now, and gives the label that goes with it.
func (d *Device) Write() ([]byte, error) {
	for _, p := range d.old {
		d.removePack(p)
	}
	jobFile, err := d.writeJob()
	if err != nil {
		return nil, err
	}
	entries, err := d.entries(crypto.SumSHA256(jobFile))
	if err != nil {
		return nil, err
	}
	if d.Log != nil {
		entries = d.Log(entries)
	}
	d.written = entries
	checkpoint, cp, err := d.writeLog(entries)
	if err != nil {
		return nil, err
	}
	if err := d.writeStatement(jobFile, checkpoint, cp); err != nil {
		return nil, err
	}
	l := manifest.Label{Scope: d.scope, Disks: d.job.Geometry.Disks, JobSerial: d.job.Serial, JobSHA256: crypto.SumSHA256(jobFile), Checkpoint: checkpoint}
	if d.Label != nil {
		d.Label(&l)
	}
	return l.Encode(), nil
}

func (d *Device) removePack(p *manifest.Pack) {
	for _, dir := range d.Dirs {
		files, _ := filepath.Glob(filepath.Join(dir, root, "packs", p.ID.String()[:2], p.ID.String()+".*"))
		for _, f := range files {
			os.Remove(f)
		}
	}
}

func (d *Device) writeJob() ([]byte, error) {
	file, err := d.read("job.dsse")
	if err != nil {
		return nil, err
	}
	var was map[string]any
	if err := predicate(file, &was); err != nil {
		return nil, err
	}
	if equal(was, d.Job) && d.JobSigner.Equal(d.keys.Signer) {
		return d.putJob(file)
	}
	_, payload, _, err := crypto.PeekDSSE(file)
	if err != nil {
		return nil, err
	}
	var s manifest.Statement
	if err := json.Unmarshal(payload, &s); err != nil {
		return nil, err
	}
	if file, err = manifest.SignStatement(manifest.PredicateJob, s.Subject, d.Job, d.JobSigner); err != nil {
		return nil, err
	}
	return d.putJob(file)
}

func (d *Device) putJob(file []byte) ([]byte, error) {
	if d.JobFile != nil {
		file = d.JobFile(file)
	}
	return file, d.Put("job.dsse", file)
}

func equal(a, b any) bool {
	x, err1 := json.Marshal(a)
	y, err2 := json.Marshal(b)
	return err1 == nil && err2 == nil && string(x) == string(y)
}

// entries makes the log again around new pages.
func (d *Device) entries(job [32]byte) ([][]byte, error) {
	out := append([][]byte{}, d.Head...)
	start, err := manifest.DecodeEntry(out[0])
	if err != nil {
		return nil, err
	}
	start.Start.JobSHA256 = job
	if out[0], err = start.Start.Encode(); err != nil {
		return nil, err
	}
	end := d.end
	end.FirstPage = uint64(len(out))
	pages, indexes, err := d.writePages()
	if err != nil {
		return nil, err
	}
	out = append(out, pages...)
	end.Pages, end.FirstIndex, end.IndexPacks = uint64(len(pages)), uint64(len(out)), uint64(len(indexes))
	out = append(out, indexes...)
	if end.Totals, err = manifest.NewKeys(d.keys.Load, d.scope).SealTotals(d.Totals); err != nil {
		return nil, err
	}
	last, err := end.Encode()
	return append(out, last), err
}

// indexPack is one that is being written.
type indexPack struct {
	d      *Device
	p      *manifest.Pack
	body   []byte
	lines  []manifest.DirEntry
	pages  [][]byte // entries
	number uint64   // of its next page
}

func (d *Device) writePages() (pages, indexes [][]byte, err error) {
	rest := d.Pages
	for len(rest) > 0 {
		n := min(len(rest), d.PagesAnIndexPack-1)
		x := &indexPack{d: d, number: uint64(len(pages)), p: &manifest.Pack{Number: uint64(len(indexes)), FirstPage: uint64(len(pages)), Geometry: d.shape.Geometry, Bays: d.shape.Bays}}
		rand.Read(x.p.ID[:])
		for _, page := range rest[:n] {
			if err := x.add(page.Records, false); err != nil {
				return nil, nil, err
			}
		}
		entry, err := x.finish(len(indexes))
		if err != nil {
			return nil, nil, err
		}
		pages, indexes, rest = append(pages, x.pages...), append(indexes, entry), rest[n:]
	}
	return pages, indexes, nil
}

func (x *indexPack) add(records [][]byte, directory bool) error {
	var b manifest.PageBuilder
	for _, r := range records {
		b.Add(r)
	}
	if !directory {
		kind, path, cont, err := manifest.PeekRecord(records[0])
		if err != nil {
			return err
		}
		x.lines = append(x.lines, manifest.DirEntry{Page: x.number, Path: path, Kind: kind, Records: len(records), Continuation: cont})
	}
	gap := -len(x.body) & (manifest.PageAlign - 1)
	x.body = append(x.body, make([]byte, gap)...)
	e := &manifest.PageEntry{Number: x.number, IndexPack: x.p.Number, Offset: int64(len(x.body)), Directory: directory}
	ct, err := b.Encrypt(manifest.NewKeys(x.d.keys.Load, x.d.scope), x.p.ID, e)
	if err != nil {
		return err
	}
	raw, err := e.Encode()
	x.body, x.pages, x.number = append(x.body, ct...), append(x.pages, raw), x.number+1
	return err
}

// finish adds the directory page, writes the shards and gives the index entry.
func (x *indexPack) finish(pack int) ([]byte, error) {
	first, lines := x.lines[0].Key(), x.lines
	if x.d.First != nil {
		first = x.d.First(pack, first)
	}
	if x.d.Lines != nil {
		lines = x.d.Lines(pack, append([]manifest.DirEntry{}, lines...))
	}
	var records [][]byte
	for _, l := range lines {
		records = append(records, l.Encode())
	}
	if err := x.add(records, true); err != nil {
		return nil, err
	}
	x.p.Pages, x.p.BodySize = uint64(len(x.pages)), int64(len(x.body))
	var err error
	if x.p.FirstPath, err = manifest.NewKeys(x.d.keys.Load, x.d.scope).SealFirstPath(x.p.ID, first); err != nil {
		return nil, err
	}
	if err := x.d.cut(x.p, x.body); err != nil {
		return nil, err
	}
	return x.p.Encode()
}

// cut writes a pack's shards and hash list, and completes its entry.
func (d *Device) cut(p *manifest.Pack, body []byte) error {
	l := layout(p)
	code, err := erasure.NewCode(l.K, l.M)
	if err != nil {
		return err
	}
	shards := make([][]byte, l.K+l.M)
	var list []byte
	var lines [][]byte
	for s := range l.Stripes() {
		blocks := make([][]byte, l.K+l.M)
		for j := range blocks {
			blocks[j] = make([]byte, l.BlockLen(s))
			if from := s*int64(l.K)*l.Block + int64(j)*l.BlockLen(s); j < l.K && from < int64(len(body)) {
				copy(blocks[j], body[from:])
			}
		}
		if d.Blocks != nil {
			d.Blocks(l.Stripes(), s, blocks[:l.K])
		}
		if err := code.Encode(blocks); err != nil {
			return err
		}
		at := len(list)
		for j, b := range blocks {
			shards[j] = append(shards[j], b...)
			if j < l.K {
				sum := crypto.SumSHA256(b)
				list = append(list, sum[:]...)
			}
		}
		list = erasure.AppendParity(list, blocks[l.K:])
		lines = append(lines, list[at:])
	}
	p.Root = manifest.RootOver(lines)
	pieces, err := code.SplitPieces(list)
	if err != nil {
		return err
	}
	p.Pieces = nil
	for j := range shards {
		p.Pieces = append(p.Pieces, crypto.SumSHA256(pieces[j]))
		bay := int(p.Bays[j])
		for name, data := range map[string][]byte{shardName(p.ID, j, "shard"): shards[j], shardName(p.ID, j, "piece"): pieces[j],
			fmt.Sprintf("packs/%s/%s.hashes", p.ID.String()[:2], p.ID): list} {
			if err := d.Put(name, data, bay); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeLog gives the log a checkpoint of the device's key.
func (d *Device) writeLog(entries [][]byte) (text []byte, cp manifest.Checkpoint, err error) {
	for _, dir := range d.Dirs {
		if err := os.RemoveAll(filepath.Join(dir, root, "log")); err != nil {
			return nil, cp, err
		}
	}
	if cp.Size, cp.Root, err = d.writeTiles(entries); err != nil {
		return nil, cp, err
	}
	if text, err = manifest.SignCheckpoint(d.scope.Origin(), cp.Size, cp.Root, d.keys.Device); err != nil {
		return nil, cp, err
	}
	return text, cp, d.Put("log/checkpoint", text)
}

func (d *Device) writeTiles(entries [][]byte) (size uint64, root [32]byte, err error) {
	if slices.ContainsFunc(entries, func(e []byte) bool { return len(e) > manifest.MaxEntry }) {
		return d.writeLong(entries)
	}
	w := manifest.NewLogWriter(func(name string, data []byte) error { return d.Put("log/"+name, data) })
	for _, e := range entries {
		if _, err := w.Append(e); err != nil {
			return 0, root, err
		}
	}
	return w.Finish()
}

// writeStatement signs a statement that fits, but for what was changed in it.
func (d *Device) writeStatement(jobFile, checkpoint []byte, cp manifest.Checkpoint) error {
	honest, err := d.read("statements/seal.dsse")
	if err != nil {
		return err
	}
	var was map[string]any
	if err := predicate(honest, &was); err != nil {
		return err
	}
	for name, value := range map[string]any{"log_size": cp.Size, "log_root": cp.Root[:], "job_sha256": fmt.Sprintf("%x", crypto.SumSHA256(jobFile))} {
		if equal(was[name], d.Statement[name]) {
			d.Statement[name] = value
		}
	}
	env, err := manifest.SignStatement(manifest.PredicateSeal, []manifest.Subject{manifest.SHA256Subject("checkpoint", checkpoint)}, d.Statement, d.keys.Device)
	if err != nil {
		return err
	}
	if d.StatementFile != nil {
		env = d.StatementFile(env)
	}
	return d.Put("statements/seal.dsse", env)
}

// SignAt puts a checkpoint of the device's key on the disks whose numbers are given: of
// so many entries, with the root that the log had then, or with another one.
func (d *Device) SignAt(size int, fits bool, disks ...int) error {
	var t manifest.Tree
	for i := range size {
		if i < len(d.written) {
			t.AddHash(manifest.LeafHash(d.written[i]))
		} else {
			t.AddHash([32]byte{})
		}
	}
	root := t.Root()
	if !fits {
		root[0] ^= 1
	}
	return d.sign(d.scope, size, root, disks)
}

// SignGeneration puts a checkpoint of another generation of the device on disks.
func (d *Device) SignGeneration(generation uint32, disks ...int) error {
	other := d.scope
	other.Generation = generation
	return d.sign(other, 5, [32]byte{1}, disks)
}

func (d *Device) sign(scope manifest.Scope, size int, root [32]byte, disks []int) error {
	text, err := manifest.SignCheckpoint(scope.Origin(), uint64(size), root, d.keys.Device)
	if err != nil {
		return err
	}
	return d.Put("log/checkpoint", text, disks...)
}

// Size is how many entries the log has.
func (d *Device) Size() int { return len(d.written) }

// NewKey is a key of somebody else.
func NewKey() (ed25519.PrivateKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	_, err := io.ReadFull(rand.Reader, seed)
	return ed25519.NewKeyFromSeed(seed), err
}
