package fsck

import (
	"bytes"
	"encoding/binary"
	"hash/crc64"
	"testing"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// headerWith is a disk header around a field message.
func headerWith(message []byte) []byte {
	b := make([]byte, wire.HeaderSize)
	copy(b, wire.HeaderMagic)
	b[8] = wire.FormatVersion
	binary.BigEndian.PutUint16(b[9:], uint16(len(message)))
	copy(b[11:], message)
	return summed(b)
}

func summed(b []byte) []byte {
	binary.BigEndian.PutUint64(b[len(b)-8:], crc64.Checksum(b[:len(b)-8], wire.CrcTable))
	return b
}

// EachHeader gives disk headers, most of them wrong, with what the verifier says of them.
func EachHeader(t *testing.T, f func(b []byte, verifier error)) {
	t.Helper()
	try := func(b []byte) {
		_, err := wire.ParseHeader(b)
		f(b, err)
	}
	var e enc
	e.bytes(1, text(16))
	e.bytes(2, text(16))
	e.uint(3, 1)
	e.uint(4, 2)
	e.bytes(5, text(16))
	e.uint(6, 3)
	e.put(7, false, append(bytes.Repeat([]byte{0, 1}, 4), 0, 0, 0, 5))
	message := func(m []byte) {
		if len(m) <= wire.HeaderSize-11-8 {
			try(headerWith(m))
		}
	}
	fieldVariants(t, e, message)
	neighbours(e, message)
	message(sized(e, wire.HeaderSize-11-8))
	for _, at := range []int{0, 8, 9, 10, 11 + len(e), wire.HeaderSize - 9} {
		b := headerWith(e)
		b[at]++
		try(summed(b))
	}
	whole := headerWith(e)
	whole[wire.HeaderSize-1] ^= 1
	try(whole)
	for _, n := range []int{wire.HeaderSize - 1, wire.HeaderSize + 1} {
		b := make([]byte, n)
		copy(b, headerWith(e)[:wire.HeaderSize-8])
		try(summed(b))
	}
}
