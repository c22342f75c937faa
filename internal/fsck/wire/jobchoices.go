package wire

import "fmt"

// namesSigner refuses a job file that shows another key as its signer's than one that
// signed it: an auditor who holds the fingerprint alone would look for the wrong one.
func namesSigner(p Object, e *Envelope) error {
	text, err := p.Text("signer")
	if err != nil {
		return err
	}
	key, err := parseSPKIText(text)
	if err != nil {
		return err
	}
	if err := e.Verify(key); err != nil {
		return fmt.Errorf("%w: it names another signer than the one who signed it", ErrMalformed)
	}
	return nil
}

// choices are the names of a job file with a closed list of values (format.md 3), by
// the object that holds them; "" is the predicate.
var choices = map[string]map[string][]string{
	"":       {"direction": {"import"}},
	"policy": {"file_digest": {"whole", "parts"}, "symlinks": {"object", "skip"}, "directories": {"object", "skip"}},
	"kdf":    {"kind": {"argon2id", "pbkdf2-hmac-sha256"}},
}

// readPolicy takes what an import is to leave out. checkChoices has seen the values.
func (j *JobFile) readPolicy(p Object) error {
	policy, err := p.Object("policy")
	if err != nil {
		return err
	}
	j.Leaves = map[string]bool{}
	for name, kind := range map[string]uint64{"symlinks": KindSymlink, "directories": KindDirectory} {
		value, err := policy.Text(name)
		if err != nil {
			return err
		}
		j.Leaves[KindNames[kind]] = value == "skip"
	}
	return nil
}

// ByRules are the left-out entries, by kind, that the job's policy does not leave out: the
// importer's own rules did.
func (j *JobFile) ByRules(leftOut map[string]int64) map[string]int64 {
	own := map[string]int64{}
	for kind, n := range leftOut {
		if !j.Leaves[kind] {
			own[kind] = n
		}
	}
	return own
}

// checkChoices refuses values that this version does not know.
func checkChoices(p Object) error {
	unlock, err := p.Object("unlock")
	if err != nil {
		return err
	}
	kdf, err := unlock.Object("kdf")
	if err != nil {
		return err
	}
	policy, err := p.Object("policy")
	if err != nil {
		return err
	}
	for where, o := range map[string]Object{"": p, "policy": policy, "kdf": kdf} {
		for name, known := range choices[where] {
			value, err := o.Text(name)
			if err != nil {
				return err
			}
			if !contains(known, value) {
				return fmt.Errorf("%w: %s %q", ErrVersion, name, value)
			}
		}
	}
	return nil
}
