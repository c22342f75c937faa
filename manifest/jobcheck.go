package manifest

import (
	"crypto/x509"
	"fmt"
)

// checkFile holds a job file to what Validate cannot see of a Job that is being made: it
// has its times, and its statement is about its devices and nothing else.
func (j *Job) checkFile(s *Statement) error {
	if j.Created.IsZero() || j.Expires.IsZero() {
		return fmt.Errorf("no time of creation or no expiry")
	}
	if len(s.Subject) != len(j.Devices) {
		return fmt.Errorf("%d subjects for %d devices", len(s.Subject), len(j.Devices))
	}
	sums := map[string]string{}
	for _, o := range s.Subject {
		sums[o.Name] = o.Digest["sha256"]
	}
	seen := map[ID]bool{}
	for _, d := range j.Devices {
		der, err := x509.MarshalPKIXPublicKey(d.PublicKey.PublicKey)
		if err != nil {
			return err
		}
		want := SHA256Subject("device/"+d.ID.String(), der)
		if sums[want.Name] != want.Digest["sha256"] {
			return fmt.Errorf("device %s is not a subject of the statement", d.ID)
		}
		if seen[d.ID] {
			return fmt.Errorf("device %s twice", d.ID)
		}
		seen[d.ID] = true
	}
	return nil
}

// check is what every reader asks of a job file whose signature has been looked at.
func (j *Job) check(s *Statement) error {
	err := j.Validate()
	if err == nil {
		err = j.checkFile(s)
	}
	if err != nil {
		return fmt.Errorf("job file: %w: %w", ErrCorrupt, err)
	}
	return nil
}
