package erasure

import "github.com/minio/crc64nvme"

// CRC is CRC64NVME.
func CRC(b []byte) uint64 { return crc64nvme.Checksum(b) }

// UpdateCRC goes on with the CRC of what came before b.
func UpdateCRC(crc uint64, b []byte) uint64 { return crc64nvme.Update(crc, b) }

// Polynomials over GF(2) modulo the CRC's, reflected: bit 63 is x^0.
const (
	crcPolynomial = 0x9a6c9329ac4bc9b5
	crcOne        = 1 << 63
	crcByte       = 1 << 55 // x^8
)

// CRCShift joins the CRCs of content in pieces: what n bytes behind it do to a CRC.
type CRCShift uint64

// ShiftCRC is the shift by n bytes: x^(8n).
func ShiftCRC(n int64) CRCShift {
	p, square := uint64(crcOne), uint64(crcByte)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			p = mulCRC(p, square)
		}
		square = mulCRC(square, square)
	}
	return CRCShift(p)
}

// Join is the CRC of a ‖ b, where b has the shift's length.
func (s CRCShift) Join(a, b uint64) uint64 { return mulCRC(uint64(s), a) ^ b }

func mulCRC(a, b uint64) (p uint64) {
	for ; a != 0; a <<= 1 {
		if a&crcOne != 0 {
			p ^= b
		}
		if b&1 == 1 {
			b = b>>1 ^ crcPolynomial
		} else {
			b >>= 1
		}
	}
	return p
}
