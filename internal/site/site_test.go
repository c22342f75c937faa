package site

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	mathrand "math/rand"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/testlimit"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

var testTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func testSite(t *testing.T, o Options) (*Site, *vfs.Mem) {
	t.Helper()
	mem := vfs.NewMem(vfs.MemOptions{})
	o.Name = "Site of the test"
	if _, err := Init(mem, o); err != nil {
		t.Fatal(err)
	}
	s, err := Open(mem)
	if err != nil {
		t.Fatal(err)
	}
	return s, mem
}

func deviceKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, 32))
}

func testParams(keys ...ed25519.PrivateKey) JobParams {
	p := JobParams{
		Geometry: manifest.JobGeometry{K: 3, M: 2, BlockSize: 4096, Disks: 5},
		Policy:   manifest.JobPolicy{FileDigest: "whole", Symlinks: "object", Directories: "object", PackSize: 1 << 30, PackSeconds: 30},
		Target:   manifest.JobTarget{URL: "s3://bucket/", Profile: "generic"},
		Expires:  testTime.AddDate(0, 3, 0), Protection: "software key, unprotected",
		FIPS: true, Now: testTime, Rand: rand.Reader, // PBKDF2 is quicker than Argon2id here
	}
	for _, k := range keys {
		p.Devices = append(p.Devices, k.Public().(ed25519.PublicKey))
	}
	return p
}

func TestInit(t *testing.T) {
	s, mem := testSite(t, Options{Recovery: true})
	for name, want := range map[string]fs.FileMode{
		"signer.key": 0o600, "importer.key": 0o600, "acceptor.key": 0o600, identityName: 0o600,
		"signer.pub": 0o644, "importer.pub": 0o644, "acceptor.pub": 0o644,
	} {
		info, err := mem.Stat(name)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if recipients, err := s.Recipients(); err != nil || len(recipients) != 1 || !strings.HasPrefix(recipients[0], "age1pq1") {
		t.Errorf("recipients %v, %v", recipients, err)
	}
	if _, err := Init(mem, Options{Name: "again"}); !errors.Is(err, ErrExists) {
		t.Errorf("second init: %v", err)
	}
	if _, err := Open(vfs.NewMem(vfs.MemOptions{})); !errors.Is(err, ErrNoSite) {
		t.Errorf("empty folder: %v", err)
	}
	for _, name := range []string{"", "a\nb", strings.Repeat("x", 257)} {
		if _, err := Init(vfs.NewMem(vfs.MemOptions{}), Options{Name: name}); err == nil {
			t.Errorf("name %q is accepted", name)
		}
	}
	if _, err := Init(vfs.NewMem(vfs.MemOptions{}), Options{Name: "x", Recipients: []string{"age1nonsense"}}); err == nil {
		t.Error("malformed recipient is accepted")
	}
}

// TestInitCrash: power is cut at every operation; the next Init ends with a
// site, and never replaces a key that was there.
func TestInitCrash(t *testing.T) {
	for at := int64(1); ; at++ {
		mem := vfs.NewMem(vfs.MemOptions{})
		mem.OnOp(func(vfs.Op) error {
			if mem.Ops() >= at {
				mem.Halt()
			}
			return nil
		})
		_, first := Init(mem, Options{Name: "x"})
		back := mem.CrashClone(mathrand.New(mathrand.NewSource(at)), 50)
		before, _ := vfs.ReadFile(back, "signer.key", maxKeyFile)
		_, err := Init(back, Options{Name: "x"})
		if err != nil && !errors.Is(err, ErrExists) {
			t.Fatalf("op %d: %v", at, err)
		}
		after, err := vfs.ReadFile(back, "signer.key", maxKeyFile)
		if err != nil || before != nil && !bytes.Equal(before, after) {
			t.Fatalf("op %d: the key was replaced, %v", at, err)
		}
		if first == nil {
			return
		}
	}
}

func TestCreateJob(t *testing.T) {
	s, mem := testSite(t, Options{})
	made, err := s.CreateJob(testParams(deviceKey(1), deviceKey(2)))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := s.PublicKey(Signer)
	if err != nil {
		t.Fatal(err)
	}
	job, err := manifest.OpenJob(made.File, signer)
	if err != nil {
		t.Fatal(err)
	}
	if len(job.Devices) != 2 || job.Site != s.Name || job.Unlock.KDF.Kind != crypto.KDFPBKDF2 || len(job.Recipients) != 1 {
		t.Errorf("job %+v", job)
	}
	if _, err := job.Unlock.KDF.Unlock(made.Code, job.Unlock.Verifier); err != nil {
		t.Errorf("the code does not unlock: %v", err)
	}
	if again, _, err := s.Job(job.ID); err != nil || again.ID != job.ID {
		t.Errorf("kept job: %v", err)
	}
	key, err := s.SiteKey(job.ID)
	if err != nil || !bytes.Equal(key.PublicKey(), job.Recipients[0].PublicKey) {
		t.Errorf("kept key: %v", err)
	}
	if info, err := mem.Stat(jobFolder(job.ID) + "/site.key"); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("site.key: %v", err)
	}
	if _, _, err := s.Job(manifest.ID{9}); !errors.Is(err, ErrUnknownJob) {
		t.Errorf("unknown job: %v", err)
	}
}

