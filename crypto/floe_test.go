package crypto

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha512"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/internal/testlimit"
)

// floeCase is one stream, in the shape of testdata/floe/floe.py.
type floeCase struct {
	Name         string     `json:"name"`
	SegmentSize  int        `json:"segmentSize"`
	RotationBits int        `json:"rotationBits"`
	Key          hexBytes   `json:"key"`
	IV           hexBytes   `json:"iv"`
	AAD          hexBytes   `json:"aad"`
	Header       hexBytes   `json:"header"`
	Plain        hexBytes   `json:"plain"`
	Segments     []hexBytes `json:"segments"`
}

func (c floeCase) params() FloeParams {
	return FloeParams{SegmentSize: c.SegmentSize, RotationBits: c.RotationBits}
}

func (c floeCase) decrypt(header []byte, segments []hexBytes) ([]byte, error) {
	d, err := NewFloeDecryptor(c.params(), c.Key, c.AAD, header)
	if err != nil {
		return nil, err
	}
	var out []byte
	buf := make([]byte, c.SegmentSize)
	for i, s := range segments {
		plain, err := d.DecryptSegment(buf, s, uint64(i), i == len(segments)-1)
		if err != nil {
			return nil, err
		}
		out = append(out, plain...)
	}
	return out, nil
}

func ownFloeCases(t testing.TB) []floeCase {
	var cases []floeCase
	mustReadJSON(t, filepath.Join("testdata", "floe", "own.json"), &cases)
	if len(cases) != 13 {
		t.Fatalf("own.json has %d cases, want 13", len(cases))
	}
	return cases
}

// outsideFloeCases reads the published known answers, whose folder is beside the
// repository or where VECTORS says.
func outsideFloeCases(t *testing.T) []floeCase {
	root := os.Getenv("VECTORS")
	if root == "" {
		root = filepath.Join("..", "..", "shared", "vectors")
	}
	folder := filepath.Join(root, "floe")
	files, err := filepath.Glob(filepath.Join(folder, "*_ct.txt"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(folder); err != nil {
		if os.Getenv("SLEDGE_REQUIRE_VECTORS") == "1" {
			t.Fatal("vectors: folder floe absent")
		}
		t.Skip("vectors: folder floe absent")
	}
	if len(files) != 6 {
		t.Fatalf("vectors: folder floe has %d pairs, want 6", len(files))
	}
	var cases []floeCase
	for _, ctFile := range files {
		name := strings.TrimSuffix(filepath.Base(ctFile), "_ct.txt")
		c := floeCase{Name: name, RotationBits: 20, Key: make([]byte, 32), AAD: []byte("This is AAD")}
		switch {
		case strings.HasSuffix(name, "_4K"):
			c.SegmentSize = 4096
		case strings.HasSuffix(name, "_64"):
			c.SegmentSize = 64
		case strings.HasSuffix(name, "_rotation"):
			c.SegmentSize, c.RotationBits = 40, 2
		default:
			t.Fatalf("vectors: %s is unknown", name)
		}
		c.Plain = mustReadHex(t, strings.TrimSuffix(ctFile, "_ct.txt")+"_pt.txt")
		ct := mustReadHex(t, ctFile)
		c.Header, ct = ct[:FloeHeaderSize], ct[FloeHeaderSize:]
		c.IV = c.Header[floeParamsSize : floeParamsSize+floeIVSize]
		for len(ct) > c.SegmentSize {
			c.Segments = append(c.Segments, ct[:c.SegmentSize])
			ct = ct[c.SegmentSize:]
		}
		c.Segments = append(c.Segments, ct)
		cases = append(cases, c)
	}
	return cases
}

func mustReadHex(t *testing.T, path string) hexBytes {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return b
}

// TestFloeVectors decrypts what other implementations wrote, and our own
// header must equal theirs. Every bit of the header and sampled bits of each
// segment are then changed, and each change must be refused.
func TestFloeVectors(t *testing.T) {
	t.Run("own", func(t *testing.T) { testFloeCases(t, ownFloeCases(t)) })
	t.Run("outside", func(t *testing.T) { testFloeCases(t, outsideFloeCases(t)) })
}

func testFloeCases(t *testing.T, cases []floeCase) {
	for _, c := range cases {
		t.Run(c.Name, func(t *testing.T) {
			got, err := c.decrypt(c.Header, c.Segments)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, c.Plain) {
				t.Fatal("plaintext differs")
			}
			e, header, err := newFloeEncryptor(c.params(), c.Key, c.AAD, [32]byte(c.IV))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(header, c.Header) {
				t.Fatalf("our header is %x, want %x", header, c.Header)
			}
			for bit := range FloeHeaderSize * 8 {
				want := ErrKey
				if bit/8 < floeParamsSize {
					want = ErrCorrupt
				}
				if _, err := NewFloeDecryptor(c.params(), c.Key, c.AAD, flipBit(c.Header, bit)); !errors.Is(err, want) {
					t.Fatalf("header bit %d changed: %v, want %v", bit, err, want)
				}
			}
			checkFloeSegments(t, c, e)
		})
	}
}

// checkFloeSegments changes each segment in every way, and encrypts each again.
func checkFloeSegments(t *testing.T, c floeCase, e *FloeEncryptor) {
	d, err := NewFloeDecryptor(c.params(), c.Key, c.AAD, c.Header)
	if err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, c.SegmentSize)
	full := c.SegmentSize - SegmentOverhead
	for i, s := range c.Segments {
		position, final := uint64(i), i == len(c.Segments)-1
		refused := func(what string, enc []byte, position uint64, final bool) {
			t.Helper()
			if _, err := d.DecryptSegment(buf, enc, position, final); !errors.Is(err, ErrCorrupt) {
				t.Fatalf("segment %d: %s: %v, want %v", i, what, err, ErrCorrupt)
			}
		}
		for bit := range len(s) * 8 {
			if bit < 256 || bit%97 == 0 || bit >= len(s)*8-128 {
				refused("a changed bit", flipBit(s, bit), position, final)
			}
		}
		refused("another position", s, position+1, final)
		refused("position 2^32 on", s, position+1<<32, final)
		refused("the other final flag", s, position, !final)
		refused("cut by one byte", s[:len(s)-1], position, final)
		refused("one byte more", append(bytes.Clone(s), 0), position, final)
		refused("nothing", nil, position, final)

		plain := c.Plain[i*full : min((i+1)*full, len(c.Plain))]
		enc, err := e.EncryptSegment(make([]byte, 0, len(s)), plain, position, final)
		if err != nil {
			t.Fatal(err)
		}
		if len(enc) != len(s) || !bytes.Equal(enc[:4], s[:4]) || bytes.Equal(enc[4:16], s[4:16]) {
			t.Fatalf("segment %d: our layout differs, or the nonce is not random", i)
		}
		ref := floeReference(c, position, final)
		if got, err := ref.open(enc); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("segment %d: the reference does not decrypt ours: %v", i, err)
		}
		if !bytes.Equal(ref.seal(s[4:16], plain), s) {
			t.Fatalf("segment %d: the reference does not make theirs", i)
		}
	}
}

