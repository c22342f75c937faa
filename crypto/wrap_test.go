package crypto

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"filippo.io/age"
)

// wrapVector is testdata/wrap/own.json, which Python wrote.
type wrapVector struct {
	Job, Device, K, KeyCheck, Salt hexBytes
	Generation                     uint32
	Code                           string
	PBKDF2Root, Argon2idRoot       hexBytes
	Verifier, CodeBody             hexBytes
	FrameID, FramePrevious, Frame  hexBytes
	SiteSeed, SiteBody             hexBytes
}

func (v wrapVector) binding() WrapBinding {
	return WrapBinding{JobID: [16]byte(v.Job), DeviceID: [16]byte(v.Device), Generation: v.Generation}
}

func wrapCase(t testing.TB) wrapVector {
	var v wrapVector
	mustReadJSON(t, filepath.Join("testdata", "wrap", "own.json"), &v)
	return v
}

// TestWrapVectors reads what Python made of the same inputs.
func TestWrapVectors(t *testing.T) {
	v := wrapCase(t)
	if got := KeyCheck(v.K); !bytes.Equal(got, v.KeyCheck) {
		t.Errorf("key check %x, want %x", got, v.KeyCheck)
	}
	code, err := ParseUnlockCode(v.Code)
	if err != nil {
		t.Fatalf("unlock code: %v", err)
	}
	if code.Reveal() != v.Code {
		t.Errorf("code prints as %s, want %s", code.Reveal(), v.Code)
	}
	argon := KDFParams{Kind: KDFArgon2id, Salt: v.Salt, Time: 1, MemoryKiB: 8 << 10, Threads: 2}
	if root, err := argon.Root(code); err != nil || !bytes.Equal(root, v.Argon2idRoot) {
		t.Errorf("argon2id root %x, %v", root, err)
	}
	pbk := KDFParams{Kind: KDFPBKDF2, Salt: v.Salt, Iterations: 100_000}
	root, err := pbk.Unlock(code, v.Verifier)
	if err != nil || !bytes.Equal(root, v.PBKDF2Root) {
		t.Fatalf("pbkdf2 root %x, %v", root, err)
	}
	if k, err := UnwrapCode(root, v.CodeBody, v.binding()); err != nil || !bytes.Equal(k, v.K) {
		t.Errorf("wrap to the code: %v", err)
	}
	frames := NewFrameCipher(v.K, "journal", [16]byte(v.FrameID))
	if plain, _, err := frames.Decrypt(nil, v.Frame, 7, [16]byte(v.FramePrevious), []byte("ad")); err != nil || string(plain) != "a journal record" {
		t.Errorf("frame: %q, %v", plain, err)
	}
	site, err := ParseSiteKey(v.SiteSeed)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := site.Unwrap(v.SiteBody, v.binding()); err != nil || !bytes.Equal(k, v.K) {
		t.Errorf("wrap to site: %v", err)
	}
}

func TestSitePython(t *testing.T) {
	v := wrapCase(t)
	site, err := ParseSiteKey(v.SiteSeed)
	if err != nil {
		t.Fatal(err)
	}
	body, err := WrapToSite(site.PublicKey(), v.K, v.binding())
	if err != nil {
		t.Fatal(err)
	}
	in := map[string]hexBytes{"seed": v.SiteSeed, "info": v.binding().Bytes(WrapSite), "body": body}
	var out struct{ K, Body hexBytes }
	runPython(t, "hpke", "from cryptography.hazmat.primitives.hpke import KEM; KEM.MLKEM768_X25519", "testdata/wrap/wrap.py", "cross", in, &out)
	if !bytes.Equal(out.K, v.K) {
		t.Error("python reads another key")
	}
	if k, err := site.Unwrap(out.Body, v.binding()); err != nil || !bytes.Equal(k, v.K) {
		t.Errorf("python's wrap: %v", err)
	}
}

