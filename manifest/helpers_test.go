package manifest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/crypto"
)

// Keys of the tests are fixed, so that inputs found by fuzzing replay.
var (
	signerKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	deviceKey = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	otherKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, 32))
	loadKey   = bytes.Repeat([]byte{4}, 32)

	siteKey = sync.OnceValue(func() *crypto.SiteKey {
		k, err := crypto.ParseSiteKey(bytes.Repeat([]byte{5}, 32))
		if err != nil {
			panic(err)
		}
		return k
	})
)

func pub(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func testScope(t testing.TB) Scope {
	t.Helper()
	dev, err := DeviceID(pub(deviceKey))
	must(t, err)
	return Scope{Job: ID{0xa0, 1, 2}, Device: dev, Generation: 1}
}

func testJob(t testing.TB) *Job {
	t.Helper()
	scope := testScope(t)
	id := crypto.SiteKeyID(siteKey().PublicKey())
	return &Job{Version: Version, ID: scope.Job, Serial: 7, Created: time.Unix(1_700_000_000, 0).UTC(), Expires: time.Unix(1_800_000_000, 0).UTC(), Direction: "import", Site: "north",
		Devices:    []JobDevice{{ID: scope.Device, PublicKey: PublicKey{pub(deviceKey)}, Protection: "software key, unprotected"}},
		Geometry:   JobGeometry{K: 2, M: 1, BlockSize: 4096, Disks: 3},
		Recipients: []Recipient{{Kind: string(crypto.WrapSite), PublicKey: siteKey().PublicKey(), KeyID: hex.EncodeToString(id[:])}},
		Unlock:     JobUnlock{KDF: crypto.KDFParams{Kind: "pbkdf2-hmac-sha256", Salt: make([]byte, 16), Iterations: 600000}, Verifier: make([]byte, 32)},
		Target:     JobTarget{URL: "s3://bucket/prefix/", Profile: "generic"},
		Policy:     JobPolicy{FileDigest: "whole", Symlinks: "object", Directories: "object", PackSize: 1 << 30, PackSeconds: 30}}
}

func siteRecipient(key []byte) Recipient {
	id := crypto.SiteKeyID(key)
	return Recipient{Kind: string(crypto.WrapSite), PublicKey: key, KeyID: hex.EncodeToString(id[:])}
}

func testJobFile(t testing.TB) []byte {
	t.Helper()
	file, err := testJob(t).Sign(signerKey)
	must(t, err)
	return file
}

func digestOf(n int) []byte {
	sum := sha256.Sum256(fmt.Append(nil, n))
	return sum[:]
}

var testTime = time.Unix(1_700_000_000, 123_456_789).UTC()

// fileRecord is a small file with all metadata.
func fileRecord(path string) *Record {
	return &Record{Kind: KindFile, Path: path, Size: 5, Mode: 0o4755, UID: 1000, GID: 1<<32 - 1, Owner: "user", Group: "group", Mtime: testTime, Ctime: testTime.Add(1),
		SHA256: digestOf(1), CRC: 0, HasCRC: true, Extents: []Extent{{Length: 5, Pack: 3, PackOffset: 77}}, Xattrs: []Xattr{{Name: "user.a"}, {Name: "user.b", Value: []byte("v")}},
		LinkGroup: 9, Allocated: 512}
}

// largeRecord has so many parts, units, extents and attributes that each of the
// four lists continues in several records.
func largeRecord(path string) *Record {
	r := fileRecord(path)
	r.Size = 5000*UnitSize - 3
	r.PartSize, r.Extents, r.Xattrs = PartSizeFor(r.Size), nil, nil
	for i := range 5000 {
		r.Parts = append(r.Parts, digestOf(i))
		r.UnitCRCs = append(r.UnitCRCs, uint64(i)<<32)
		e := Extent{Offset: int64(i) * UnitSize, Length: UnitSize, Pack: uint64(i / 7), PackOffset: int64(i) * 1000}
		if i == 4999 {
			e.Length -= 3
		}
		if i%10 == 3 {
			e.Hole, e.Pack, e.PackOffset = true, 0, 0
		}
		r.Extents = append(r.Extents, e)
	}
	for i := range 3 {
		r.Xattrs = append(r.Xattrs, Xattr{Name: fmt.Sprintf("user.%d", i), Value: bytes.Repeat([]byte{byte(i)}, 50000)})
	}
	return r
}

func encode(t testing.TB, r *Record) [][]byte {
	t.Helper()
	b, err := r.Encode()
	must(t, err)
	return b
}

// sealedLog is a small log in memory with a page of records, as a seal writes it.
type sealedLog struct {
	keys       *Keys
	scope      Scope
	jobFile    []byte
	files      memFiles
	checkpoint []byte
	reader     *LogReader
	page       *Page
	pageAt     uint64
	pageBytes  []byte
	entry      *PageEntry
	indexPack  ID
	root       [32]byte
	size       uint64
}

// memFiles are the log files of several disks.
type memFiles []map[string][]byte

func (m memFiles) LogCopies(name string, size, max int64) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, disk := range m {
			b, ok := disk[name]
			if ok && (size == 0 || int64(len(b)) == size) && int64(len(b)) <= max && !yield(b) {
				return
			}
		}
	}
}

