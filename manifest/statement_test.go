package manifest

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/crypto"
)

func TestJob(t *testing.T) {
	file := testJobFile(t)
	job, err := OpenJob(file, pub(signerKey))
	must(t, err)
	want := testJob(t)
	want.Critical, want.Signer = []string{}, PublicKey{pub(signerKey)}
	want.Roles = JobRoles{Importer: []PublicKey{}, Acceptor: []PublicKey{}}
	a, _ := json.Marshal(job)
	b, _ := json.Marshal(want)
	if !bytes.Equal(a, b) {
		t.Errorf("read back as\n%s, want\n%s", a, b)
	}
	if _, err := OpenJob(file, pub(otherKey)); !errors.Is(err, ErrUnverified) {
		t.Errorf("another signer: error %v", err)
	}
	if peeked, err := PeekJob(file); err != nil || peeked.ID != job.ID {
		t.Errorf("peek: %v", err)
	}
	// The payload's signature, byte for byte.
	for bit := range len(file) * 8 {
		if at := bit / 8; at > 200 && at < len(file)-250 && at%7 != 0 {
			continue
		}
		c := bytes.Clone(file)
		c[bit/8] ^= 1 << (bit % 8)
		got, err := OpenJob(c, pub(signerKey))
		if err == nil {
			if again, _ := json.Marshal(got); !bytes.Equal(again, a) {
				t.Fatalf("bit %d: it verifies and says something else", bit)
			}
		}
	}
}

func TestJobRefused(t *testing.T) {
	for name, f := range map[string]func(j *Job){
		"no id":                func(j *Job) { j.ID = ID{} },
		"no serial":            func(j *Job) { j.Serial = 0 },
		"export":               func(j *Job) { j.Direction = "export" },
		"no devices":           func(j *Job) { j.Devices = nil },
		"1,025 devices":        func(j *Job) { j.Devices = make([]JobDevice, 1025) },
		"foreign device id":    func(j *Job) { j.Devices[0].ID[0]++ },
		"device without a key": func(j *Job) { j.Devices[0].PublicKey = PublicKey{} },
		"no parity":            func(j *Job) { j.Geometry.M = 0 },
		"k = 0":                func(j *Job) { j.Geometry.K = 0 },
		"33 shards":            func(j *Job) { j.Geometry.K, j.Geometry.Disks = 32, 64 },
		"too few disks":        func(j *Job) { j.Geometry.Disks = 2 },
		"65 disks":             func(j *Job) { j.Geometry.Disks = 65 },
		"odd block size":       func(j *Job) { j.Geometry.BlockSize = 5000 },
		"no recipients":        func(j *Job) { j.Recipients = nil },
		"17 recipients":        func(j *Job) { j.Recipients = make([]Recipient, 17) },
		"short site key":       func(j *Job) { j.Recipients[0] = siteRecipient(make([]byte, 1215)) },
		"long site key":        func(j *Job) { j.Recipients[0] = siteRecipient(make([]byte, 1217)) },
		"unknown recipient":    func(j *Job) { j.Recipients[0].Kind = "m-of-n" },
		"foreign key id":       func(j *Job) { j.Recipients[0].KeyID = strings.Repeat("0", 64) },
		"no site": func(j *Job) {
			id := crypto.AgeKeyID("age1x")
			j.Recipients = []Recipient{{Kind: string(crypto.WrapAge), Recipient: "age1x", KeyID: hexOf(id[:])}}
		},
		"short verifier":     func(j *Job) { j.Unlock.Verifier = nil },
		"KDF without rounds": func(j *Job) { j.Unlock.KDF.Iterations = 0 },
		"65 importers":       func(j *Job) { j.Roles.Importer = make([]PublicKey, 65) },
		"65 acceptors":       func(j *Job) { j.Roles.Acceptor = make([]PublicKey, 65) },
		"file digest":        func(j *Job) { j.Policy.FileDigest = "none" },
		"symlinks":           func(j *Job) { j.Policy.Symlinks = "" },
		"directories":        func(j *Job) { j.Policy.Directories = "x" },
		"pack size":          func(j *Job) { j.Policy.PackSize = MinPackSize - 1 },
		"large pack size":    func(j *Job) { j.Policy.PackSize = MaxPackSize + 1 },
		"pack seconds":       func(j *Job) { j.Policy.PackSeconds = 0 },
	} {
		j := testJob(t)
		f(j)
		if _, err := j.Sign(signerKey); err == nil {
			t.Errorf("%s: signed", name)
			continue
		}
		// As a hostile signer would write it.
		j.Signer = PublicKey{pub(signerKey)}
		env, err := SignStatement(PredicateJob, nil, j, signerKey)
		if err != nil {
			continue // cannot be written down
		}
		if _, err := OpenJob(env, pub(signerKey)); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
		if _, err := PeekJob(env); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s, unverified: error %v", name, err)
		}
	}
	j := testJob(t)
	j.Critical, j.Signer = []string{}, PublicKey{pub(otherKey)}
	env, err := SignStatement(PredicateJob, nil, j, signerKey)
	must(t, err)
	if _, err := OpenJob(env, pub(signerKey)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("another signer named: error %v", err)
	}
}

