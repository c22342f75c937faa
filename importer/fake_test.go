package importer

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// fakeTarget is a store in memory that polices its client: an overwritten
// object, a part sent twice for nothing, a changed object fail the test. The
// hook is asked before every call whether to apply it and what to answer.
type fakeTarget struct {
	target.Plain
	t    *testing.T
	mu   sync.Mutex
	hook func(n int, call, key string) (apply bool, err error)

	calls   int
	byCall  map[string]int
	objects map[string]fakeObject
	uploads map[string]*fakeUpload
	nextID  int
	now     func() time.Time

	noConditions bool                                                           // If-None-Match is ignored
	unchecking   bool                                                           // checksums are kept, not checked
	noChecksums  bool                                                           // HEAD tells no checksum
	shows        func(key string, multi bool, a target.Attributes) target.Shown // what HEAD tells of attributes; nil: nothing
	dashless     bool                                                           // composites come without "-N"
	corrupt      bool                                                           // what is stored is not what was sent
	silent       bool                                                           // writes are answered without a checksum
	twoWriters   bool                                                           // a process that was replaced may send parts, too
	initiator    string
	gets         int
	curtain      *curtain // of a run that publishes all or nothing
}

type fakeObject struct {
	data     []byte
	sha256   string
	crc      string
	kind     string
	metadata map[string]string
	asked    target.Attributes
	multi    bool
	key      string
}

type fakeUpload struct {
	key       string
	asked     target.Attributes
	metadata  map[string]string
	parts     map[int]fakePart
	initiated time.Time
	initiator string
}

type fakePart struct {
	data []byte
	sum  [32]byte
	lost bool // its answer was lost, so that sending it again is right
}

// Capabilities: it lists.
func (f *fakeTarget) Capabilities() target.Capabilities {
	return target.Capabilities{List: true, ListUploads: true}
}

func newFake(t *testing.T) *fakeTarget {
	return &fakeTarget{t: t, objects: map[string]fakeObject{}, uploads: map[string]*fakeUpload{}, byCall: map[string]int{},
		now: time.Now, initiator: "us"}
}

// enter counts a call and asks the hook.
func (f *fakeTarget) enter(call, key string) (apply bool, err error) {
	f.calls++
	f.byCall[call]++
	if f.hook == nil {
		return true, nil
	}
	return f.hook(f.calls, call, key)
}

func (f *fakeTarget) take(body io.Reader, size int64, sum [32]byte) ([]byte, error) {
	data := make([]byte, size+1)
	n, err := io.ReadFull(body, data)
	if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
		return nil, target.Unknown(target.NewError(target.CodeConnectionLost, "", err.Error(), err))
	}
	if data = data[:n]; int64(n) != size {
		f.t.Errorf("%d bytes announced, %d sent", size, n)
	}
	if sha256.Sum256(data) != sum && !f.unchecking {
		return nil, target.NewError(target.CodeDigestRefused, "", "BadDigest", nil)
	}
	if f.corrupt && len(data) > 0 {
		data[0] ^= 1
	}
	return data, nil
}

func (f *fakeTarget) Put(_ context.Context, in target.PutRequest) (target.Stored, error) {
	data, err := f.take(in.Body, in.Size, in.SHA256)
	f.mu.Lock()
	defer f.mu.Unlock()
	apply, hooked := f.enter("put", in.Key)
	if hooked != nil && !apply || !apply {
		return target.Stored{}, hooked
	}
	if err != nil {
		return target.Stored{}, err
	}
	o := fakeObject{data: data, sha256: target.Encode64(in.SHA256[:]), kind: "FULL_OBJECT", metadata: maps.Clone(in.Metadata), asked: in.Attributes, key: in.Key}
	if err := f.store(in.Key, in.IfAbsent, o); err != nil {
		return target.Stored{}, err
	}
	return f.answer(o), hooked
}