// wrapper is one kind of wrap with everything but the binding filled in.
type wrapper struct {
	name        string
	size        int
	wrap        func(k []byte, b WrapBinding) ([]byte, error)
	open, other func(body []byte, b WrapBinding) ([]byte, error)
}

func wrappers(t *testing.T) []wrapper {
	site, err := GenerateSiteKey()
	if err != nil {
		t.Fatal(err)
	}
	site2, err := GenerateSiteKey()
	if err != nil {
		t.Fatal(err)
	}
	root, root2 := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	return []wrapper{
		{"site", SiteWrapSize,
			func(k []byte, b WrapBinding) ([]byte, error) { return WrapToSite(site.PublicKey(), k, b) },
			site.Unwrap, site2.Unwrap},
		{"code", CodeWrapSize,
			func(k []byte, b WrapBinding) ([]byte, error) { return WrapToCode(root, k, b) },
			func(body []byte, b WrapBinding) ([]byte, error) { return UnwrapCode(root, body, b) },
			func(body []byte, b WrapBinding) ([]byte, error) { return UnwrapCode(root2, body, b) }},
	}
}

func TestWraps(t *testing.T) {
	k := bytes.Repeat([]byte{7}, 32)
	b := WrapBinding{JobID: [16]byte{1}, DeviceID: [16]byte{2}, Generation: 1}
	for _, w := range wrappers(t) {
		t.Run(w.name, func(t *testing.T) {
			body, err := w.wrap(k, b)
			if err != nil {
				t.Fatal(err)
			}
			if len(body) != w.size {
				t.Fatalf("body is %d bytes, want %d", len(body), w.size)
			}
			if got, err := w.open(body, b); err != nil || !bytes.Equal(got, k) {
				t.Fatalf("open: %v", err)
			}
			if _, err := w.other(body, b); err != ErrKey {
				t.Errorf("another key: %v, want exactly %v", err, ErrKey)
			}
			for name, b := range map[string]WrapBinding{
				"job":        {JobID: [16]byte{9}, DeviceID: b.DeviceID, Generation: 1},
				"device":     {JobID: b.JobID, DeviceID: [16]byte{9}, Generation: 1},
				"generation": {JobID: b.JobID, DeviceID: b.DeviceID, Generation: 2},
				"swapped":    {JobID: b.DeviceID, DeviceID: b.JobID, Generation: 1},
			} {
				if _, err := w.open(body, b); err != ErrKey {
					t.Errorf("another %s: %v", name, err)
				}
			}
			for bit := 0; bit < len(body)*8; bit += 61 {
				if _, err := w.open(flipBit(body, bit), b); err != ErrKey {
					t.Errorf("bit %d changed: %v", bit, err)
				}
			}
			for _, n := range []int{0, 31, len(body) - 1} {
				if _, err := w.open(body[:n], b); !errors.Is(err, ErrCorrupt) {
					t.Errorf("cut to %d: %v", n, err)
				}
			}
			if _, err := w.open(append(bytes.Clone(body), 0), b); !errors.Is(err, ErrCorrupt) {
				t.Errorf("one byte more: %v", err)
			}
			if _, err := w.wrap(k[:31], b); err == nil {
				t.Error("a short load key was wrapped")
			}
		})
	}
}

func TestWrapBindingBytes(t *testing.T) {
	b := WrapBinding{JobID: [16]byte{0xAA}, DeviceID: [16]byte{0xBB}, Generation: 0x01020304}
	want := "sledge/1 wrap\x00age\x00\xaa" + strings.Repeat("\x00", 15) + "\xbb" + strings.Repeat("\x00", 15) + "\x01\x02\x03\x04"
	if got := b.Bytes(WrapAge); string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	for kind, known := range map[WrapKind]bool{WrapSite: true, WrapAge: true, WrapCode: true, "": false, "m-of-n": false} {
		if kind.Known() != known {
			t.Errorf("%q known: %v", kind, !known)
		}
	}
}

