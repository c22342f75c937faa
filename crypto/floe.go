package crypto

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
)

// A pack or a page is one ciphertext of C2SP FLOE (c2sp.org/FLOE), with
// AES-256-GCM, HKDF-Expand-SHA-384 and a 32-byte IV:
//
//	header   params(10) || iv(32) || header tag(32)
//	segment  length(4) || nonce(12) || ciphertext || tag(16)
//
// The length is 0xFFFFFFFF in all segments but the final one, which holds its
// own encrypted length. Each segment's associated data is its position and
// whether it is final, so segments cannot be moved, cut off or appended.
const (
	// FloeHeaderSize is the length of a stream's header.
	FloeHeaderSize = floeParamsSize + floeIVSize + floeHeaderTagSize

	// SegmentSize is the encrypted length of every segment but the final one.
	SegmentSize = 1 << 20

	// SegmentOverhead is what encryption adds to a segment.
	SegmentOverhead = floeLengthSize + sealedOverhead

	// PlainSegmentSize is the plain length of every segment but the final one.
	PlainSegmentSize = SegmentSize - SegmentOverhead

	// MaxSegments is our own limit on the segments of one stream (P7); FLOE
	// itself allows 2^40. One derived key then encrypts at most 2^20 messages.
	MaxSegments = 1 << 20
)

const (
	floeParamsSize     = 10
	floeIVSize         = 32
	floeHeaderTagSize  = 32
	floeMessageKeySize = 48
	floeLengthSize     = 4
	floeNotFinal       = 0xFFFFFFFF
	floeRotationBits   = 20
	floeMaxSegmentSize = 16 << 20
)

// FloeParams are the parameters of a FLOE stream. Only [DefaultFloe] is part of
// our format; others exist for known-answer tests. A header tells the segment
// size, not the rotation.
type FloeParams struct {
	SegmentSize  int // encrypted length of a segment that is not final
	RotationBits int // 2^RotationBits segments share one derived key
}

// DefaultFloe is the one set of parameters of format version 1: 1 MiB segments,
// the specification's rotation.
func DefaultFloe() FloeParams {
	return FloeParams{SegmentSize: SegmentSize, RotationBits: floeRotationBits}
}

func (p FloeParams) validate() error {
	if p.SegmentSize <= SegmentOverhead || p.SegmentSize > floeMaxSegmentSize {
		return fmt.Errorf("floe: segment size %d is outside %d…%d", p.SegmentSize, SegmentOverhead+1, floeMaxSegmentSize)
	}
	if p.RotationBits < 0 || p.RotationBits > floeRotationBits {
		return fmt.Errorf("floe: rotation bits %d are outside 0…%d", p.RotationBits, floeRotationBits)
	}
	return nil
}

// encode is PARAM_ENCODE: AEAD id 0, KDF id 0, segment length, IV length.
func (p FloeParams) encode() [floeParamsSize]byte {
	var b [floeParamsSize]byte
	binary.BigEndian.PutUint32(b[2:], uint32(p.SegmentSize))
	binary.BigEndian.PutUint32(b[6:], floeIVSize)
	return b
}

// FloeEncryptor encrypts the segments of one stream. It is safe for use on
// different positions at once.
//
// It does not remember what it encrypted: the caller uses each position once,
// and exactly the last one as final. Under one stream at most [MaxSegments]
// random nonces are drawn, far below GCM's 2^32.
type FloeEncryptor struct{ floeStream }

// FloeDecryptor decrypts the segments of one stream, in any order, many at once.
//
// Position and final flag must come from what was signed (the pack's log entry),
// never from the bytes: FLOE's key commitment holds only then.
type FloeDecryptor struct{ floeStream }

// NewFloeEncryptor starts a stream under a key of 32 bytes that is used for no
// other stream, bound to aad, with a random IV. The header is returned for the
// caller to store; nothing decrypts without it.
func NewFloeEncryptor(p FloeParams, key, aad []byte) (*FloeEncryptor, []byte, error) {
	var iv [floeIVSize]byte
	rand.Read(iv[:]) // never fails: crypto/rand ends the program instead
	return newFloeEncryptor(p, key, aad, iv)
}

