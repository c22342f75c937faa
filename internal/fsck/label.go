package fsck

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// label is what travels outside the device (format.md 8.2).
type label struct {
	identity
	disks      uint64
	jobSerial  uint64
	jobSHA256  [32]byte
	checkpoint *checkpoint
}

var labelNames = []string{"job", "device", "generation", "disks", "job-serial", "job-sha256"}

func parseLabel(raw []byte) (*label, error) {
	if len(raw) > maxCheckpointSize {
		return nil, fmt.Errorf("%w: label of %d bytes", errMalformed, len(raw))
	}
	// Mail and editors may have given it other ends of lines.
	head, rest, ok := strings.Cut(strings.ReplaceAll(string(raw), "\r\n", "\n"), "\n\n")
	if !ok {
		return nil, fmt.Errorf("%w: label without a checkpoint", errMalformed)
	}
	lines := strings.Split(head, "\n")
	if lines[0] != "sledge label 1" {
		return nil, fmt.Errorf("%w: label begins with %.40q", ErrVersion, lines[0])
	}
	if len(lines) != len(labelNames)+1 {
		return nil, fmt.Errorf("%w: label of %d lines", errMalformed, len(lines))
	}
	values := make([]string, len(labelNames))
	for i, name := range labelNames {
		value, ok := strings.CutPrefix(lines[i+1], name+" ")
		if !ok {
			return nil, fmt.Errorf("%w: label line %d is not %q", errMalformed, i+2, name)
		}
		values[i] = value
	}
	l := &label{}
	if err := l.set(values); err != nil {
		return nil, err
	}
	var err error
	l.checkpoint, err = parseCheckpoint([]byte(rest))
	return l, err
}

func (l *label) set(v []string) (err error) {
	if l.job, err = parseID(v[0]); err != nil {
		return err
	}
	if l.device, err = parseID(v[1]); err != nil {
		return err
	}
	for i, to := range []*uint64{&l.generation, &l.disks, &l.jobSerial} {
		if *to, err = decimal(v[2+i]); err != nil {
			return err
		}
	}
	if l.generation < 1 || l.generation > maxGeneration || l.disks < 1 || l.disks > maxBays {
		return fmt.Errorf("%w: generation %d, %d disks", errMalformed, l.generation, l.disks)
	}
	if len(v[5]) != 64 || !lowerHex(v[5]) {
		return fmt.Errorf("%w: job-sha256", errMalformed)
	}
	_, err = hex.Decode(l.jobSHA256[:], []byte(v[5]))
	return err
}
