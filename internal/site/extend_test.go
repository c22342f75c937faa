package site

import (
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/manifest"
)

// TestExtendJob: a serial is given to one file only, whichever file was extended, and
// a wrap check under a later file is answered.
func TestExtendJob(t *testing.T) {
	s, _ := testSite(t, Options{})
	made, err := s.CreateJob(testParams(deviceKey(1)))
	if err != nil {
		t.Fatal(err)
	}
	until := testTime.AddDate(1, 0, 0)
	second, file, err := s.ExtendJob(made.File, until, testTime)
	if err != nil {
		t.Fatal(err)
	}
	third, _, err := s.ExtendJob(made.File, until, testTime)
	if err != nil {
		t.Fatal(err)
	}
	fourth, last, err := s.ExtendJob(file, until.AddDate(0, 1, 0), testTime)
	if err != nil {
		t.Fatal(err)
	}
	if second.Serial != 2 || third.Serial != 3 || fourth.Serial != 4 || !second.Expires.Equal(until) {
		t.Errorf("serials %d, %d, %d; expires %s", second.Serial, third.Serial, fourth.Serial, second.Expires)
	}
	for _, old := range [][]byte{made.File, file} {
		if err := manifest.Extends(old, last); err != nil {
			t.Error(err)
		}
	}
	b := testBundle(t, made, deviceKey(1))
	b.JobSHA256 = sha256.Sum256(last)
	if _, err := s.CheckWrap(b.Encode()); err != nil {
		t.Errorf("wrap check under serial 4: %v", err)
	}
	b.JobSHA256[0]++
	if _, err := s.CheckWrap(b.Encode()); !errors.Is(err, manifest.ErrUnverified) {
		t.Errorf("wrap check under an unknown job file: %v", err)
	}
}

func TestExtendJobRefusals(t *testing.T) {
	s, _ := testSite(t, Options{})
	made, err := s.CreateJob(testParams(deviceKey(1)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.ExtendJob(made.File, testTime, testTime); !errors.Is(err, ErrInvalid) {
		t.Errorf("expired at once: %v", err)
	}
	other, _ := testSite(t, Options{})
	if _, _, err := other.ExtendJob(made.File, testTime.AddDate(1, 0, 0), testTime); !errors.Is(err, crypto.ErrSignature) && !errors.Is(err, manifest.ErrUnverified) {
		t.Errorf("another site's: %v", err)
	}
	key, err := s.Key(Signer)
	if err != nil {
		t.Fatal(err)
	}
	job := *made.Job
	job.ID = manifest.ID{9}
	file, err := job.Sign(key)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.ExtendJob(file, testTime.AddDate(1, 0, 0), testTime); !errors.Is(err, ErrUnknownJob) {
		t.Errorf("a job without its keys: %v", err)
	}
}