func TestCreateJobRefusals(t *testing.T) {
	s, mem := testSite(t, Options{})
	for name, change := range map[string]func(*JobParams){
		"no device":       func(p *JobParams) { p.Devices = nil },
		"device twice":    func(p *JobParams) { p.Devices = append(p.Devices, p.Devices[0]) },
		"expired":         func(p *JobParams) { p.Expires = testTime },
		"too few disks":   func(p *JobParams) { p.Geometry.Disks = 4 },
		"no parity":       func(p *JobParams) { p.Geometry.M = 0 },
		"odd block size":  func(p *JobParams) { p.Geometry.BlockSize = 5000 },
		"unknown symlink": func(p *JobParams) { p.Policy.Symlinks = "maybe" },
	} {
		p := testParams(deviceKey(1))
		change(&p)
		if _, err := s.CreateJob(p); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if left, err := mem.ReadDir(jobsFolder); err != nil || len(left) != 0 {
		t.Errorf("refused jobs left %v, %v", left, err)
	}
}

func TestRecovery(t *testing.T) {
	s, _ := testSite(t, Options{Recovery: true})
	p := testParams(deviceKey(1))
	p.FIPS = false
	made, err := s.CreateJob(p)
	if err != nil {
		t.Fatal(err)
	}
	if len(made.Job.Recipients) != 2 || made.Job.Unlock.KDF.Kind != crypto.KDFArgon2id {
		t.Errorf("recipients %+v", made.Job.Recipients)
	}
}

// bundle is what a device would hand over: made here by the format's own rules.
type bundle struct {
	manifest.WrapCheck
	scope manifest.Scope
	k     []byte
	key   ed25519.PrivateKey
}

func testBundle(t *testing.T, made *NewJob, key ed25519.PrivateKey) *bundle {
	t.Helper()
	id, err := manifest.DeviceID(key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	b := &bundle{scope: manifest.Scope{Job: made.Job.ID, Device: id, Generation: 1}, k: bytes.Repeat([]byte{5}, 32), key: key}
	b.JobSHA256 = sha256.Sum256(made.File)
	b.wrap(t, made.Job.Recipients[0].PublicKey, b.k, b.scope)
	b.pack(t, b.k, b.scope)
	return b
}

func (b *bundle) wrap(t *testing.T, pub, k []byte, scope manifest.Scope) {
	t.Helper()
	body, err := crypto.WrapToSite(pub, k, scope.Binding())
	if err != nil {
		t.Fatal(err)
	}
	keyID := crypto.SiteKeyID(pub)
	b.Wrap = (&manifest.Wrap{Kind: manifest.WrapHPKE, Scope: scope, KeyID: keyID[:], Body: body}).Encode()
	b.entry(t, [16]byte(crypto.KeyCheck(b.k)))
}

func (b *bundle) entry(t *testing.T, check [16]byte) {
	t.Helper()
	e := manifest.WrapEntry{Kind: manifest.WrapHPKE, SHA256: sha256.Sum256(b.Wrap), Recipients: [][32]byte{{1}}, Check: check, Generation: b.scope.Generation}
	var err error
	if b.WrapEntry, err = e.Encode(); err != nil {
		t.Fatal(err)
	}
	b.WrapSignature = manifest.SignEntry(b.key, manifest.WrapEntryContext, b.scope, b.WrapEntry)
}

func (b *bundle) pack(t *testing.T, k []byte, scope manifest.Scope) {
	t.Helper()
	id := manifest.ID{0xaa}
	_, header, err := crypto.NewFloeEncryptor(crypto.DefaultFloe(), crypto.Derive(k, "pack", id[:], 32), scope.PackAD(id))
	if err != nil {
		t.Fatal(err)
	}
	p := manifest.Pack{ID: id, Header: header, Geometry: manifest.Geometry{K: 3, M: 2, BlockSize: 4096}, BodySize: 100, Segments: 1,
		Bays: []byte{0, 1, 2, 3, 4}, Root: [32]byte{1}, Pieces: make([][32]byte, 5)}
	if b.PackEntry, err = p.Encode(); err != nil {
		t.Fatal(err)
	}
	b.PackSignature = manifest.SignEntry(b.key, manifest.PackEntryContext, b.scope, b.PackEntry)
}

func TestCheckWrap(t *testing.T) {
	s, _ := testSite(t, Options{})
	made, err := s.CreateJob(testParams(deviceKey(1)))
	if err != nil {
		t.Fatal(err)
	}
	b := testBundle(t, made, deviceKey(1))
	file := b.Encode()
	answer, err := s.CheckWrap(file)
	if err != nil {
		t.Fatal(err)
	}
	want := manifest.WrapAnswer(b.k, file)
	if answer.Code != want || answer.Scope != b.scope || len(want) != 11 {
		t.Errorf("answer %+v, want %s", answer, want)
	}
	if !manifest.SameWrapAnswer(strings.ToLower(" "+want[:5]+want[6:]), want) || manifest.SameWrapAnswer("00000-00000", want) {
		t.Error("answers compare wrongly")
	}
}

// TestCheckWrapRefusals: one lie each.
func TestCheckWrapRefusals(t *testing.T) {
	s, _ := testSite(t, Options{})
	made, err := s.CreateJob(testParams(deviceKey(1)))
	if err != nil {
		t.Fatal(err)
	}
	other, err := s.CreateJob(testParams(deviceKey(1)))
	if err != nil {
		t.Fatal(err)
	}
	stranger, _ := testSite(t, Options{})
	foreign, err := stranger.CreateJob(testParams(deviceKey(1)))
	if err != nil {
		t.Fatal(err)
	}
	pub := made.Job.Recipients[0].PublicKey
	anotherK := bytes.Repeat([]byte{6}, 32)
	tests := []struct {
		name string
		made *NewJob
		key  ed25519.PrivateKey
		harm func(b *bundle)
		want error
	}{
		{"job of another site", foreign, deviceKey(1), func(*bundle) {}, ErrUnknownJob},
		{"device not in the job", made, deviceKey(2), func(*bundle) {}, manifest.ErrUnverified},
		{"another job file", made, deviceKey(1), func(b *bundle) { b.JobSHA256[0]++ }, manifest.ErrUnverified},
		{"wrap to another job's key", made, deviceKey(1), func(b *bundle) { b.wrap(t, other.Job.Recipients[0].PublicKey, b.k, b.scope) }, crypto.ErrKey},
		{"wrap of another key", made, deviceKey(1), func(b *bundle) { b.wrap(t, pub, anotherK, b.scope) }, crypto.ErrKey},
		{"wrap of another generation", made, deviceKey(1), func(b *bundle) {
			b.wrap(t, pub, b.k, manifest.Scope{Job: b.scope.Job, Device: b.scope.Device, Generation: 2})
		}, manifest.ErrUnverified},
		{"wrap changed", made, deviceKey(1), func(b *bundle) { b.Wrap[len(b.Wrap)-1] ^= 1 }, manifest.ErrUnverified},
		{"wrap entry changed", made, deviceKey(1), func(b *bundle) { b.WrapEntry[len(b.WrapEntry)-1] ^= 1 }, manifest.ErrUnverified},
		{"another check", made, deviceKey(1), func(b *bundle) { b.entry(t, [16]byte{1}) }, crypto.ErrKey},
		{"pack under another key", made, deviceKey(1), func(b *bundle) { b.pack(t, anotherK, b.scope) }, crypto.ErrKey},
		{"pack of another job", made, deviceKey(1), func(b *bundle) {
			b.pack(t, b.k, manifest.Scope{Job: manifest.ID{1}, Device: b.scope.Device, Generation: 1})
		}, crypto.ErrKey},
		{"pack entry changed", made, deviceKey(1), func(b *bundle) { b.PackEntry[10] ^= 1 }, manifest.ErrUnverified},
		{"signatures exchanged", made, deviceKey(1), func(b *bundle) { b.PackSignature, b.WrapSignature = b.WrapSignature, b.PackSignature }, manifest.ErrUnverified},
		{"wrap entry as pack entry", made, deviceKey(1), func(b *bundle) {
			b.PackEntry = b.WrapEntry
			b.PackSignature = manifest.SignEntry(b.key, manifest.PackEntryContext, b.scope, b.PackEntry)
		}, manifest.ErrCorrupt},
		{"no pack", made, deviceKey(1), func(b *bundle) { b.PackEntry, b.PackSignature = nil, nil }, manifest.ErrCorrupt},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := testBundle(t, test.made, test.key)
			test.harm(b)
			if answer, err := s.CheckWrap(b.Encode()); !errors.Is(err, test.want) || answer.Code != "" {
				t.Errorf("%v, %v; want %v", answer, err, test.want)
			}
		})
	}
}