// describe is what HEAD says, answer what a write is answered with.
func (f *fakeTarget) describe(o fakeObject) target.Object {
	out := target.Object{Size: int64(len(o.data)), ETag: "etag", SHA256: o.sha256, CRC64NVME: o.crc, ChecksumType: o.kind, Metadata: o.metadata}
	if f.shows != nil {
		out.Shown = f.shows(o.key, o.multi, o.asked)
	}
	if f.noChecksums {
		out.SHA256, out.ChecksumType = "", ""
	}
	return out
}

// keepsAll shows every attribute that was asked for.
func keepsAll(_ string, _ bool, a target.Attributes) target.Shown {
	return target.Shown{ContentType: a.ContentType, CacheControl: a.CacheControl, StorageClass: a.StorageClass, SSE: a.SSE, KMSKeyID: a.KMSKeyID,
		ContentEncoding: a.ContentEncoding, ContentDisposition: a.ContentDisposition, ContentLanguage: a.ContentLanguage, BucketKey: a.BucketKey,
		CustomerKeyMD5: a.CustomerKeyMD5, Metadata: a.Metadata,
		TagCount: len(a.Tags), LockMode: a.LockMode, LockUntil: a.LockUntil, LegalHold: a.LegalHold}
}

func (f *fakeTarget) answer(o fakeObject) target.Stored {
	if f.silent {
		return target.Stored{ETag: "etag"}
	}
	return f.describe(o).Stored()
}

func (f *fakeTarget) store(key string, ifAbsent bool, o fakeObject) error {
	old, exists := f.objects[key]
	if exists && ifAbsent && !f.noConditions {
		return target.KeyExists(key)
	}
	if exists && !strings.Contains(key, probe.Prefix) && !strings.Contains(key, JournalPrefix) && !bytes.Equal(old.data, o.data) {
		f.t.Errorf("%q was overwritten with other content", key)
	}
	if f.curtain != nil {
		f.curtain.shows(key)
	}
	f.objects[key] = o
	return nil
}

func (f *fakeTarget) CreateUpload(_ context.Context, in target.CreateRequest) (string, error) {
	key, metadata := in.Key, in.Metadata
	f.mu.Lock()
	defer f.mu.Unlock()
	apply, hooked := f.enter("create", key)
	if !apply {
		return "", hooked
	}
	f.nextID++
	id := fmt.Sprintf("upload-%d", f.nextID)
	f.uploads[id] = &fakeUpload{key: key, asked: in.Attributes, metadata: maps.Clone(metadata), parts: map[int]fakePart{}, initiated: f.now(), initiator: f.initiator}
	return id, hooked
}

func (f *fakeTarget) UploadPart(_ context.Context, in target.PartRequest) (string, error) {
	data, err := f.take(in.Body, in.Size, in.SHA256)
	f.mu.Lock()
	defer f.mu.Unlock()
	apply, hooked := f.enter("part", in.Key)
	if !apply {
		return "", hooked
	}
	if err != nil {
		return "", err
	}
	u := f.uploads[in.UploadID]
	if u == nil || u.key != in.Key {
		return "", target.NewError(target.CodeUploadGone, in.Key, "NoSuchUpload", nil)
	}
	if old, ok := u.parts[in.Number]; ok && !old.lost && !f.twoWriters {
		f.t.Errorf("%q: part %d was sent again although it was acknowledged or listed", in.Key, in.Number)
	}
	u.parts[in.Number] = fakePart{data: data, sum: in.SHA256, lost: hooked != nil}
	return fmt.Sprintf("etag-%d", in.Number), hooked
}

