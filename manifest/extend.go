package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/sledge-io/sledge/crypto"
)

// ErrNotExtended: a later job file changes more than its serial and its expiry.
var ErrNotExtended = errors.New("not the same job with another expiry")

// Extends tells whether a job file is an earlier one with a higher serial and another
// expiry, and nothing else. Names that this version does not know must be equal, too.
// It compares contents; the caller has verified both files with the job signer's key.
func Extends(earlier, later []byte) error {
	old, err := readExtended(earlier)
	if err != nil {
		return err
	}
	now, err := readExtended(later)
	if err != nil {
		return err
	}
	if now.serial <= old.serial {
		return fmt.Errorf("%w: serial %d does not come after serial %d", ErrNotExtended, now.serial, old.serial)
	}
	for name := range now.predicate {
		if _, ok := old.predicate[name]; !ok {
			return fmt.Errorf("%w: %q was added", ErrNotExtended, name)
		}
	}
	for name, value := range old.predicate {
		if !reflect.DeepEqual(value, now.predicate[name]) {
			return fmt.Errorf("%w: %q differs", ErrNotExtended, name)
		}
	}
	if !reflect.DeepEqual(old.subject, now.subject) {
		return fmt.Errorf("%w: the devices differ", ErrNotExtended)
	}
	return nil
}

// extended is a job file taken apart: what may change, and the rest.
type extended struct {
	serial    uint64
	subject   []Subject
	predicate map[string]any
}

func readExtended(file []byte) (*extended, error) {
	job, err := PeekJob(file)
	if err != nil {
		return nil, err
	}
	_, payload, _, err := crypto.PeekDSSE(file)
	if err != nil {
		return nil, fmt.Errorf("%w: job file: %w", ErrCorrupt, err)
	}
	var st Statement
	if err := DecodeJSON(payload, &st); err != nil {
		return nil, fmt.Errorf("%w: job file: %w", ErrCorrupt, err)
	}
	e := &extended{serial: job.Serial, subject: st.Subject}
	d := json.NewDecoder(bytes.NewReader(st.Predicate))
	d.UseNumber() // a number's text is compared, whatever its size
	if err := d.Decode(&e.predicate); err != nil {
		return nil, fmt.Errorf("%w: job file: %w", ErrCorrupt, err)
	}
	delete(e.predicate, "serial")
	delete(e.predicate, "expires")
	return e, nil
}

// Extended is the job with the next serial after the highest that was signed, and
// another expiry; the caller signs it, and compares by [Extends].
func (j *Job) Extended(highest uint64, expires time.Time) *Job {
	out := *j
	out.Serial, out.Expires = max(highest, j.Serial)+1, expires.UTC().Truncate(time.Second)
	return &out
}
