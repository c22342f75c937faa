package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"github.com/sledge-io/sledge/crypto"
)

func TestProof(t *testing.T) {
	for _, n := range []int{1, 2, 3, 7, 300} {
		s := newSealedLog(t, n, 5*n)
		for i := 0; i < n; i += 1 + n/10 {
			p := s.proof(t, i)
			text := p.Encode()
			if len(text) > 8<<10 {
				t.Errorf("a proof of %d bytes", len(text))
			}
			got, err := ParseProof(text)
			if err != nil || !bytes.Equal(got.Encode(), text) {
				t.Fatalf("record %d of %d: %v", i, n, err)
			}
			job, cp, r, err := got.Verify(pub(signerKey))
			if err != nil || job.ID != s.scope.Job || cp.Root != s.root || r.Path != fmt.Sprintf("file-%04d", i) {
				t.Fatalf("record %d of %d: %v", i, n, err)
			}
			if _, _, _, err := got.Verify(pub(otherKey)); !errors.Is(err, ErrUnverified) {
				t.Errorf("another signer: error %v", err)
			}
		}
	}
}

// verified is what a verified proof says.
type verified struct {
	job    *Job
	origin string
	size   uint64
	root   [32]byte
	record *Record
	raw    []byte
}

func verifyText(text []byte) (*verified, error) {
	p, err := ParseProof(text)
	if err != nil {
		return nil, err
	}
	job, cp, r, err := p.Verify(pub(signerKey))
	if err != nil {
		return nil, err
	}
	return &verified{job, cp.Origin, cp.Size, cp.Root, r, p.Record}, nil
}

// TestProofFlips flips every bit of a proof's text and of what its extra line
// holds: none may verify and say anything else.
func TestProofFlips(t *testing.T) {
	s := newSealedLog(t, 5, 7)
	text := s.proof(t, 2).Encode()
	want, err := verifyText(text)
	must(t, err)
	same := 0
	check := func(what string, bit int, text []byte) {
		t.Helper()
		got, err := verifyText(text)
		if err == nil {
			same++
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("%s: bit %d: it verifies and says something else", what, bit)
			}
			return
		}
		if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnverified) && !errors.Is(err, ErrUnsupportedVersion) {
			t.Fatalf("%s: bit %d: untyped error %v", what, bit, err)
		}
	}
	extra := bytes.Index(text, []byte("\nindex "))
	for bit := range len(text) * 8 {
		if at := bit / 8; at > 100 && at < extra-100 && at%7 != 0 {
			continue // the extra line, which is flipped bit by bit below
		}
		b := bytes.Clone(text)
		b[bit/8] ^= 1 << (bit % 8)
		check("text", bit, b)
	}
	t.Logf("%d flips of the text change nothing that is verified", same)
	raw, err := decodeBase64(extraOf(text))
	must(t, err)
	same = 0
	for bit := range len(raw) * 8 {
		b := bytes.Clone(raw)
		b[bit/8] ^= 1 << (bit % 8)
		check("extra line", bit, withExtra(text, b))
	}
	// Not signed: the envelope's key id (a hint, 64 digits), the claimed number of leaves.
	if same > 64*8+16 {
		t.Errorf("%d flips of the extra line change nothing that is verified", same)
	}
}