// newFloeEncryptor takes the IV, for known answers.
func newFloeEncryptor(p FloeParams, key, aad []byte, iv [floeIVSize]byte) (*FloeEncryptor, []byte, error) {
	e := new(FloeEncryptor)
	tag, err := e.start(p, key, aad, iv)
	if err != nil {
		return nil, nil, err
	}
	params := p.encode()
	header := make([]byte, 0, FloeHeaderSize)
	header = append(header, params[:]...)
	header = append(header, iv[:]...)
	return e, append(header, tag...), nil
}

// NewFloeDecryptor opens a stream's header. A key, aad or header that do not
// belong together are ErrKey; a header of another length or with other
// parameters than p is ErrCorrupt.
func NewFloeDecryptor(p FloeParams, key, aad, header []byte) (*FloeDecryptor, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	if len(header) != FloeHeaderSize {
		return nil, fmt.Errorf("floe: header is %d bytes, want %d: %w", len(header), FloeHeaderSize, ErrCorrupt)
	}
	if [floeParamsSize]byte(header) != p.encode() {
		return nil, fmt.Errorf("floe: header has other parameters: %w", ErrCorrupt)
	}
	iv := [floeIVSize]byte(header[floeParamsSize:])
	d := new(FloeDecryptor)
	tag, err := d.start(p, key, aad, iv)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(tag, header[floeParamsSize+floeIVSize:]) != 1 {
		return nil, ErrKey
	}
	return d, nil
}

// EncryptSegment encrypts plain as the segment at position into dst and returns
// dst[:len(plain)+SegmentOverhead]. dst must have that capacity and must not
// overlap plain. Only the final segment may be short, or empty.
func (e *FloeEncryptor) EncryptSegment(dst, plain []byte, position uint64, final bool) ([]byte, error) {
	if position >= MaxSegments {
		return nil, fmt.Errorf("floe: segment %d is beyond the limit of %d", position, MaxSegments)
	}
	full := e.params.SegmentSize - SegmentOverhead
	if len(plain) > full || len(plain) < full && !final {
		return nil, fmt.Errorf("floe: segment %d has %d plain bytes, want %d", position, len(plain), full)
	}
	n := len(plain) + SegmentOverhead
	if cap(dst) < n {
		return nil, fmt.Errorf("floe: segment %d needs a buffer of %d bytes, has %d", position, n, cap(dst))
	}
	aead, err := e.aead(position)
	if err != nil {
		return nil, err
	}
	dst = dst[:n]
	length := uint32(floeNotFinal)
	if final {
		length = uint32(n)
	}
	binary.BigEndian.PutUint32(dst, length)
	ad := e.getAD(position, final)
	aead.Seal(dst[floeLengthSize:floeLengthSize], nil, plain, ad[:])
	e.ads.Put(ad)
	return dst, nil
}

// DecryptSegment decrypts enc, the segment at position, into dst and returns
// dst[:len(enc)-SegmentOverhead]. dst must have that capacity and must not
// overlap enc. With dst nil it decrypts in place: enc is used up, and what is
// returned lies in it. Anything but the exact segment that was encrypted there,
// with that final flag, is ErrCorrupt, and dst then holds none of its plaintext.
func (d *FloeDecryptor) DecryptSegment(dst, enc []byte, position uint64, final bool) ([]byte, error) {
	if position >= MaxSegments {
		return nil, fmt.Errorf("floe: segment %d is beyond the limit of %d: %w", position, MaxSegments, ErrCorrupt)
	}
	if len(enc) < SegmentOverhead || len(enc) > d.params.SegmentSize || len(enc) < d.params.SegmentSize && !final {
		return nil, fmt.Errorf("floe: segment %d has %d bytes: %w", position, len(enc), ErrCorrupt)
	}
	length := uint32(floeNotFinal)
	if final {
		length = uint32(len(enc))
	}
	if binary.BigEndian.Uint32(enc) != length {
		return nil, fmt.Errorf("floe: segment %d has a wrong length field: %w", position, ErrCorrupt)
	}
	n := len(enc) - SegmentOverhead
	if dst == nil {
		dst = enc[floeLengthSize:]
	}
	if cap(dst) < n {
		return nil, fmt.Errorf("floe: segment %d needs a buffer of %d bytes, has %d", position, n, cap(dst))
	}
	aead, err := d.aead(position)
	if err != nil {
		return nil, err
	}
	ad := d.getAD(position, final)
	plain, err := aead.Open(dst[:0], nil, enc[floeLengthSize:], ad[:])
	d.ads.Put(ad)
	if err != nil {
		return nil, fmt.Errorf("floe: segment %d: %w", position, ErrCorrupt)
	}
	return plain, nil
}