// floeRef is FLOE's segment written a second time from the specification: HKDF
// by hand, and GCM with a nonce given.
type floeRef struct {
	aead  cipher.AEAD
	ad    []byte
	final bool
}

func floeReference(c floeCase, position uint64, final bool) floeRef {
	params := []byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 32}
	binary.BigEndian.PutUint32(params[2:], uint32(c.SegmentSize))
	expand := func(key []byte, purpose string, n int) []byte { // one block is enough
		h := hmac.New(sha512.New384, key)
		for _, b := range [][]byte{params, c.IV, []byte(purpose), c.AAD, {1}} {
			h.Write(b)
		}
		return h.Sum(nil)[:n]
	}
	masked := binary.BigEndian.AppendUint64(nil, position&^(1<<c.RotationBits-1))
	block, err := aes.NewCipher(expand(expand(c.Key, "MESSAGE_KEY:", 48), "DEK:"+string(masked), 32))
	if err != nil {
		panic(err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	tail := byte(0)
	if final {
		tail = 1
	}
	return floeRef{aead: aead, ad: append(binary.BigEndian.AppendUint64(nil, position), tail), final: final}
}

func (r floeRef) open(enc []byte) ([]byte, error) {
	return r.aead.Open(nil, enc[4:16], enc[16:], r.ad)
}

func (r floeRef) seal(nonce, plain []byte) []byte {
	out := []byte{0xFF, 0xFF, 0xFF, 0xFF}
	if r.final {
		binary.BigEndian.PutUint32(out, uint32(len(plain)+32))
	}
	return r.aead.Seal(append(out, nonce...), nonce, plain, r.ad)
}

// TestFloePython encrypts every own case and lets Python decrypt it.
func TestFloePython(t *testing.T) {
	cases := ownFloeCases(t)
	var want []hexBytes
	for i := range cases {
		c := &cases[i]
		e, header, err := NewFloeEncryptor(c.params(), c.Key, c.AAD)
		if err != nil {
			t.Fatal(err)
		}
		c.Header, c.IV = header, nil
		full := c.SegmentSize - SegmentOverhead
		for j := range c.Segments {
			plain := c.Plain[j*full : min((j+1)*full, len(c.Plain))]
			enc, err := e.EncryptSegment(make([]byte, c.SegmentSize), plain, uint64(j), j == len(c.Segments)-1)
			if err != nil {
				t.Fatal(err)
			}
			c.Segments[j] = enc
		}
		want = append(want, c.Plain)
	}
	var got []hexBytes
	runPython(t, "floe", "import cryptography.hazmat.primitives.ciphers.aead", "testdata/floe/floe.py", "decrypt", cases, &got)
	if len(got) != len(want) {
		t.Fatalf("python decrypted %d of %d cases", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("%s: python reads another plaintext", cases[i].Name)
		}
	}
}

func TestFloeKeyAndAAD(t *testing.T) {
	key, aad := make([]byte, 32), []byte("pack 1")
	_, header, err := NewFloeEncryptor(DefaultFloe(), key, aad)
	if err != nil {
		t.Fatal(err)
	}
	if len(header) != FloeHeaderSize {
		t.Fatalf("header is %d bytes", len(header))
	}
	tests := []struct {
		name     string
		p        FloeParams
		key, aad []byte
		header   []byte
		want     error
	}{
		{"right", DefaultFloe(), key, aad, header, nil},
		{"wrong key", DefaultFloe(), flipBit(key, 0), aad, header, ErrKey},
		{"wrong aad", DefaultFloe(), key, []byte("pack 2"), header, ErrKey},
		{"no aad", DefaultFloe(), key, nil, header, ErrKey},
		{"short header", DefaultFloe(), key, aad, header[:73], ErrCorrupt},
		{"long header", DefaultFloe(), key, aad, append(bytes.Clone(header), 0), ErrCorrupt},
		{"no header", DefaultFloe(), key, aad, nil, ErrCorrupt},
		{"other segment size", FloeParams{4096, 20}, key, aad, header, ErrCorrupt},
	}
	for _, tt := range tests {
		if _, err := NewFloeDecryptor(tt.p, tt.key, tt.aad, tt.header); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, err, tt.want)
		}
	}
	for _, p := range []FloeParams{{}, {32, 20}, {floeMaxSegmentSize + 1, 20}, {64, -1}, {64, 21}} {
		if _, _, err := NewFloeEncryptor(p, key, aad); err == nil {
			t.Errorf("parameters %+v were accepted", p)
		}
		if _, err := NewFloeDecryptor(p, key, aad, header); err == nil {
			t.Errorf("parameters %+v were accepted", p)
		}
	}
	for _, n := range []int{0, 16, 31, 33} {
		if _, _, err := NewFloeEncryptor(DefaultFloe(), make([]byte, n), aad); err == nil {
			t.Errorf("a key of %d bytes was accepted", n)
		}
	}
}