func TestSiteKeyEncoding(t *testing.T) {
	site, err := GenerateSiteKey()
	if err != nil {
		t.Fatal(err)
	}
	seed, err := site.Bytes()
	if err != nil || len(seed) != SiteKeySize || len(site.PublicKey()) != SitePublicKeySize {
		t.Fatalf("%d and %d bytes, %v", len(seed), len(site.PublicKey()), err)
	}
	again, err := ParseSiteKey(seed)
	if err != nil || !bytes.Equal(again.PublicKey(), site.PublicKey()) {
		t.Errorf("parse: %v", err)
	}
	if SiteKeyID(site.PublicKey()) != SumSHA256(site.PublicKey()) {
		t.Error("key id")
	}
	for _, n := range []int{0, 31, 33, 64} {
		if _, err := ParseSiteKey(make([]byte, n)); err == nil {
			t.Errorf("a site key of %d bytes was accepted", n)
		}
	}
	for _, pub := range [][]byte{nil, make([]byte, 1215), bytes.Repeat([]byte{0xFF}, 1216)} {
		if _, err := WrapToSite(pub, make([]byte, 32), WrapBinding{}); err == nil {
			t.Errorf("a public key of %d bytes was accepted", len(pub))
		}
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%x", "%s"} {
		if out := fmt.Sprintf(verb, site); out != site.String() {
			t.Errorf("%s prints %q", verb, out)
		}
	}
}

func TestRecovery(t *testing.T) {
	k := bytes.Repeat([]byte{7}, 32)
	b := WrapBinding{JobID: [16]byte{1}, DeviceID: [16]byte{2}, Generation: 3}
	id1, r1 := mustRecovery(t)
	id2, r2 := mustRecovery(t)
	id3, _ := mustRecovery(t)
	file, err := WrapToAge([]string{r1, r2}, k, b)
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{id1, id2, "# created: today\n# public key: x\n\n" + id2 + "\n"} {
		if got, gb, err := UnwrapAge(id, file); err != nil || !bytes.Equal(got, k) || gb != b {
			t.Errorf("open: %v", err)
		}
	}
	if _, _, err := UnwrapAge(id3, file); err != ErrKey {
		t.Errorf("another identity: %v, want exactly %v", err, ErrKey)
	}
	if _, _, err := UnwrapAge("AGE-SECRET-KEY-PQ-1SPOILT", file); !errors.Is(err, ErrKey) || strings.Contains(err.Error(), "SPOILT") {
		t.Errorf("spoilt identity: %v", err)
	}
	for bit := 0; bit < len(file)*8; bit += 97 {
		if _, _, err := UnwrapAge(id1, flipBit(file, bit)); !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrKey) {
			t.Fatalf("bit %d changed: %v", bit, err)
		}
	}
	for name, f := range map[string][]byte{"empty": nil, "cut": file[:len(file)-1], "longer": append(bytes.Clone(file), 0), "huge": make([]byte, maxRecoveryFile+1)} {
		if _, _, err := UnwrapAge(id1, f); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if AgeKeyID(r1) == AgeKeyID(r2) {
		t.Error("two recipients, one key id")
	}
}

func mustRecovery(t *testing.T) (identity, recipient string) {
	t.Helper()
	identity, recipient, err := NewRecoveryIdentity()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(identity, "AGE-SECRET-KEY-PQ-1") || !strings.HasPrefix(recipient, "age1pq1") {
		t.Fatalf("not post-quantum: %.20s", recipient)
	}
	return identity, recipient
}

