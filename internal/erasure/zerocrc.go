package erasure

// ZeroCRC is the CRC of n zeros, in time of the logarithm of n.
func ZeroCRC(n int64) uint64 {
	crc, run, length := uint64(0), CRC([]byte{0}), int64(1)
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			crc = ShiftCRC(length).Join(crc, run)
		}
		run = ShiftCRC(length).Join(run, run)
		length *= 2
	}
	return crc
}