func (m memFiles) put(name string, data []byte) error {
	for _, disk := range m {
		if _, ok := disk["log/"+name]; ok {
			return fmt.Errorf("%s is written twice", name)
		}
		disk["log/"+name] = append([]byte(nil), data...)
	}
	return nil
}

func newSealedLog(t testing.TB, records int, pad int) *sealedLog {
	t.Helper()
	s := &sealedLog{scope: testScope(t), jobFile: testJobFile(t), files: memFiles{{}}, indexPack: ID{9, 9}}
	s.keys = NewKeys(loadKey, s.scope)
	log := NewLogWriter(s.files.put)
	add := func(b []byte, err error) uint64 {
		t.Helper()
		must(t, err)
		n, err := log.Append(b)
		must(t, err)
		return n
	}
	add((&Start{Scope: s.scope, JobSerial: 7, JobSHA256: sha256.Sum256(s.jobFile), Bays: 3}).Encode())
	for i := range pad {
		add((&Event{What: "note", Text: fmt.Sprint(i), Bay: -1}).Encode())
	}
	var page PageBuilder
	for i := range records {
		page.Add(encode(t, fileRecord(fmt.Sprintf("file-%04d", i)))[0])
	}
	s.entry = &PageEntry{Number: 0, IndexPack: 0}
	var err error
	s.pageBytes, err = page.Encrypt(s.keys, s.indexPack, s.entry)
	must(t, err)
	s.pageAt = add(s.entry.Encode())
	s.page, err = OpenPage(s.keys, s.indexPack, s.entry, s.pageBytes)
	must(t, err)
	box, err := s.keys.SealTotals(Totals{Records: uint64(records)})
	must(t, err)
	add((&End{Pages: 1, Totals: box}).Encode())
	s.size, s.root, err = log.Finish()
	must(t, err)
	s.checkpoint, err = SignCheckpoint(s.scope.Origin(), s.size, s.root, deviceKey)
	must(t, err)
	cp, err := OpenCheckpoint(s.checkpoint, s.scope.Origin(), pub(deviceKey))
	must(t, err)
	s.reader, err = OpenLog(cp, s.files)
	must(t, err)
	return s
}

func (s *sealedLog) proof(t testing.TB, i int) *Proof {
	t.Helper()
	p, err := NewProof(s.keys, s.reader, s.jobFile, s.pageAt, s.page, i)
	must(t, err)
	return p
}

func jsonRaw(s string) json.RawMessage { return json.RawMessage(s) }

// extraOf and withExtra read and replace the extra line of a proof's text.
func extraOf(text []byte) string {
	_, rest, _ := strings.Cut(string(text), "extra ")
	extra, _, _ := strings.Cut(rest, "\n")
	return extra
}

func withExtra(text, raw []byte) []byte {
	return []byte(strings.Replace(string(text), extraOf(text), base64.StdEncoding.EncodeToString(raw), 1))
}

// second drops a result beside an error.
func second[T any](_ T, err error) error { return err }

// signNote signs any text as a note of the device's.
func signNote(text, name string) ([]byte, error) {
	signer, err := crypto.NoteSigner(name, deviceKey)
	if err != nil {
		return nil, err
	}
	return crypto.SignNote(text, signer)
}

func signText(t testing.TB, text, name string) []byte {
	t.Helper()
	msg, err := signNote(text, name)
	must(t, err)
	return msg
}

func hexOf(b []byte) string { return hex.EncodeToString(b) }