func FuzzDecodeWrapCheck(f *testing.F) {
	good := (&manifest.WrapCheck{Wrap: []byte{1}, WrapEntry: []byte{2}, WrapSignature: make([]byte, 64), PackEntry: []byte{3}, PackSignature: make([]byte, 64)}).Encode()
	f.Add(good)
	f.Add(good[:len(good)-1])
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		c, err := manifest.DecodeWrapCheck(b)
		if err != nil {
			return
		}
		// Unknown fields that are not critical are skipped, so the bytes may differ.
		again, err := manifest.DecodeWrapCheck(c.Encode())
		if err != nil || !reflect.DeepEqual(again, c) {
			t.Errorf("re-encoding changes it: %v", err)
		}
	})
}

func TestParseSiteKey(t *testing.T) {
	good := strings.Repeat("ab", 32)
	for text, ok := range map[string]bool{
		good: true, "# note\n\n" + good + "\n": true,
		"": false, good + "\n" + good: false, good[2:]: false, "zz" + good[2:]: false,
	} {
		_, err := ParseSiteKey([]byte(text))
		if (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(fmt.Sprint(err), "abab") {
			t.Errorf("the error repeats the key: %v", err)
		}
	}
}

// TestNotOverwritten: what lies in the place of a key stays.
func TestNotOverwritten(t *testing.T) {
	mem := vfs.NewMem(vfs.MemOptions{})
	if err := durable.WriteFile(mem, "importer.pub", []byte("something else")); err != nil {
		t.Fatal(err)
	}
	if _, err := Init(mem, Options{Name: "x"}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("init over a file: %v", err)
	}
}

func TestKeepAcceptance(t *testing.T) {
	s, disk := testSite(t, Options{})
	made, err := s.CreateJob(testParams(deviceKey(1)))
	if err != nil {
		t.Fatal(err)
	}
	job := made.Job
	name, err := s.KeepAcceptance(job.ID, []byte("one"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := s.KeepAcceptance(job.ID, []byte("one")); err != nil || again != name {
		t.Errorf("the same again: %q %v", again, err)
	}
	if other, err := s.KeepAcceptance(job.ID, []byte("two")); err != nil || other == name {
		t.Errorf("another one: %q %v", other, err)
	}
	if b, err := vfs.ReadFile(disk, name, 100); err != nil || string(b) != "one" {
		t.Errorf("%q %v", b, err)
	}
	if _, err := s.KeepAcceptance(manifest.ID{1}, []byte("one")); !errors.Is(err, ErrUnknownJob) {
		t.Errorf("a job of another site: %v", err)
	}
}
