package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestImportAsUpload imports a tree into the sink and uploads it bare. Both make
// the same objects by the same requests. Only the import asks, before it sends more
// than a mebibyte; neither asks for an object that its write has proven.
func TestImportAsUpload(t *testing.T) {
	s, server := newTestSink(t)
	log := requestLog{sink: s}
	server.Config.Handler = log.around(s)
	tree := newTestTree(t)
	ctx := context.Background()

	o := importer.Options{Config: s3.Config{Bucket: "bench", Endpoint: server.URL, PathStyle: true, Profile: "versitygw"}, Prefix: "p/",
		RunID: "run", StateDir: vfs.NewMem(vfs.MemOptions{}), ImporterKey: ed25519.NewKeyFromSeed(make([]byte, 32))}
	target, err := importer.NewS3(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	res, err := importer.Run(ctx, tree, target, o)
	if err != nil || !res.Complete || !res.Probe.Checking || !res.Probe.AnswersWrites {
		t.Fatalf("%+v, %v", res, err)
	}
	imported, byImport := log.take(), s.objects

	s.objects = map[string]*sunk{}
	args := []string{"--sums", tree.sums, "--source", tree.dir, "--endpoint", server.URL, "--bucket", "bench", "--prefix", "p/"}
	if err := runUpload(ctx, args, io.Discard); err != nil {
		t.Fatal(err)
	}
	uploaded := log.take()
	if large := imported["HEAD"]; large != 2 {
		t.Errorf("an import asks %d times before a large object", large)
	}
	delete(imported, "HEAD")
	if !maps.Equal(imported, uploaded) {
		t.Errorf("an import asks\n%v\nand the bare uploader\n%v", imported, uploaded)
	}
	if len(byImport) != len(tree.list) || len(s.objects) != len(tree.list) {
		t.Errorf("%d and %d objects of %d entries", len(byImport), len(s.objects), len(tree.list))
	}
	for path, o := range s.objects {
		other := byImport[path]
		if other == nil || other.size != o.size || other.header.Get(checksum) != o.header.Get(checksum) || other.header.Get(checksumType) != o.header.Get(checksumType) {
			t.Errorf("%s: %+v by an import, %+v by an upload", path, other, o)
		}
	}
}

// requestLog counts requests by what they are, but for those of an import's own objects:
// its probe, the run's marker and what it asks of the bucket cost the same however much is
// imported.
type requestLog struct {
	sink  *sink
	mu    sync.Mutex
	count map[string]int
}

func (l *requestLog) around(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		what := r.Method
		for _, name := range []string{"uploads", "uploadId"} {
			if r.URL.Query().Has(name) {
				what += " " + name
			}
		}
		if r.Method == http.MethodHead && l.sink.has(r.URL.Path) {
			what += " of an object"
		}
		if !r.URL.Query().Has("object-lock") && !strings.Contains(r.URL.String(), "/.sledge-") && !strings.Contains(r.URL.Query().Get("prefix"), "/.sledge-") { // the import's own
			l.mu.Lock()
			if l.count == nil {
				l.count = map[string]int{}
			}
			l.count[what]++
			l.mu.Unlock()
		}
		h.ServeHTTP(w, r)
	})
}

func (s *sink) has(path string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.objects[path] != nil
}

func (l *requestLog) take() map[string]int {
	l.mu.Lock()
	defer l.mu.Unlock()
	taken := l.count
	l.count = nil
	return taken
}

// testTree is a folder as the importer sees it.
type testTree struct {
	dir, sums string
	list      []summed
}

// newTestTree has files of no byte, few bytes and three parts, and a folder.
func newTestTree(t *testing.T) *testTree {
	t.Helper()
	tree := &testTree{dir: t.TempDir(), sums: filepath.Join(t.TempDir(), "sums")}
	err := os.Mkdir(filepath.Join(tree.dir, "sub"), 0o755)
	for name, size := range map[string]int{"empty": 0, "long": 2*partSize + 7, "sub/small": 10, "sub/part": partSize} {
		err = errors.Join(err, os.WriteFile(filepath.Join(tree.dir, name), bytes.Repeat([]byte{1}, size), 0o644))
	}
	err = errors.Join(err, runSums(context.Background(), []string{"--source", tree.dir, "--out", tree.sums}, io.Discard))
	text, readErr := os.ReadFile(tree.sums)
	if err = errors.Join(err, readErr); err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(bytes.NewReader(text)); dec.More(); {
		var s summed
		if err := dec.Decode(&s); err != nil {
			t.Fatal(err)
		}
		tree.list = append(tree.list, s)
	}
	slices.SortFunc(tree.list, func(a, b summed) int { return cmp.Compare(a.Path, b.Path) })
	return tree
}

func (tree *testTree) Scope() manifest.Scope {
	return manifest.Scope{Job: manifest.ID{1}, Device: manifest.ID{2}, Generation: 1}
}

func (tree *testTree) Checkpoint() manifest.Checkpoint {
	return manifest.Checkpoint{Origin: tree.Scope().Origin(), Size: 1, Root: [32]byte{1}}
}

func (tree *testTree) LabelChecked() bool { return true }

func (tree *testTree) Pages() uint64 { return uint64(len(tree.list)) }

func (tree *testTree) Totals() (t manifest.Totals, err error) {
	for _, s := range tree.list {
		record := s.record()
		raw, err := record.Encode()
		if err != nil {
			return t, err
		}
		t.Count(record, len(raw))
	}
	return t, nil
}

func (tree *testTree) Entries(_ context.Context, from uint64, f func(entry.Entry) error) error {
	for i, s := range tree.list {
		if uint64(i) < from {
			continue
		}
		record := s.record()
		raw, err := record.Encode()
		if err != nil {
			return err
		}
		e := entry.Entry{Record: record, Page: uint64(i)}
		for _, b := range raw {
			e.Raw = append(e.Raw, entry.RawRecord{Page: uint64(i), Index: len(e.Raw), Bytes: b, Salt: sha256.Sum256(b)})
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return nil
}

// record is what the manifest would have, with --file-digest parts.
func (s summed) record() *manifest.Record {
	if name, ok := strings.CutSuffix(s.Path, "/"); ok {
		return &manifest.Record{Kind: manifest.KindDir, Path: name, Mode: 0o755}
	}
	r := &manifest.Record{Kind: manifest.KindFile, Path: s.Path, Size: s.Size, Mode: 0o644}
	if s.Size > 0 {
		r.Extents = []manifest.Extent{{Length: s.Size}}
	}
	if len(s.Parts) == 1 {
		r.SHA256 = s.Parts[0][:]
		return r
	}
	r.PartSize = partSize
	for _, sum := range s.Parts {
		r.Parts = append(r.Parts, sum[:])
	}
	return r
}

func (tree *testTree) Open(_ context.Context, r *manifest.Record) (entry.Content, error) {
	return os.Open(filepath.Join(tree.dir, r.Path))
}