func (f *fakeTarget) CompleteUpload(_ context.Context, in target.CompleteRequest) (target.Stored, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	apply, hooked := f.enter("complete", in.Key)
	if !apply {
		return target.Stored{}, hooked
	}
	u := f.uploads[in.UploadID]
	if u == nil || u.key != in.Key {
		return target.Stored{}, target.NewError(target.CodeUploadGone, in.Key, "NoSuchUpload", nil)
	}
	var data []byte
	var sums [][32]byte
	for i, p := range in.Parts {
		part, ok := u.parts[i+1]
		if !ok || p.Number != i+1 || p.SHA256 != target.Encode64(part.sum[:]) {
			f.t.Errorf("%q: Complete names part %d, which is not there", in.Key, p.Number)
			return target.Stored{}, target.NewError(target.CodeRefused, in.Key, "InvalidPart", nil)
		}
		data, sums = append(data, part.data...), append(sums, part.sum)
	}
	if content.Composite(sums) != in.Composite || int64(len(data)) != in.Size {
		f.t.Errorf("%q: Complete with a wrong composite or size", in.Key)
	}
	o := fakeObject{data: data, sha256: in.Composite, kind: "COMPOSITE", metadata: u.metadata, asked: u.asked, multi: true, key: in.Key}
	if f.dashless {
		o.sha256, _, _ = strings.Cut(o.sha256, "-")
	}
	if err := f.store(in.Key, in.IfAbsent, o); err != nil {
		return target.Stored{}, err
	}
	delete(f.uploads, in.UploadID)
	return f.answer(o), hooked
}

func (f *fakeTarget) AbortUpload(_ context.Context, key, id string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	apply, hooked := f.enter("abort", key)
	if apply {
		delete(f.uploads, id)
	}
	return hooked
}

func (f *fakeTarget) ListParts(_ context.Context, key, id string, each func(target.Part) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, hooked := f.enter("listparts", key); hooked != nil {
		return hooked
	}
	u := f.uploads[id]
	if u == nil {
		return target.NewError(target.CodeUploadGone, key, "NoSuchUpload", nil)
	}
	for _, n := range slices.Sorted(maps.Keys(u.parts)) {
		p := u.parts[n]
		p.lost = false // now it is known
		u.parts[n] = p
		if err := each(target.Part{Number: n, Size: int64(len(p.data)), ETag: fmt.Sprintf("etag-%d", n), SHA256: target.Encode64(p.sum[:])}); err != nil {
			return err
		}
	}
	return nil
}