func TestProofSwapped(t *testing.T) {
	s := newSealedLog(t, 5, 7)
	foreign := newSealedLog(t, 5, 8)
	otherJob := testJob(t)
	otherJob.ID[0]++
	otherFile, err := otherJob.Sign(signerKey)
	must(t, err)
	fresh := func() *Proof { return s.proof(t, 2) }
	entry := func(at uint64) []byte {
		b, err := s.reader.Entry(at)
		must(t, err)
		return b
	}
	for name, f := range map[string]func(p *Proof){
		"another record":           func(p *Proof) { p.Record = s.page.Records[3] },
		"another salt":             func(p *Proof) { p.Salt = s.keys.Salt(s.indexPack, 0, 3) },
		"another index":            func(p *Proof) { p.Index = 3 },
		"index beyond the page":    func(p *Proof) { p.Index = 5 },
		"another page's path":      func(p *Proof) { p.PagePath = s.proof(t, 3).PagePath },
		"no page path":             func(p *Proof) { p.PagePath = nil },
		"another log path":         func(p *Proof) { p.LogPath = foreign.proof(t, 2).LogPath },
		"another log's checkpoint": func(p *Proof) { p.Checkpoint = foreign.checkpoint },
		"another position":         func(p *Proof) { p.Position-- },
		"another job":              func(p *Proof) { p.JobFile = otherFile },
		"page entry of another":    func(p *Proof) { p.PageEntry, _ = foreign.entry.Encode() },
		"an entry that is no page": func(p *Proof) {
			p.PageEntry, p.Position = entry(1), 1
			p.LogPath, _ = s.reader.Inclusion(1)
		},
		"a start entry": func(p *Proof) {
			p.PageEntry, p.Position = entry(0), 0
			p.LogPath, _ = s.reader.Inclusion(0)
		},
		"checkpoint of no device": func(p *Proof) { p.Checkpoint = signText(t, "sledge/x/y/1\n1\nAAAA\n", "sledge/x/y/1") },
		"checkpoint by another":   func(p *Proof) { p.Checkpoint, _ = SignCheckpoint(s.scope.Origin(), s.size, s.root, otherKey) },
		"an empty checkpoint":     func(p *Proof) { p.Checkpoint = nil },
		"job file by another":     func(p *Proof) { p.JobFile, _ = testJob(t).Sign(otherKey) },
		"record in another's page": func(p *Proof) {
			q := foreign.proof(t, 2)
			p.PageEntry, p.PagePath, p.Salt = q.PageEntry, q.PagePath, q.Salt
		},
		"number of leaves impossible": func(p *Proof) { p.PageSize = 1024 },
	} {
		p := fresh()
		f(p)
		if _, _, _, err := p.Verify(pub(signerKey)); !errors.Is(err, ErrUnverified) && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	if _, _, _, err := fresh().Verify(pub(signerKey)); err != nil {
		t.Errorf("template: %v", err)
	}
}

// TestProofOfContinuation: a proof shows an entry, not a piece of one.
func TestProofOfContinuation(t *testing.T) {
	keys := NewKeys(loadKey, testScope(t))
	records := encode(t, largeRecord("large"))
	var page PageBuilder
	for _, b := range records[:4] {
		page.Add(b)
	}
	e := &PageEntry{}
	ct, err := page.Encrypt(keys, ID{1}, e)
	must(t, err)
	opened, err := OpenPage(keys, ID{1}, e, ct)
	must(t, err)
	raw, err := e.Encode()
	must(t, err)
	files := memFiles{{}}
	w := NewLogWriter(files.put)
	w.Append(raw)
	size, root, err := w.Finish()
	must(t, err)
	msg, err := SignCheckpoint(keys.Scope.Origin(), size, root, deviceKey)
	must(t, err)
	log, err := OpenLog(Checkpoint{Origin: keys.Scope.Origin(), Size: size, Root: root, Text: msg}, files)
	must(t, err)
	for i, want := range []error{nil, ErrCorrupt, ErrCorrupt, ErrCorrupt} {
		p, err := NewProof(keys, log, testJobFile(t), 0, opened, i)
		must(t, err)
		_, _, r, err := p.Verify(pub(signerKey))
		if !errors.Is(err, want) || err == nil && r.Path != "large" {
			t.Errorf("record %d: %v", i, err)
		}
	}
}

func TestParseProofRefused(t *testing.T) {
	s := newSealedLog(t, 3, 3)
	text := string(s.proof(t, 1).Encode())
	replace := func(old, new string) []byte {
		if !bytes.Contains([]byte(text), []byte(old)) {
			t.Fatalf("no %q in the proof", old)
		}
		return bytes.Replace([]byte(text), []byte(old), []byte(new), 1)
	}
	index := fmt.Sprintf("\nindex %d\n", s.pageAt)
	raw, _ := decodeBase64(extraOf([]byte(text)))
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"another header":       replace("tlog-proof@v1", "tlog-proof@v2"),
		"no extra line":        replace("extra ", ""),
		"empty extra line":     withExtra([]byte(text), nil),
		"version alone":        withExtra([]byte(text), []byte{Version}),
		"extra line cut":       withExtra([]byte(text), raw[:len(raw)-1]),
		"no index line":        replace(index, "\n"),
		"index with a sign":    replace("\nindex ", "\nindex +"),
		"index with a zero":    replace("\nindex ", "\nindex 0"),
		"index negative":       replace("\nindex ", "\nindex -"),
		"index beyond any log": replace(index, "\nindex 1099511627776\n"),
		"index too large":      replace(index, "\nindex 9223372036854775807\n"),
		"carriage return":      replace(index, index[:len(index)-1]+"\r\n"),
		"CR in the extra line": replace("extra AQ", "extra A\rQ"),
		"CR in the path":       replace(index, index+"\r"),
		"short hash":           replace(index, index+"AAAA\n"),
		"bad base64":           replace(index, index+"****\n"),
		"no checkpoint":        []byte(text)[:bytes.Index([]byte(text), []byte("\n\n"))],
		"67 hashes":            replace(index, index+string(bytes.Repeat([]byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"), 67))),
		"too long":             append([]byte(text), make([]byte, MaxProof)...),
	} {
		if _, err := ParseProof(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func testWrap(t testing.TB) (*Wrap, []byte) {
	t.Helper()
	scope := testScope(t)
	body, err := crypto.WrapToSite(siteKey().PublicKey(), loadKey, scope.Binding())
	must(t, err)
	id := crypto.SiteKeyID(siteKey().PublicKey())
	w := &Wrap{Kind: WrapHPKE, Scope: scope, KeyID: id[:], Body: body}
	return w, w.Encode()
}

func TestWrap(t *testing.T) {
	w, b := testWrap(t)
	got, err := DecodeWrap(b)
	if err != nil || !reflect.DeepEqual(got, w) {
		t.Fatalf("%+v, %v", got, err)
	}
	if k, err := siteKey().Unwrap(got.Body, got.Scope.Binding()); err != nil || !bytes.Equal(k, loadKey) {
		t.Fatalf("unwrap: %v", err)
	}
	// Every flipped bit: refused, or it does not unwrap, or it is the hint of the
	// recipient's key id (whose wrap entry is signed).
	for bit := range len(b) * 8 {
		c := bytes.Clone(b)
		c[bit/8] ^= 1 << (bit % 8)
		got, err := DecodeWrap(c)
		if err != nil {
			if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupportedVersion) {
				t.Fatalf("bit %d: untyped error %v", bit, err)
			}
			continue
		}
		k, err := siteKey().Unwrap(got.Body, got.Scope.Binding())
		if err == nil && (!bytes.Equal(k, loadKey) || got.Scope != w.Scope || bytes.Equal(got.KeyID, w.KeyID) && got.Kind == w.Kind) {
			t.Fatalf("bit %d: it unwraps and says something else", bit)
		}
		if err != nil && !errors.Is(err, crypto.ErrKey) && got.Kind == WrapHPKE {
			t.Fatalf("bit %d: error %v", bit, err)
		}
	}
	code := &Wrap{Kind: WrapUnlock, Scope: w.Scope, Body: []byte("body")}
	if got, err := DecodeWrap(code.Encode()); err != nil || !reflect.DeepEqual(got, code) {
		t.Errorf("unlock wrap: %+v, %v", got, err)
	}
	for name, w := range map[string]*Wrap{
		"no job":         {Kind: WrapHPKE, Scope: Scope{Device: w.Scope.Device, Generation: 1}, Body: []byte{1}},
		"no device":      {Kind: WrapHPKE, Scope: Scope{Job: w.Scope.Job, Generation: 1}, Body: []byte{1}},
		"no generation":  {Kind: WrapHPKE, Scope: Scope{Job: w.Scope.Job, Device: w.Scope.Device}, Body: []byte{1}},
		"no body":        {Kind: WrapHPKE, Scope: w.Scope},
		"short key id":   {Kind: WrapHPKE, Scope: w.Scope, KeyID: []byte{1}, Body: []byte{1}},
		"over the limit": {Kind: WrapHPKE, Scope: w.Scope, Body: make([]byte, MaxWrap)},
	} {
		if _, err := DecodeWrap(w.Encode()); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
	for _, b := range [][]byte{nil, {Version}} {
		if _, err := DecodeWrap(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%x: error %v", b, err)
		}
	}
}