// TestJobWithoutKey: an unsigned job whose device has no key must not reach a
// signature check, which would panic.
func TestJobWithoutKey(t *testing.T) {
	good, err := json.Marshal(testJob(t))
	must(t, err)
	key, _ := json.Marshal(PublicKey{pub(deviceKey)})
	for _, value := range []string{`""`, `null`, `"AAAA"`, `"MCowBQYDK2VwAyEA"`, `7`} {
		payload := bytes.Replace(good, key, []byte(value), 1)
		if bytes.Equal(payload, good) {
			t.Fatal("no key in the job")
		}
		env, err := SignStatement(PredicateJob, nil, json.RawMessage(payload), signerKey)
		must(t, err)
		if _, err := PeekJob(env); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", value, err)
		}
	}
}

func TestStatement(t *testing.T) {
	st := SealStatement{Version: Version, Job: ID{1}, Critical: []string{}, Device: ID{2}, Generation: 1, LogRoot: make([]byte, 32), AbsentBays: []int{}, WrapCheck: "answered", Sealed: testTime, ScanComplete: true}
	env, err := SignStatement(PredicateSeal, []Subject{SHA256Subject("checkpoint", []byte("abc"))}, st, deviceKey, otherKey)
	must(t, err)
	var got SealStatement
	full, signers, err := OpenStatement(env, PredicateSeal, &got, pub(signerKey), pub(otherKey))
	if err != nil || !reflect.DeepEqual(got, st) || len(signers) != 1 || !signers[0].Equal(pub(otherKey)) {
		t.Errorf("%+v by %d, %v", got, len(signers), err)
	}
	if full.Subject[0].Digest["sha256"] != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("subject %+v", full.Subject)
	}
	if _, _, err := OpenStatement(env, PredicateSeal, &got, pub(signerKey)); !errors.Is(err, ErrUnverified) {
		t.Errorf("nobody's key: error %v", err)
	}
	if _, _, err := OpenStatement(env, PredicateReceipt, &got, pub(deviceKey)); !errors.Is(err, ErrCorrupt) || errors.Is(err, ErrUnsupportedVersion) {
		t.Errorf("another kind: error %v", err)
	}
	if _, _, err := OpenStatement(append(env, bytes.Repeat([]byte(" "), MaxStatement)...), PredicateSeal, &got, pub(deviceKey)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("too long: error %v", err)
	}
	if _, err := SignStatement(PredicateSeal, nil, strings.Repeat("x", MaxStatement), deviceKey); err == nil {
		t.Error("a statement over the limit was signed")
	}
	sign := func(payload string) []byte {
		env, err := crypto.SignDSSE(PayloadType, []byte(payload), deviceKey)
		must(t, err)
		return env
	}
	head := `{"_type": "https://in-toto.io/Statement/v1", "subject": [], "predicateType": "` + PredicateSeal + `", "predicate": `
	for name, payload := range map[string]string{
		"template":               head + `{"version": 1, "critical": [], "unknown": {"a": [1, {"b": 2}]}}}`,
		"not JSON":               `seal`,
		"no version":             head + `{"critical": []}}`,
		"version is text":        head + `{"version": "0"}}`,
		"version is null":        head + `{"version": null}}`,
		"critical is text":       head + `{"version": 1, "critical": "x"}}`,
		"no predicate":           strings.TrimSuffix(head, `, "predicate": `) + `}`,
		"another statement type": strings.Replace(head, "Statement/v1", "Statement/v0.1", 1) + `{"version": 1}}`,
		"job is no id":           head + `{"version": 1, "job": "ABC"}}`,
		"name twice":             head + `{"version": 1, "disks": 3, "disks": 4}}`,
		"name twice inside":      head + `{"version": 1, "unknown": [{"a": 1, "a": 1}]}}`,
		"version twice":          head + `{"version": 1, "version": 1}}`,
		"predicate twice":        head + `{"version": 1}, "predicate": {"version": 1}}`,
	} {
		_, _, err := OpenStatement(sign(payload), PredicateSeal, &SealStatement{}, pub(deviceKey))
		if name == "template" {
			must(t, err)
		} else if !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestLabel(t *testing.T) {
	s := newSealedLog(t, 1, 0)
	l := Label{Scope: s.scope, Disks: 11, JobSerial: 3, JobSHA256: sha256.Sum256(s.jobFile), Checkpoint: s.checkpoint}
	text := l.Encode()
	for name, b := range map[string][]byte{"as written": text, "with CRLF": bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))} {
		got, err := ParseLabel(b)
		if err != nil || !reflect.DeepEqual(got, l) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	replace := func(old, new string) []byte { return bytes.Replace(text, []byte(old), []byte(new), 1) }
	for name, b := range map[string][]byte{
		"nothing":              nil,
		"something else":       []byte("hello\n\nworld"),
		"version text":         replace("label 1", "label x"),
		"version 01":           replace("label 1", "label 01"),
		"no empty line":        bytes.ReplaceAll(text, []byte("\n\n"), []byte("\n")),
		"line missing":         replace("disks 11\n", ""),
		"line too many":        replace("disks 11\n", "disks 11\nbays 11\n"),
		"line after":           replace("\n\n", "\nnote x\n\n"),
		"lines swapped":        replace("disks 11\njob-serial 3\n", "job-serial 3\ndisks 11\n"),
		"negative disks":       replace("disks 11", "disks -11"),
		"leading zero":         replace("disks 11", "disks 011"),
		"sign":                 replace("disks 11", "disks +11"),
		"two spaces":           replace("disks 11", "disks  11"),
		"short id":             replace("job a", "job "),
		"upper case id":        replace("job a0", "job A0"),
		"short hash":           replace("job-sha256 ", "job-sha256 00\n"),
		"generation too large": replace("generation 1", "generation 4294967296"),
		"too long":             append(bytes.Clone(text), make([]byte, MaxCheckpoint)...),
	} {
		if _, err := ParseLabel(b); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func testWrapCheck(t testing.TB) (*WrapCheck, *Job, []byte) {
	t.Helper()
	file := testJobFile(t)
	job, err := OpenJob(file, pub(signerKey))
	must(t, err)
	scope := testScope(t)
	w, raw := testWrap(t)
	we := &WrapEntry{Kind: WrapHPKE, SHA256: sha256.Sum256(raw), Recipients: [][32]byte{[32]byte(w.KeyID)}, Check: NewKeys(loadKey, scope).Check(), Generation: 1}
	p := testPack()
	_, p.Header, err = crypto.NewFloeEncryptor(crypto.DefaultFloe(), NewKeys(loadKey, scope).PackKey(p.ID), scope.PackAD(p.ID))
	must(t, err)
	c := &WrapCheck{JobSHA256: sha256.Sum256(file), Wrap: raw}
	c.WrapEntry, err = we.Encode()
	must(t, err)
	c.PackEntry, err = p.Encode()
	must(t, err)
	c.WrapSignature = SignEntry(deviceKey, WrapEntryContext, scope, c.WrapEntry)
	c.PackSignature = SignEntry(deviceKey, PackEntryContext, scope, c.PackEntry)
	return c, job, file
}

func TestWrapCheck(t *testing.T) {
	c, job, file := testWrapCheck(t)
	b := c.Encode()
	got, err := DecodeWrapCheck(b)
	if err != nil || !reflect.DeepEqual(got, c) {
		t.Fatalf("%+v, %v", got, err)
	}
	k, scope, err := got.Verify(job, file, siteKey())
	if err != nil || !bytes.Equal(k, loadKey) || scope != testScope(t) {
		t.Fatalf("verify: %v", err)
	}
	for bit := range len(b) * 8 {
		if bit%3 != 0 && bit > 3000 && bit < 8000 { // inside the wrap's 1,120 bytes
			continue
		}
		flipped := bytes.Clone(b)
		flipped[bit/8] ^= 1 << (bit % 8)
		got, err := DecodeWrapCheck(flipped)
		if err == nil {
			_, _, err = got.Verify(job, file, siteKey())
		}
		if err == nil {
			t.Fatalf("bit %d: it verifies", bit)
		}
	}
	for n := range len(b) {
		if _, err := DecodeWrapCheck(b[:n]); !errors.Is(err, ErrCorrupt) {
			t.Fatalf("cut to %d bytes: error %v", n, err)
		}
	}
	if _, err := DecodeWrapCheck(append(b, make([]byte, maxWrapCheck)...)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("too long: error %v", err)
	}
	// The entry of one context under the other's signature.
	swapped := *c
	swapped.WrapSignature = SignEntry(deviceKey, PackEntryContext, testScope(t), c.WrapEntry)
	if _, _, err := swapped.Verify(job, file, siteKey()); !errors.Is(err, ErrUnverified) {
		t.Errorf("another context: error %v", err)
	}
	foreign := bytes.Clone(file)
	foreign[0]++
	if _, _, err := c.Verify(job, foreign, siteKey()); !errors.Is(err, ErrUnverified) {
		t.Errorf("another job file: error %v", err)
	}
}

func TestWrapAnswer(t *testing.T) {
	code := WrapAnswer(loadKey, []byte("bundle"))
	if len(code) != 11 || code[5] != '-' {
		t.Fatalf("answer %q", code)
	}
	// By hand, from the comment: 50 bits in groups of five.
	sum := sha256.Sum256([]byte("bundle"))
	raw := mac(stranger(t, "wrap answer", nil, 32), sum[:])
	bits := ""
	for _, b := range raw[:7] {
		for i := 7; i >= 0; i-- {
			bits += string('0' + rune(b>>i&1))
		}
	}
	want := ""
	for i := range 10 {
		v := 0
		for _, c := range bits[5*i : 5*i+5] {
			v = v*2 + int(c-'0')
		}
		want += string("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[v])
	}
	if strings.ReplaceAll(code, "-", "") != want {
		t.Errorf("answer %q, want %q", code, want)
	}
	for _, typed := range []string{code, strings.ToLower(code), " " + strings.ReplaceAll(code, "-", " ") + "\n", want} {
		if !SameWrapAnswer(typed, code) {
			t.Errorf("%q is not taken for %q", typed, code)
		}
	}
	for _, typed := range []string{"", code[:10], code + "0", WrapAnswer(loadKey, []byte("bundlf")), WrapAnswer(make([]byte, 32), []byte("bundle"))} {
		if SameWrapAnswer(typed, code) {
			t.Errorf("%q is taken for %q", typed, code)
		}
	}
}

func TestIDs(t *testing.T) {
	id := ID{0xab, 1}
	text, _ := id.MarshalText()
	var got ID
	if err := got.UnmarshalText(text); err != nil || got != id || string(text) != "ab010000000000000000000000000000" {
		t.Errorf("%s, %v", text, err)
	}
	for _, s := range []string{"", "ab", strings.ToUpper(id.String()), id.String() + "00", "zz" + id.String()[2:]} {
		if _, err := ParseID(s); err == nil {
			t.Errorf("%q is an id", s)
		}
	}
	if (ID{}).IsZero() != true || id.IsZero() {
		t.Error("zero")
	}
	// A key in JSON is its SubjectPublicKeyInfo.
	b, err := json.Marshal(PublicKey{pub(deviceKey)})
	must(t, err)
	var raw []byte
	must(t, json.Unmarshal(b, &raw))
	if !bytes.Equal(raw, append([]byte{0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00}, pub(deviceKey)...)) {
		t.Errorf("%s", b)
	}
	var key PublicKey
	must(t, json.Unmarshal(b, &key))
	if !key.Equal(ed25519.PublicKey(pub(deviceKey))) {
		t.Error("key read back as another")
	}
	const p256 = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q=="
	if der, err := base64.StdEncoding.DecodeString(p256); err != nil || len(der) != 91 {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(`"`+p256+`"`), &key); !errors.Is(err, ErrCorrupt) {
		t.Errorf("an ECDSA key: error %v", err)
	}
}
