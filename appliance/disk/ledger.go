package disk

// Ledger remembers, outside the disks and across crashes, the one checkpoint
// that the device key signs for a generation. The firmware's device state is one.
type Ledger interface {
	// RecordCheckpoint makes the size and root durable before they are signed, and
	// the digest of what the seal statement will say. It refuses others for the same
	// origin.
	RecordCheckpoint(origin string, size uint64, root, plan [32]byte) error
	// RecordedCheckpoint gives what was recorded.
	RecordedCheckpoint(origin string) (size uint64, root [32]byte, ok bool)
	// RecordedPlan gives the digest; zeros where an earlier version recorded none.
	RecordedPlan(origin string) [32]byte
	// RecordWritten makes durable which disks, by their ids, the end of the seal writes to
	// after the plan was made.
	RecordWritten(origin string, disks [][16]byte) error
	// RecordedWritten gives what was recorded last.
	RecordedWritten(origin string) [][16]byte
}
