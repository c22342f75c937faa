package simulator

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"time"
)

// Bucket is an S3 bucket in memory that polices its clients: nobody's object may
// be overwritten or removed, nobody's upload touched but one's own. Violations
// tells what was done all the same. It may be used from many goroutines.
type Bucket struct {
	Name   string
	Traits Traits
	Seed   uint64           // of what is kept wrong
	Now    func() time.Time // nil is time.Now

	// Free tells the keys that a client may write, overwrite and remove as it likes,
	// such as those of a probe; nil is none.
	Free func(key string) bool

	mu         sync.Mutex
	objects    map[string]*Object
	uploads    map[string]*upload
	ids        int
	violations []string
	givenUp    map[string]bool // runs whose objects may be removed

	versions map[string][]*Object  // of a bucket with versions, the oldest first
	ended    map[string]*completed // uploads, by id, that were completed
	behind   map[string]*lag       // what HEAD tells of keys that were just written
	calls    int
}

// Object is what a Bucket holds under a key.
type Object struct {
	Data     []byte
	Metadata http.Header // x-amz-meta-…
	Modified time.Time
	SHA256   string      // as sent: base64, of a multipart object with "-N"
	Foreign  bool        // somebody else's
	Wrong    bool        // the bytes are not those that were sent
	Version  string      // its id, in a bucket with versions
	Deleted  bool        // a delete marker, which is a version, too
	Shown    http.Header // attributes that are kept
	parts    []*part     // of a multipart object
}

type upload struct {
	key       string
	number    int
	metadata  http.Header
	shown     http.Header
	algorithm string // of its checksums; "" is none that Create named
	parts     map[int]*part
	initiated time.Time
	foreign   bool
}

type part struct {
	data []byte
	sum  [32]byte
}

// Another client's id, and ours.
const (
	ourID   = "sledge"
	otherID = "somebody-else"
)

// maxViolations bounds what is kept of a client gone wild.
const maxViolations = 100

func (b *Bucket) violated(format string, args ...any) {
	if len(b.violations) < maxViolations {
		b.violations = append(b.violations, fmt.Sprintf(format, args...))
	}
}

func (b *Bucket) begin() {
	b.mu.Lock()
	if b.objects == nil {
		b.objects, b.uploads, b.givenUp = map[string]*Object{}, map[string]*upload{}, map[string]bool{}
		b.versions, b.ended, b.behind = map[string][]*Object{}, map[string]*completed{}, map[string]*lag{}
	}
}

// Violations are what a client did that none may do.
func (b *Bucket) Violations() []string {
	b.begin()
	defer b.mu.Unlock()
	return slices.Clone(b.violations)
}

// Objects is a copy of the map from keys to objects; Data is shared.
func (b *Bucket) Objects() map[string]*Object {
	b.begin()
	defer b.mu.Unlock()
	return maps.Clone(b.objects)
}

// Plant puts somebody else's object into the bucket.
func (b *Bucket) Plant(key string, data []byte) {
	b.begin()
	defer b.mu.Unlock()
	sum := sha256.Sum256(data)
	b.keep(key, &Object{Data: bytes.Clone(data), SHA256: base64.StdEncoding.EncodeToString(sum[:]), Foreign: true, Metadata: http.Header{}})
}

// PlantUpload begins somebody else's multipart upload of a key.
func (b *Bucket) PlantUpload(key string) {
	b.begin()
	defer b.mu.Unlock()
	b.newUpload(key, nil).foreign = true
}

// Uploads lists the keys of our unfinished uploads.
func (b *Bucket) Uploads() (ours []string) {
	b.begin()
	defer b.mu.Unlock()
	for _, u := range b.uploads {
		if !u.foreign {
			ours = append(ours, u.key)
		}
	}
	slices.Sort(ours)
	return ours
}

// Lose forgets one of our uploads of a key, as a lifecycle rule does.
func (b *Bucket) Lose(key string) {
	b.begin()
	defer b.mu.Unlock()
	for id, u := range b.uploads {
		if u.key == key && !u.foreign {
			delete(b.uploads, id)
		}
	}
}

func (b *Bucket) now() time.Time {
	now := time.Now
	if b.Now != nil {
		now = b.Now
	}
	if b.Traits.Clock == nil {
		return now().UTC()
	}
	b.calls++
	return now().Add(b.Traits.Clock(b.calls)).UTC()
}

