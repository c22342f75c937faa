package fsck

import "fmt"

// namesSigner refuses a job file that shows another key as its signer's than one that
// signed it: an auditor who holds the fingerprint alone would look for the wrong one.
func namesSigner(p object, e *envelope) error {
	text, err := p.text("signer")
	if err != nil {
		return err
	}
	key, err := parseSPKIText(text)
	if err != nil {
		return err
	}
	if err := e.verify(key); err != nil {
		return fmt.Errorf("%w: it names another signer than the one who signed it", errMalformed)
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
func (j *jobFile) readPolicy(p object) error {
	policy, err := p.object("policy")
	if err != nil {
		return err
	}
	j.leaves = map[string]bool{}
	for name, kind := range map[string]uint64{"symlinks": KindSymlink, "directories": KindDirectory} {
		value, err := policy.text(name)
		if err != nil {
			return err
		}
		j.leaves[kindNames[kind]] = value == "skip"
	}
	return nil
}

// byRules are the left-out entries, by kind, that the job's policy does not leave out: the
// importer's own rules did.
func (j *jobFile) byRules(leftOut map[string]int64) map[string]int64 {
	own := map[string]int64{}
	for kind, n := range leftOut {
		if !j.leaves[kind] {
			own[kind] = n
		}
	}
	return own
}

// checkChoices refuses values that this version does not know.
func checkChoices(p object) error {
	unlock, err := p.object("unlock")
	if err != nil {
		return err
	}
	kdf, err := unlock.object("kdf")
	if err != nil {
		return err
	}
	policy, err := p.object("policy")
	if err != nil {
		return err
	}
	for where, o := range map[string]object{"": p, "policy": policy, "kdf": kdf} {
		for name, known := range choices[where] {
			value, err := o.text(name)
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