func (f *fakeTarget) ListUploads(_ context.Context, key string, each func(target.Upload) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, hooked := f.enter("listuploads", key); hooked != nil {
		return hooked
	}
	for _, id := range slices.Sorted(maps.Keys(f.uploads)) {
		if u := f.uploads[id]; u.key == key {
			if err := each(target.Upload{Key: key, ID: id, Initiated: u.initiated, Initiator: u.initiator}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *fakeTarget) ListUploadsBelow(_ context.Context, prefix string, each func(target.Upload) error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, hooked := f.enter("listbelow", prefix); hooked != nil {
		return hooked
	}
	for _, id := range slices.Sorted(maps.Keys(f.uploads)) {
		if u := f.uploads[id]; strings.HasPrefix(u.key, prefix) {
			if err := each(target.Upload{Key: u.key, ID: id, Initiated: u.initiated, Initiator: u.initiator}); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *fakeTarget) Head(_ context.Context, key string) (target.Object, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, hooked := f.enter("head", key); hooked != nil {
		return target.Object{}, hooked
	}
	o, ok := f.objects[key]
	if !ok {
		return target.Object{}, target.NotFound(key)
	}
	return f.describe(o), nil
}

func (f *fakeTarget) Get(_ context.Context, key, _ string) (io.ReadCloser, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gets++
	if _, hooked := f.enter("get", key); hooked != nil {
		return nil, hooked
	}
	o, ok := f.objects[key]
	if !ok {
		return nil, target.NotFound(key)
	}
	return io.NopCloser(bytes.NewReader(o.data)), nil
}

func (f *fakeTarget) Delete(_ context.Context, key, _ string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	apply, hooked := f.enter("delete", key)
	if !strings.Contains(key, probe.Prefix) && !strings.Contains(key, JournalPrefix) {
		f.t.Errorf("%q was deleted", key)
	}
	if apply {
		delete(f.objects, key)
	}
	return hooked
}

// List gives pages of two, so that they are gone through.
func (f *fakeTarget) List(_ context.Context, prefix, after string) (page []target.Listed, next string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, hooked := f.enter("list", prefix); hooked != nil {
		return nil, "", hooked
	}
	for _, key := range slices.Sorted(maps.Keys(f.objects)) {
		if !strings.HasPrefix(key, prefix) || key <= after {
			continue
		}
		if len(page) == 2 {
			return page, page[1].Key, nil
		}
		page = append(page, target.Listed{Key: key, Size: int64(len(f.objects[key].data))})
	}
	return page, "", nil
}

// ours counts the objects of entries.
func (f *fakeTarget) ours() (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for key := range f.objects {
		if ours(key) {
			n++
		}
	}
	return n
}

// changes counts the calls that change the store.
func (f *fakeTarget) changes() (n int) {
	for call, times := range f.byCall {
		if call != "head" && call != "get" {
			n += times
		}
	}
	return n
}

// check holds the store against the source and looks for what was left behind.
func (f *fakeTarget) check(t *testing.T, s *fakeSource, prefix string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	want := s.objects(prefix)
	for key, data := range want {
		o, ok := f.objects[key]
		if !ok {
			t.Errorf("%q is not in the store", key)
		} else if !bytes.Equal(o.data, data) {
			t.Errorf("%q has other content", key)
		}
	}
	for key := range f.objects {
		if _, ok := want[key]; !ok && !strings.Contains(key, JournalPrefix) {
			t.Errorf("%q should not be in the store", key)
		}
	}
	for id, u := range f.uploads {
		t.Errorf("%s of %q was left behind", id, u.key)
	}
}

// fakeSource is a small manifest with one entry of each kind.
type fakeSource struct {
	scope   manifest.Scope
	entries []entry.Entry
	content map[string][]byte
	totals  manifest.Totals
	broken  map[string]error // Open fails
	flipped map[string]int64 // one byte is not what the record says
}

func newSource() *fakeSource {
	s := &fakeSource{content: map[string][]byte{}, broken: map[string]error{}, flipped: map[string]int64{}}
	s.scope = manifest.Scope{Job: manifest.ID{1}, Device: manifest.ID{2}, Generation: 1}
	return s
}

// pattern is content that differs from place to place and costs nothing.
func pattern(seed byte, size int) []byte {
	b := make([]byte, size)
	for i := 0; i < size; i += 509 {
		b[i] = seed + byte(i>>9)
	}
	return b
}

func (s *fakeSource) add(r *manifest.Record) {
	raws, err := r.Encode()
	if err != nil {
		panic(err)
	}
	e := entry.Entry{Record: r}
	for _, b := range raws {
		n := int(s.totals.Records) + len(e.Raw)
		e.Raw = append(e.Raw, entry.RawRecord{Page: uint64(n / 4), Index: n % 4, Bytes: b, Salt: sha256.Sum256(b)})
	}
	s.entries = append(s.entries, e)
	s.totals.Count(r, len(raws))
	s.totals.ScanEntries++
	s.totals.ScanBytes += uint64(r.DataLength())
}

func (s *fakeSource) file(path string, data []byte) *manifest.Record {
	r := &manifest.Record{Kind: manifest.KindFile, Path: path, Size: int64(len(data)), Mode: 0o644, UID: 500, GID: 600,
		Mtime: time.Unix(1595002920, 123456789), PartSize: manifest.PartSizeFor(int64(len(data)))}
	sum := sha256.Sum256(data)
	r.SHA256 = sum[:]
	for at := int64(0); r.PartSize > 0 && at < r.Size; at += r.PartSize {
		part := sha256.Sum256(data[at:min(at+r.PartSize, r.Size)])
		r.Parts = append(r.Parts, part[:])
	}
	if r.Size > 0 {
		r.Extents = []manifest.Extent{{Length: r.Size}}
	}
	s.content[path] = data
	s.add(r)
	return r
}

// mixed is the source of most tests: files of none, few and many bytes, one in
// three parts, a directory, a symlink, a hard link, one that was skipped.
func mixed() *fakeSource {
	s := newSource()
	s.file("a", []byte("hello"))
	s.file("b.empty", nil)
	s.file("big", pattern(1, 17<<20))
	s.add(&manifest.Record{Kind: manifest.KindDir, Path: "dir", Mode: 0o755})
	s.file("dir/c", pattern(2, 2<<20))
	first := s.file("dir/d", []byte("linked"))
	link := *first
	link.Kind, link.Path, link.LinkTo, link.LinkGroup = manifest.KindHardlink, "dir/e", "dir/d", 1
	s.content["dir/e"] = s.content["dir/d"]
	s.add(&link)
	s.add(&manifest.Record{Kind: manifest.KindSymlink, Path: "dir/f", Target: "../a", Size: 4, Mode: 0o777})
	s.add(&manifest.Record{Kind: manifest.KindSkipped, Path: "dir/g", Reason: "changed"})
	return s
}

// objects is the model: what must be in the store.
func (s *fakeSource) objects(prefix string) map[string][]byte {
	m := map[string][]byte{}
	for _, e := range s.entries {
		switch e.Record.Kind {
		case manifest.KindSkipped:
		case manifest.KindSymlink:
			m[prefix+e.Record.Path] = []byte(e.Record.Target)
		default:
			m[prefix+e.Record.OrderKey()] = s.content[e.Record.Path]
		}
	}
	return m
}

func (s *fakeSource) Scope() manifest.Scope { return s.scope }
func (s *fakeSource) Checkpoint() manifest.Checkpoint {
	return manifest.Checkpoint{Origin: s.scope.Origin(), Size: 7, Root: [32]byte{7}}
}
func (s *fakeSource) LabelChecked() bool               { return true }
func (s *fakeSource) Totals() (manifest.Totals, error) { return s.totals, nil }

// sort puts the entries into the manifest's order, whose places go up.
func (s *fakeSource) sort() {
	slices.SortFunc(s.entries, func(a, b entry.Entry) int { return strings.Compare(a.Record.OrderKey(), b.Record.OrderKey()) })
	n := 0
	for i := range s.entries {
		for j := range s.entries[i].Raw {
			s.entries[i].Raw[j].Page, s.entries[i].Raw[j].Index = uint64(n/4), n%4
			n++
		}
	}
}

func (s *fakeSource) Pages() uint64 { return s.totals.Records/4 + 1 }

func (s *fakeSource) Entries(ctx context.Context, from uint64, f func(entry.Entry) error) error {
	for _, e := range s.entries {
		if e.Page = e.Raw[0].Page; e.Page < from {
			continue
		}
		if err := f(e); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (s *fakeSource) Open(_ context.Context, r *manifest.Record) (entry.Content, error) {
	if err := s.broken[r.Path]; err != nil {
		return nil, err
	}
	data, ok := s.content[r.Path]
	if !ok {
		return nil, errors.New("no such content")
	}
	if at, ok := s.flipped[r.Path]; ok {
		data = slices.Clone(data)
		data[at] ^= 1
	}
	return content.Inline(data), nil
}

var testKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{9}, 32))

// testOptions are quick: no waiting to speak of.
func testOptions(t *testing.T, disk vfs.FS) Options {
	return Options{
		Config: s3.Config{Bucket: "bucket"}, Prefix: "in/", StateDir: stateOf(disk), RunID: "run-1", ImporterKey: testKey,
		Backoff: time.Microsecond, Concurrency: 3, PartConcurrency: 2, ExclusivePrefix: true,
		Now: func() time.Time { return time.Now().UTC() },
		Problem: func(e *target.Error) {
			if t != nil {
				t.Logf("problem: %v (%v)", e, e.Class)
			}
		},
	}
}

// stateOf is a disk as a state folder, with what keeps other processes from it if it has that.
func stateOf(disk vfs.FS) StateFolder {
	if state, ok := disk.(StateFolder); ok {
		return state
	}
	if _, half := disk.(interface{ Held() error }); half {
		panic("a state folder that can be taken over by halves")
	}
	return Alone(disk)
}

func memDisk() *vfs.Mem { return vfs.NewMem(vfs.MemOptions{}) }

func mustRun(t *testing.T, s entry.Source, target target.Target, o Options) *Result {
	t.Helper()
	res, err := Run(context.Background(), s, target, o)
	if err != nil {
		t.Fatalf("Run: %v", err)
	}
	return res
}
