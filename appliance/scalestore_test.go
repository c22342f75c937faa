package appliance

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/importer/target"
)

// scaleStore is a store that answers at once and has room for any number of
// generated objects: it knows what each must be, so it keeps one bit of it. Every
// payload is hashed, held against its checksum and against what the site has; an
// object that comes twice is refused. The few objects of a probe are kept whole.
type scaleStore struct {
	target.Plain
	tree    genTree
	prefix  string
	stopAt  atomic.Int64 // objects; then stop is called. 0: never
	stop    func()
	objects atomic.Int64 // that were stored
	first   atomic.Int64 // UnixNano of the first of them since wait
	last    atomic.Int64
	clock   func() int64

	mu      sync.Mutex
	there   []uint64 // a bit for each file
	folders map[string]bool
	probes  map[string]target.Object
	texts   map[string][]byte
	uploads map[string]target.CreateRequest
	parts   map[string][]byte
	next    int
}

func newScaleStore(tree genTree, prefix string, clock func() int64) *scaleStore {
	return &scaleStore{tree: tree, prefix: prefix, clock: clock, there: make([]uint64, (tree.n+63)/64), folders: map[string]bool{},
		probes: map[string]target.Object{}, texts: map[string][]byte{}, uploads: map[string]target.CreateRequest{}, parts: map[string][]byte{}}
}

func (s *scaleStore) probing(key string) bool {
	return strings.HasPrefix(key, s.prefix+target.ReservedPrefix)
}

// file is the number of the file that a key names, -1 for a folder's.
func (s *scaleStore) file(key string) int {
	path := strings.TrimPrefix(key, s.prefix)
	if strings.HasSuffix(path, "/") {
		return -1
	}
	parts := strings.Split(path, "/")
	return number(parts[1])*s.tree.names + number(parts[len(parts)-1])
}

func base64Of(sum [32]byte) string { return base64.StdEncoding.EncodeToString(sum[:]) }

// take reads a body. What does not have its checksum is refused.
func take(body io.Reader, sum [32]byte) ([]byte, error) {
	data, err := io.ReadAll(body)
	if err == nil && sha256.Sum256(data) != sum {
		err = target.NewError(target.CodeDigestRefused, "", "BadDigest", nil)
	}
	return data, err
}

func (s *scaleStore) Put(_ context.Context, in target.PutRequest) (target.Stored, error) {
	data, err := take(in.Body, in.SHA256)
	if err != nil {
		return target.Stored{}, err
	}
	o := target.Object{Size: in.Size, ETag: "scale", SHA256: base64Of(in.SHA256), ChecksumType: "FULL_OBJECT", Metadata: in.Metadata}
	answer := target.Stored{ETag: o.ETag, SHA256: o.SHA256, ChecksumType: o.ChecksumType}
	if s.probing(in.Key) {
		return answer, s.keep(in.Key, data, o, in.IfAbsent)
	}
	return answer, s.generated(in.Key, data)
}

func (s *scaleStore) keep(key string, data []byte, o target.Object, ifAbsent bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.probes[key]; there && ifAbsent {
		return target.KeyExists(key)
	}
	s.probes[key], s.texts[key] = o, data
	return nil
}

// generated takes an object of the site.
func (s *scaleStore) generated(key string, data []byte) error {
	i := s.file(key)
	want := []byte{}
	if i >= 0 {
		want = s.tree.content(i)
	}
	if !bytes.Equal(data, want) {
		return fmt.Errorf("%s has %x, not %x", key, data, want)
	}
	if !s.mark(key, i) {
		return target.KeyExists(key)
	}
	now := s.clock()
	s.first.CompareAndSwap(0, now)
	s.last.Store(now)
	if n := s.objects.Add(1); n == s.stopAt.Load() {
		s.stop()
	}
	return nil
}

// mark notes an object; false if it is there.
func (s *scaleStore) mark(key string, i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i < 0 {
		was := s.folders[key]
		s.folders[key] = true
		return !was
	}
	bit := uint64(1) << (i % 64)
	was := s.there[i/64]&bit != 0
	s.there[i/64] |= bit
	return !was
}

func (s *scaleStore) has(key string, i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i < 0 {
		return s.folders[key]
	}
	return s.there[i/64]&(1<<(i%64)) != 0
}

func (s *scaleStore) Head(_ context.Context, key string) (target.Object, error) {
	if s.probing(key) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if o, ok := s.probes[key]; ok {
			return o, nil
		}
		return target.Object{}, target.NotFound(key)
	}
	i := s.file(key)
	if !s.has(key, i) {
		return target.Object{}, target.NotFound(key)
	}
	data := []byte{}
	if i >= 0 {
		data = s.tree.content(i)
	}
	return target.Object{Size: int64(len(data)), ETag: "scale", SHA256: base64Of(sha256.Sum256(data)), ChecksumType: "FULL_OBJECT"}, nil
}

func (s *scaleStore) Get(_ context.Context, key, _ string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if data, ok := s.texts[key]; ok {
		return io.NopCloser(bytes.NewReader(data)), nil
	}
	return nil, target.NotFound(key)
}

func (s *scaleStore) CreateUpload(_ context.Context, in target.CreateRequest) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	id := fmt.Sprint(s.next)
	s.uploads[id] = in
	return id, nil
}

func (s *scaleStore) UploadPart(_ context.Context, in target.PartRequest) (string, error) {
	data, err := take(in.Body, in.SHA256)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts[in.UploadID] = data
	return "part", err
}

func (s *scaleStore) CompleteUpload(_ context.Context, in target.CompleteRequest) (target.Stored, error) {
	s.mu.Lock()
	up, data := s.uploads[in.UploadID], s.parts[in.UploadID]
	s.mu.Unlock()
	o := target.Object{Size: in.Size, ETag: "scale", SHA256: in.Composite, ChecksumType: "COMPOSITE", Metadata: up.Metadata}
	if err := s.keep(in.Key, data, o, in.IfAbsent); err != nil {
		return target.Stored{}, err
	}
	err := s.AbortUpload(context.Background(), in.Key, in.UploadID)
	return target.Stored{ETag: o.ETag, SHA256: o.SHA256, ChecksumType: o.ChecksumType}, err
}

func (s *scaleStore) AbortUpload(_ context.Context, _, id string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.uploads, id)
	delete(s.parts, id)
	return nil
}

func (s *scaleStore) ListParts(context.Context, string, string, func(target.Part) error) error {
	return nil
}

func (s *scaleStore) ListUploads(_ context.Context, key string, f func(target.Upload) error) error {
	s.mu.Lock()
	var found []target.Upload
	for id, up := range s.uploads {
		if up.Key == key {
			found = append(found, target.Upload{Key: key, ID: id})
		}
	}
	s.mu.Unlock()
	for _, up := range found {
		if err := f(up); err != nil {
			return err
		}
	}
	return nil
}

func (s *scaleStore) Delete(_ context.Context, key, _ string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.probes, key)
	delete(s.texts, key)
	return nil
}
