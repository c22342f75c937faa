package wire

import (
	"encoding/binary"
	"fmt"
	"hash/crc64"
)

const (
	HeaderSize  = 4096
	HeaderMagic = "SLEDGEDK"
)

// Header is disk.header (format.md 2.1): a hint that saves a search, no more.
type Header struct {
	Identity
	Bay, Bays int
	Disk      ID
}

var headerFields = Schema{
	BytesField(1, 16, 16), BytesField(2, 16, 16), UintField(3), UintField(4),
	BytesField(5, 16, 16), UintField(6), TimeField(7),
}

// ParseHeader takes the whole file, [HeaderSize] bytes. Nobody signs it: it is a hint.
func ParseHeader(b []byte) (*Header, error) {
	if len(b) != HeaderSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(b))
	}
	if string(b[:8]) != HeaderMagic {
		return nil, fmt.Errorf("%w: magic", ErrMalformed)
	}
	if b[8] != FormatVersion {
		return nil, fmt.Errorf("%w: version %d", ErrVersion, b[8])
	}
	if crc64.Checksum(b[:HeaderSize-8], CrcTable) != binary.BigEndian.Uint64(b[HeaderSize-8:]) {
		return nil, fmt.Errorf("%w: CRC", ErrMalformed)
	}
	end := 11 + int(binary.BigEndian.Uint16(b[9:]))
	if end > HeaderSize-8 || !AllZero(b[end:HeaderSize-8]) {
		return nil, fmt.Errorf("%w: length", ErrMalformed)
	}
	m, err := ParseFields(b[11:end], headerFields)
	if err != nil {
		return nil, err
	}
	return headerOf(m)
}

func headerOf(m Message) (*Header, error) {
	if err := FirstOf(m.nonzero(1, 2, 5), m.Need(3, 6)); err != nil {
		return nil, err
	}
	bay, bays := m.Uint(4), m.Uint(6)
	if bays > MaxBays || bay >= bays || m.Uint(3) > 1<<32-1 {
		return nil, fmt.Errorf("%w: bay %d of %d, generation %d", ErrMalformed, bay, bays, m.Uint(3))
	}
	h := &Header{Bay: int(bay), Bays: int(bays), Disk: ID(m.Bytes(5))}
	h.Job, h.Device, h.Generation = ID(m.Bytes(1)), ID(m.Bytes(2)), m.Uint(3)
	return h, nil
}

func AllZero(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}
