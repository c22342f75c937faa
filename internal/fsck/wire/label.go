package wire

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Label is what travels outside the device (format.md 8.2).
type Label struct {
	Identity
	Disks      uint64
	JobSerial  uint64
	JobSHA256  [32]byte
	Checkpoint *Checkpoint
}

var labelNames = []string{"job", "device", "generation", "disks", "job-serial", "job-sha256"}

// ParseLabel does not verify the checkpoint in it.
func ParseLabel(raw []byte) (*Label, error) {
	if len(raw) > MaxCheckpointSize {
		return nil, fmt.Errorf("%w: label of %d bytes", ErrMalformed, len(raw))
	}
	// Mail and editors may have given it other ends of lines.
	head, rest, ok := strings.Cut(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n\n")
	if !ok {
		return nil, fmt.Errorf("%w: label without a checkpoint", ErrMalformed)
	}
	lines := strings.Split(head, "\n")
	if lines[0] != "sledge label 1" {
		return nil, fmt.Errorf("%w: label begins with %.40q", ErrVersion, lines[0])
	}
	if len(lines) != len(labelNames)+1 {
		return nil, fmt.Errorf("%w: label of %d lines", ErrMalformed, len(lines))
	}
	values := make([]string, len(labelNames))
	for i, name := range labelNames {
		value, ok := strings.CutPrefix(lines[i+1], name+" ")
		if !ok {
			return nil, fmt.Errorf("%w: label line %d is not %q", ErrMalformed, i+2, name)
		}
		values[i] = value
	}
	l := &Label{}
	if err := l.set(values); err != nil {
		return nil, err
	}
	var err error
	l.Checkpoint, err = ParseCheckpoint([]byte(rest))
	return l, err
}

func (l *Label) set(v []string) (err error) {
	if l.Job, err = ParseID(v[0]); err != nil {
		return err
	}
	if l.Device, err = ParseID(v[1]); err != nil {
		return err
	}
	for i, to := range []*uint64{&l.Generation, &l.Disks, &l.JobSerial} {
		if *to, err = Decimal(v[2+i]); err != nil {
			return err
		}
	}
	if l.Generation < 1 || l.Generation > maxGeneration || l.Disks < 1 || l.Disks > MaxBays {
		return fmt.Errorf("%w: generation %d, %d disks", ErrMalformed, l.Generation, l.Disks)
	}
	if len(v[5]) != 64 || !LowerHex(v[5]) {
		return fmt.Errorf("%w: job-sha256", ErrMalformed)
	}
	_, err = hex.Decode(l.JobSHA256[:], []byte(v[5]))
	return err
}
