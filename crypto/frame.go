package crypto

import (
	"crypto/cipher"
	"encoding/binary"
	"fmt"
)

const (
	// FrameOverhead is what encryption adds to a frame.
	FrameOverhead = sealedOverhead

	// MaxFrame is the longest encrypted frame.
	MaxFrame = 32 << 20

	// maxFrames is how many frames one file may hold: GCM's limit of 2^32 random
	// nonces under one key.
	maxFrames = 1 << 32
)

// FrameCipher encrypts the frames of one journal, scan list, spill or index file
// (P22), so that no name or digest ever stands on a disk in clear:
//
//	key   = Derive(k, purpose, file id, 32)
//	AAD   = "sledge/1 frame" || 0x00 || file id || seq(8) || previous tag(16) || ad
//	frame = nonce(12) || ciphertext || tag(16)
//
// seq counts from zero and each frame names the tag of the one before it (zeros
// for the first), so frames cannot be moved, dropped inside a file, or taken
// over from another file. What is cut off at the end is for the caller to
// notice. A FrameCipher is safe for concurrent use.
type FrameCipher struct {
	aead   cipher.AEAD
	fileID [16]byte
}

// NewFrameCipher derives the key of one file. A file id is random and used for
// one file only. Like [Derive] it panics on a programmer's mistake in k or
// purpose.
func NewFrameCipher(k []byte, purpose string, fileID [16]byte) *FrameCipher {
	aead, err := newAEAD(Derive(k, purpose, fileID[:], KeySize))
	if err != nil {
		panic("crypto: frame cipher: " + err.Error()) // the key has its length by construction
	}
	return &FrameCipher{aead: aead, fileID: fileID}
}

// Encrypt appends frame seq to dst, which may be nil and must not overlap plain,
// and returns the whole and the frame's tag, which the next frame names.
func (c *FrameCipher) Encrypt(dst, plain []byte, seq uint64, prevTag [16]byte, ad []byte) ([]byte, [16]byte, error) {
	if len(plain) > MaxFrame-FrameOverhead {
		return nil, [16]byte{}, fmt.Errorf("frame %d has %d bytes, at most %d are allowed", seq, len(plain), MaxFrame-FrameOverhead)
	}
	if seq >= maxFrames {
		return nil, [16]byte{}, fmt.Errorf("frame %d is beyond the limit of %d in one file", seq, uint64(maxFrames))
	}
	out := c.aead.Seal(dst, nil, plain, c.aad(seq, prevTag, ad))
	return out, frameTag(out), nil
}

// Decrypt appends the plaintext of frame seq to dst, which may be nil or enc[:0]
// and must not overlap enc otherwise, and returns the whole and the frame's tag.
// Anything but the frame that was encrypted there is ErrCorrupt.
func (c *FrameCipher) Decrypt(dst, enc []byte, seq uint64, prevTag [16]byte, ad []byte) ([]byte, [16]byte, error) {
	if len(enc) < FrameOverhead || len(enc) > MaxFrame || seq >= maxFrames {
		return nil, [16]byte{}, fmt.Errorf("frame %d of %d bytes: %w", seq, len(enc), ErrCorrupt)
	}
	tag := frameTag(enc)
	plain, err := c.aead.Open(dst, nil, enc, c.aad(seq, prevTag, ad))
	if err != nil {
		return nil, [16]byte{}, fmt.Errorf("frame %d: %w", seq, ErrCorrupt)
	}
	return plain, tag, nil
}

func (c *FrameCipher) aad(seq uint64, prevTag [16]byte, ad []byte) []byte {
	var be [8]byte
	binary.BigEndian.PutUint64(be[:], seq)
	return bound("frame", c.fileID[:], be[:], prevTag[:], ad)
}

func frameTag(frame []byte) [16]byte {
	return [16]byte(frame[len(frame)-tagSize:])
}