func TestFloeSegmentBounds(t *testing.T) {
	e, header, err := NewFloeEncryptor(FloeParams{64, 20}, make([]byte, 32), nil)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		dst      int
		plain    int
		position uint64
		final    bool
		ok       bool
	}{
		{"full", 64, 32, 0, false, true},
		{"full final", 64, 32, 0, true, true},
		{"short final", 33, 1, 0, true, true},
		{"empty final", 32, 0, 0, true, true},
		{"last position", 64, 32, MaxSegments - 1, true, true},
		{"short", 64, 31, 0, false, false},
		{"empty", 64, 0, 0, false, false},
		{"long", 65, 33, 0, false, false},
		{"long final", 65, 33, 0, true, false},
		{"position", 64, 32, MaxSegments, false, false},
		{"buffer", 63, 32, 0, false, false},
		{"no buffer", 0, 0, 0, true, false},
	}
	for _, tt := range tests {
		out, err := e.EncryptSegment(make([]byte, 0, tt.dst), make([]byte, tt.plain), tt.position, tt.final)
		if (err == nil) != tt.ok || err == nil && len(out) != tt.plain+SegmentOverhead {
			t.Errorf("%s: %d bytes, %v", tt.name, len(out), err)
		}
	}

	d, err := NewFloeDecryptor(FloeParams{64, 20}, make([]byte, 32), nil, header)
	if err != nil {
		t.Fatal(err)
	}
	enc, err := e.EncryptSegment(make([]byte, 64), bytes.Repeat([]byte{'p'}, 32), 3, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.DecryptSegment(make([]byte, 31), enc, 3, false); err == nil || errors.Is(err, ErrCorrupt) {
		t.Errorf("a short buffer gave %v", err)
	}
	if _, err := d.DecryptSegment(make([]byte, 32), enc, MaxSegments, false); !errors.Is(err, ErrCorrupt) {
		t.Errorf("position beyond the limit gave %v", err)
	}
	c := floeCase{SegmentSize: 64, RotationBits: 20, Key: make([]byte, 32), IV: header[floeParamsSize : floeParamsSize+floeIVSize]}
	for position, ok := range map[uint64]bool{MaxSegments - 1: true, MaxSegments: false} {
		valid := floeReference(c, position, true).seal(make([]byte, 12), []byte("plain"))
		if _, err := d.DecryptSegment(make([]byte, 32), valid, position, true); (err == nil) != ok {
			t.Errorf("a valid segment at %d gave %v", position, err)
		}
	}
	dst := make([]byte, 32)
	if _, err := d.DecryptSegment(dst, flipBit(enc, len(enc)*8-1), 3, false); err == nil || bytes.Contains(dst, []byte("pp")) {
		t.Errorf("plaintext before its tag: %q, %v", dst, err)
	}
}

