package journal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// A frame is a head of headSize bytes and its body. Integers are big-endian.
//
//	 0  magic "SLJF"
//	 4  CRC-32C of the head from byte 8 on
//	 8  CRC-32C of the body
//	12  length of the body
//	16  number
//	24  what, kind, 2 bytes zero
//	28  how much of the file was durable when the frame was written
//	32  number of the file
//	36  place in the file
const (
	frameMagic = "SLJF"
	headSize   = 40
)

// MaxValue bounds a value; maxBody what a frame may hold, a page of values among them.
const (
	MaxValue = 1 << 20
	maxBody  = 1 << 26
)

// What a frame is.
const (
	whatBegin  byte = iota + 1 // the first frame of a changes file: the pages files that count
	whatSet                    // a value
	whatDelete                 // of a value
	whatClear                  // all values of a page are deleted
	whatTurn                   // the pages that follow
	whatPage                   // the values of a page
)

type head struct {
	what      byte
	kind      Kind
	number    uint64
	durable   uint32
	file, at  uint32
	length    uint32
	bodyCheck uint32
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// appendFrame adds a frame; its length and checksums are set here.
func appendFrame(b []byte, h head, body []byte) []byte {
	b = append(b, frameMagic...)
	from := len(b)
	b = binary.BigEndian.AppendUint32(b, 0)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(body, castagnoli))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	b = binary.BigEndian.AppendUint64(b, h.number)
	b = append(b, h.what, byte(h.kind), 0, 0)
	b = binary.BigEndian.AppendUint32(b, h.durable)
	b = binary.BigEndian.AppendUint32(b, h.file)
	b = binary.BigEndian.AppendUint32(b, h.at)
	binary.BigEndian.PutUint32(b[from:], crc32.Checksum(b[from+4:], castagnoli))
	return append(b, body...)
}

// parseHead reads the head of the frame that is at a place of a file.
func parseHead(b []byte, file, at uint32) (h head, err error) {
	if len(b) < headSize || string(b[:4]) != frameMagic {
		return h, errNoFrame
	}
	if crc32.Checksum(b[8:headSize], castagnoli) != binary.BigEndian.Uint32(b[4:]) {
		return h, errNoFrame
	}
	h = head{
		bodyCheck: binary.BigEndian.Uint32(b[8:]), length: binary.BigEndian.Uint32(b[12:]),
		number: binary.BigEndian.Uint64(b[16:]), what: b[24], kind: Kind(b[25]),
		durable: binary.BigEndian.Uint32(b[28:]), file: binary.BigEndian.Uint32(b[32:]), at: binary.BigEndian.Uint32(b[36:]),
	}
	if h.file != file || h.at != at || h.length > maxBody || b[26] != 0 || b[27] != 0 {
		return h, errNoFrame
	}
	return h, nil
}

var errNoFrame = fmt.Errorf("no frame")

// parseFrame reads the frame at a place of a file, of which b is the rest.
func parseFrame(b []byte, file, at uint32) (h head, body []byte, err error) {
	if h, err = parseHead(b, file, at); err != nil {
		return h, nil, err
	}
	if uint64(h.length) > uint64(len(b)-headSize) {
		return h, nil, errNoFrame
	}
	body = b[headSize : headSize+int(h.length)]
	if crc32.Checksum(body, castagnoli) != h.bodyCheck {
		return h, nil, errNoFrame
	}
	return h, body, nil
}