// floeStream is what both directions share: the state that FLOE calls State, and
// the AEAD of the rotation last used. All fields but current and ads are set
// once, by start.
type floeStream struct {
	params     FloeParams
	messageKey []byte
	iv         [floeIVSize]byte
	aad        []byte

	current atomic.Pointer[floeRotation]
	ads     sync.Pool // *[9]byte, so that no segment allocates
}

// floeRotation is one derived key's AEAD. Under DefaultFloe and MaxSegments a
// stream has exactly one.
type floeRotation struct {
	first uint64 // the position, masked
	aead  cipher.AEAD
}

// start derives the message key and the first AEAD and returns the header tag.
func (s *floeStream) start(p FloeParams, key, aad []byte, iv [floeIVSize]byte) ([]byte, error) {
	if err := p.validate(); err != nil {
		return nil, err
	}
	if len(key) != KeySize {
		return nil, fmt.Errorf("floe: key is %d bytes, want %d", len(key), KeySize)
	}
	s.params, s.iv, s.aad = p, iv, append([]byte(nil), aad...)
	s.ads.New = func() any { return new([9]byte) }
	tag, err := s.kdf(key, "HEADER_TAG:", floeHeaderTagSize)
	if err != nil {
		return nil, err
	}
	if s.messageKey, err = s.kdf(key, "MESSAGE_KEY:", floeMessageKeySize); err != nil {
		return nil, err
	}
	if _, err := s.aead(0); err != nil {
		return nil, err
	}
	return tag, nil
}

// kdf is FLOE_KDF: HKDF-Expand with params || iv || purpose || aad.
func (s *floeStream) kdf(key []byte, purpose string, n int) ([]byte, error) {
	params := s.params.encode()
	info := string(params[:]) + string(s.iv[:]) + purpose + string(s.aad)
	out, err := hkdf.Expand(sha512.New384, key, info, n)
	if err != nil {
		return nil, fmt.Errorf("floe: derive: %w", err)
	}
	return out, nil
}

// aead returns the AEAD for position. Two callers that need a new rotation at
// once may both derive it; both get the same key.
func (s *floeStream) aead(position uint64) (cipher.AEAD, error) {
	first := position >> s.params.RotationBits << s.params.RotationBits
	if r := s.current.Load(); r != nil && r.first == first {
		return r.aead, nil
	}
	var be [8]byte
	binary.BigEndian.PutUint64(be[:], first)
	key, err := s.kdf(s.messageKey, "DEK:"+string(be[:]), KeySize)
	if err != nil {
		return nil, err
	}
	aead, err := newAEAD(key)
	if err != nil {
		return nil, fmt.Errorf("floe: %w", err)
	}
	s.current.Store(&floeRotation{first: first, aead: aead})
	return aead, nil
}

// getAD is a segment's associated data: position, then 1 if final. The caller
// puts it back into s.ads.
func (s *floeStream) getAD(position uint64, final bool) *[9]byte {
	ad := s.ads.Get().(*[9]byte)
	binary.BigEndian.PutUint64(ad[:], position)
	ad[8] = 0
	if final {
		ad[8] = 1
	}
	return ad
}