func (b *Bucket) newUpload(key string, metadata http.Header) *upload {
	b.ids++
	u := &upload{key: key, number: b.ids, metadata: metadata, parts: map[int]*part{}, initiated: b.now()}
	b.uploads["upload-"+strconv.Itoa(b.ids)] = u
	return u
}

// store puts an object of ours under its key.
func (b *Bucket) store(key string, ifAbsent bool, o *Object) *refusal {
	old := b.objects[key]
	exists := &refusal{http.StatusPreconditionFailed, "PreconditionFailed"}
	if ifAbsent && (old != nil && !b.Traits.NoConditions || b.lies(key, Takes412)) {
		return exists
	}
	if old != nil && !b.free(key) && !bytes.Equal(old.Data, o.Data) {
		b.violated("%q was overwritten with other content", key)
	}
	if n := b.Traits.WrongBytes; n > 0 && len(o.Data) > 0 && !b.free(key) && hash(b.Seed, key)%uint64(n) == 0 {
		o.Data, o.Wrong = bytes.Clone(o.Data), true
		o.Data[hash(b.Seed, key, "at")%uint64(len(o.Data))] ^= 1
	}
	b.keep(key, o)
	if ifAbsent && old == nil && b.lies(key, Stores412) {
		return exists
	}
	return nil
}

func (b *Bucket) free(key string) bool { return b.Free != nil && b.Free(key) }

// GiveUp lets a run's own objects be removed.
func (b *Bucket) GiveUp(run string) {
	b.begin()
	defer b.mu.Unlock()
	b.givenUp[run] = true
}

// run is that of the import that stored an object, by its own words.
func (o *Object) run() string { return o.Metadata.Get(metaHeader + "Sledge-Run") }

func (b *Bucket) remove(key string) {
	if o := b.objects[key]; o != nil && !b.free(key) && (o.Foreign || !b.givenUp[o.run()]) {
		b.violated("%q was removed", key)
	}
	b.drop(key)
}

// find gives an upload by its id, if it is of this key.
func (b *Bucket) find(key, id, call string) (*upload, *refusal) {
	u := b.uploads[id]
	if u == nil || u.key != key {
		return nil, &refusal{http.StatusNotFound, "NoSuchUpload"}
	}
	if u.foreign {
		b.violated("%s touched somebody else's upload of %q", call, key)
	}
	return u, nil
}

// assemble makes the object out of the parts that Complete names.
func (b *Bucket) assemble(u *upload, named []completedPart, composite string, size int64) (*Object, *refusal) {
	var data, sums []byte
	var parts []*part
	for i, p := range named {
		have := u.parts[p.PartNumber]
		switch {
		case have == nil || p.ETag != etag(have.data) || !b.rightSum(u, p, have):
			return nil, &refusal{http.StatusBadRequest, "InvalidPart"}
		case i > 0 && p.PartNumber <= named[i-1].PartNumber:
			return nil, &refusal{http.StatusBadRequest, "InvalidPartOrder"}
		case i < len(named)-1 && len(have.data) < minPart:
			return nil, &refusal{http.StatusBadRequest, "EntityTooSmall"}
		}
		data, sums, parts = append(data, have.data...), append(sums, have.sum[:]...), append(parts, have)
	}
	sum := sha256.Sum256(sums)
	whole := base64.StdEncoding.EncodeToString(sum[:]) + "-" + strconv.Itoa(len(named))
	if !b.Traits.Unchecking && composite != "" && composite != whole {
		return nil, &refusal{http.StatusBadRequest, "BadDigest"}
	}
	if size >= 0 && size != int64(len(data)) {
		return nil, &refusal{http.StatusBadRequest, "InvalidRequest"}
	}
	if u.algorithm != algorithmSHA256 {
		whole = ""
	}
	return &Object{Data: data, Metadata: u.metadata, Shown: u.shown, SHA256: whole, parts: parts}, nil
}

const minPart = 5 << 20 // S3 user guide, multipart upload limits

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func etag(data []byte) string {
	return fmt.Sprintf(`"%08x%08x"`, crc32.Checksum(data, castagnoli), len(data))
}

// hash draws a number from a seed for something with a name, so that what is
// drawn does not depend on the order of calls.
func hash(seed uint64, names ...string) uint64 {
	h := sha256.New()
	fmt.Fprintf(h, "%d", seed)
	for _, name := range names {
		fmt.Fprintf(h, "\x00%s", name)
	}
	sum := h.Sum(nil)
	var v uint64
	for _, c := range sum[:8] {
		v = v<<8 | uint64(c)
	}
	return v
}
