package site

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// ExtendJob signs a job file of this site again with the next serial and another
// expiry; all else stays. What it signs is kept beside the first file, so that no
// serial is ever given to two files.
func (s *Site) ExtendJob(old []byte, expires, now time.Time) (*manifest.Job, []byte, error) {
	signer, err := s.Key(Signer)
	if err != nil {
		return nil, nil, err
	}
	pub, err := s.PublicKey(Signer)
	if err != nil {
		return nil, nil, err
	}
	job, err := manifest.OpenJob(old, pub)
	if err != nil {
		return nil, nil, err
	}
	if !expires.After(now) {
		return nil, nil, fmt.Errorf("%w: job would expire at %s, which is not in the future", ErrInvalid, expires.Format(time.RFC3339))
	}
	highest, err := s.highestSerial(job.ID)
	if err != nil {
		return nil, nil, err
	}
	job = job.Extended(highest, expires)
	file, err := job.Sign(signer)
	if err != nil {
		return nil, nil, err
	}
	if err := manifest.Extends(old, file); err != nil {
		return nil, nil, fmt.Errorf("this sledge cannot write all that the job file says; a newer one made it: %w", err)
	}
	return job, file, durable.CreateExclusive(s.fs, serialName(job.ID, job.Serial), file)
}

const serialPrefix, serialSuffix = "job-", ".dsse"

func serialName(id manifest.ID, serial uint64) string {
	return fmt.Sprintf("%s/%s%d%s", jobFolder(id), serialPrefix, serial, serialSuffix)
}

// serials lists those of the later files that this site has signed for a job.
func (s *Site) serials(id manifest.ID) ([]uint64, error) {
	list, err := s.fs.ReadDir(jobFolder(id))
	if err != nil {
		return nil, err
	}
	var out []uint64
	for _, e := range list {
		text, ok := strings.CutPrefix(e.Name(), serialPrefix)
		text, end := strings.CutSuffix(text, serialSuffix)
		if n, err := strconv.ParseUint(text, 10, 64); ok && end && err == nil {
			out = append(out, n)
		}
	}
	return out, nil
}

// highestSerial is the highest one that this site has signed for a job.
func (s *Site) highestSerial(id manifest.ID) (uint64, error) {
	job, _, err := s.Job(id)
	if err != nil {
		return 0, err
	}
	later, err := s.serials(id)
	return slices.Max(append(later, job.Serial)), err
}

// jobOf reads the job file with a SHA-256 among all that this site signed for a job,
// or the first one.
func (s *Site) jobOf(id manifest.ID, sum [32]byte) (*manifest.Job, []byte, error) {
	job, file, err := s.Job(id)
	if err != nil || crypto.SumSHA256(file) == sum {
		return job, file, err
	}
	later, err := s.serials(id)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range later {
		b, err := vfs.ReadFile(s.fs, serialName(id, n), manifest.MaxStatement)
		if err != nil {
			return nil, nil, err
		}
		if crypto.SumSHA256(b) != sum {
			continue
		}
		signer, err := s.PublicKey(Signer)
		if err != nil {
			return nil, nil, err
		}
		job, err = manifest.OpenJob(b, signer)
		return job, b, err
	}
	if s.For != "" {
		return nil, nil, fmt.Errorf("job file of SHA-256 %x: %w", sum, ErrReduced)
	}
	return job, file, nil
}