// TestFloeConcurrent uses one encryptor and decryptor from several goroutines,
// with a rotation so short that they compete for the cached key.
func TestFloeConcurrent(t *testing.T) {
	p := FloeParams{SegmentSize: 64, RotationBits: 1}
	key := make([]byte, 32)
	e, header, err := NewFloeEncryptor(p, key, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewFloeDecryptor(p, key, nil, header)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for w := range 4 {
		wg.Go(func() {
			enc, dec := make([]byte, 64), make([]byte, 32)
			for i := range 200 {
				position := uint64(i*4 + w)
				plain := bytes.Repeat([]byte{byte(position)}, 32)
				s, err := e.EncryptSegment(enc, plain, position, false)
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := d.DecryptSegment(dec, s, position, false); err != nil || !bytes.Equal(got, plain) {
					t.Errorf("position %d: %v", position, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestFloeAllocations(t *testing.T) {
	e, header, err := NewFloeEncryptor(DefaultFloe(), make([]byte, 32), nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := NewFloeDecryptor(DefaultFloe(), make([]byte, 32), nil, header)
	if err != nil {
		t.Fatal(err)
	}
	plain, enc := make([]byte, PlainSegmentSize), make([]byte, SegmentSize)
	if n := testing.AllocsPerRun(20, func() { e.EncryptSegment(enc, plain, 5, false) }); n != 0 {
		t.Errorf("EncryptSegment allocates %v times", n)
	}
	if n := testing.AllocsPerRun(20, func() { d.DecryptSegment(plain, enc, 5, false) }); n != 0 {
		t.Errorf("DecryptSegment allocates %v times", n)
	}
}

// FuzzDecryptSegment: whatever decrypts is a segment of the vector, at its place.
func FuzzDecryptSegment(f *testing.F) {
	var c floeCase
	for _, c = range ownFloeCases(f) {
		if c.Name == "rotation bits 2" {
			break
		}
	}
	for i, s := range c.Segments {
		f.Add([]byte(s), uint64(i), i == len(c.Segments)-1)
	}
	f.Add([]byte{}, uint64(0), true)
	f.Add(make([]byte, 40), uint64(MaxSegments), false)
	d, err := NewFloeDecryptor(c.params(), c.Key, c.AAD, c.Header)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, enc []byte, position uint64, final bool) {
		defer testlimit.Alloc(t, testlimit.Input)()
		_, err := d.DecryptSegment(make([]byte, c.SegmentSize), enc, position, final)
		if err == nil {
			if position >= uint64(len(c.Segments)) || !bytes.Equal(enc, c.Segments[position]) || final != (position == uint64(len(c.Segments)-1)) {
				t.Fatalf("a segment that nobody encrypted opens at %d", position)
			}
		} else if !errors.Is(err, ErrCorrupt) {
			t.Fatalf("untyped error: %v", err)
		}
	})
}

func BenchmarkEncryptSegment(b *testing.B) {
	e, _, err := NewFloeEncryptor(DefaultFloe(), make([]byte, 32), nil)
	if err != nil {
		b.Fatal(err)
	}
	plain, enc := make([]byte, PlainSegmentSize), make([]byte, SegmentSize)
	b.SetBytes(PlainSegmentSize)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := e.EncryptSegment(enc, plain, uint64(i%MaxSegments), false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecryptSegment(b *testing.B) {
	e, header, err := NewFloeEncryptor(DefaultFloe(), make([]byte, 32), nil)
	if err != nil {
		b.Fatal(err)
	}
	d, err := NewFloeDecryptor(DefaultFloe(), make([]byte, 32), nil, header)
	if err != nil {
		b.Fatal(err)
	}
	plain := make([]byte, PlainSegmentSize)
	enc, err := e.EncryptSegment(make([]byte, SegmentSize), plain, 7, false)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(PlainSegmentSize)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.DecryptSegment(plain, enc, 7, false); err != nil {
			b.Fatal(err)
		}
	}
}
