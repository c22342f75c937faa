package fsck

import (
	"encoding/binary"
	"fmt"
	"hash/crc64"
)

const (
	headerSize  = 4096
	headerMagic = "SLEDGEDK"
)

// header is disk.header (format.md 2.1): a hint that saves a search, no more.
type header struct {
	identity
	bay, bays int
	disk      id
}

var headerFields = schema{
	bytesField(1, 16, 16), bytesField(2, 16, 16), uintField(3), uintField(4),
	bytesField(5, 16, 16), uintField(6), timeField(7),
}

func parseHeader(b []byte) (*header, error) {
	if len(b) != headerSize {
		return nil, fmt.Errorf("%w: %d bytes", errMalformed, len(b))
	}
	if string(b[:8]) != headerMagic {
		return nil, fmt.Errorf("%w: magic", errMalformed)
	}
	if b[8] != formatVersion {
		return nil, fmt.Errorf("%w: version %d", ErrVersion, b[8])
	}
	if crc64.Checksum(b[:headerSize-8], crcTable) != binary.BigEndian.Uint64(b[headerSize-8:]) {
		return nil, fmt.Errorf("%w: CRC", errMalformed)
	}
	end := 11 + int(binary.BigEndian.Uint16(b[9:]))
	if end > headerSize-8 || !allZero(b[end:headerSize-8]) {
		return nil, fmt.Errorf("%w: length", errMalformed)
	}
	m, err := parseFields(b[11:end], headerFields)
	if err != nil {
		return nil, err
	}
	return headerOf(m)
}

func headerOf(m message) (*header, error) {
	if err := firstOf(m.nonzero(1, 2, 5), m.need(3, 6)); err != nil {
		return nil, err
	}
	bay, bays := m.uint(4), m.uint(6)
	if bays > maxBays || bay >= bays || m.uint(3) > 1<<32-1 {
		return nil, fmt.Errorf("%w: bay %d of %d, generation %d", errMalformed, bay, bays, m.uint(3))
	}
	h := &header{bay: int(bay), bays: int(bays), disk: id(m.bytes(5))}
	h.job, h.device, h.generation = id(m.bytes(1)), id(m.bytes(2)), m.uint(3)
	return h, nil
}

func allZero(b []byte) bool {
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