func TestRecoveryRecipients(t *testing.T) {
	_, pq := mustRecovery(t)
	classicID, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	classic := classicID.Recipient().String()
	allow := []AgeOption{AllowClassic}
	many := make([]string, maxRecoveryRecipients+1)
	for i := range many {
		many[i] = pq
	}
	tests := []struct {
		name    string
		r       []string
		options []AgeOption
		say     string // "" means accepted
	}{
		{"post-quantum", []string{pq}, nil, ""},
		{"post-quantum, classic allowed", []string{pq}, allow, ""},
		{"classic allowed", []string{classic}, allow, ""},
		{"classic", []string{classic}, nil, "not post-quantum"},
		{"mixed", []string{pq, classic}, allow, "mix 1 classic and 1 post-quantum"},
		{"none", nil, nil, "0 recipients"},
		{"too many", many, nil, "17 recipients"},
		{"malformed", []string{pq, "age1pq1x"}, nil, "recipient 2 is not"},
		{"an identity", []string{classicID.String()}, allow, "recipient 1 is not"},
		{"unknown option", []string{pq}, []AgeOption{7}, "option 7"},
	}
	k := bytes.Repeat([]byte{7}, 32)
	for _, tt := range tests {
		file, err := WrapToAge(tt.r, k, WrapBinding{}, tt.options...)
		err2 := CheckRecipients(tt.r, tt.options...)
		if tt.say == "" {
			if err != nil || err2 != nil || len(file) == 0 {
				t.Errorf("%s: %v, %v", tt.name, err, err2)
			}
			continue
		}
		if err == nil || err2 == nil || !strings.Contains(err.Error(), tt.say) || strings.Contains(err.Error(), classicID.String()) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.say)
		}
	}
	file, err := WrapToAge([]string{classic}, k, WrapBinding{}, AllowClassic)
	if err != nil {
		t.Fatal(err)
	}
	if got, _, err := UnwrapAge(classicID.String(), file); err != nil || !bytes.Equal(got, k) {
		t.Errorf("classic: %v", err)
	}
	if _, err := WrapToAge([]string{pq}, k[:16], WrapBinding{}); err == nil {
		t.Error("a short load key was wrapped")
	}
}

func TestRecoveryTextIsExact(t *testing.T) {
	b := WrapBinding{JobID: [16]byte{1}, DeviceID: [16]byte{2}, Generation: 3}
	good := string(recoveryText(bytes.Repeat([]byte{0xAB}, 32), b))
	if _, got, ok := parseRecoveryText([]byte(good)); !ok || got != b {
		t.Fatal("the text does not parse")
	}
	for _, bad := range []string{
		"", good + "\n", strings.ToUpper(good), good[:len(good)-1],
		strings.Replace(good, "generation 3", "generation 03", 1),
		strings.Replace(good, "generation 3", "generation 4294967296", 1),
		strings.Replace(good, "ab", "AB", 1), strings.Replace(good, "job 01", "job 0", 1),
		strings.Replace(good, "job ", "", 1), strings.Replace(good, "sledge", "sludge", 1),
		strings.Replace(good, "\n", "\r\n", -1),
	} {
		if _, _, ok := parseRecoveryText([]byte(bad)); ok {
			t.Errorf("accepted: %q", bad)
		}
	}
}

// TestRecoveryAgeCommand opens a recovery file with the age command alone.
func TestRecoveryAgeCommand(t *testing.T) {
	tools := os.Getenv("SLEDGE_TOOLS")
	if tools == "" {
		t.Skip("age: SLEDGE_TOOLS is not set")
	}
	name := "age"
	if runtime.GOOS == "windows" {
		name = "age.exe"
	}
	command, err := filepath.Abs(filepath.Join(tools, name))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(command); err != nil {
		t.Skip("age: the command is absent from SLEDGE_TOOLS")
	}
	id, r := mustRecovery(t)
	k := bytes.Repeat([]byte{7}, 32)
	b := WrapBinding{JobID: [16]byte{1}, DeviceID: [16]byte{2}, Generation: 3}
	file, err := WrapToAge([]string{r}, k, b)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	idPath, filePath := filepath.Join(dir, "id"), filepath.Join(dir, "recovery.age")
	for path, data := range map[string][]byte{idPath: []byte(id + "\n"), filePath: file} {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command(command, "--decrypt", "--identity", idPath, filePath).CombinedOutput()
	if err != nil {
		t.Fatalf("age: %v\n%s", err, out)
	}
	if !bytes.Equal(out, recoveryText(k, b)) {
		t.Errorf("age prints %q", out)
	}
}
