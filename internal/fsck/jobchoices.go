package fsck

import "fmt"

// namesSigner refuses a job file that shows another key as its signer's than one that
// signed it: an auditor who holds the fingerprint alone would look for the wrong one.
func namesSigner(p object, e *envelope) error {
	if !p.has("signer") {
		return nil
	}
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

// checkChoices refuses values that this version does not know. A name that is absent
// or null says nothing.
func checkChoices(p object) error {
	unlock, err := p.optional("unlock")
	if err != nil {
		return err
	}
	kdf, err := unlock.optional("kdf")
	if err != nil {
		return err
	}
	policy, err := p.optional("policy")
	if err != nil {
		return err
	}
	for where, o := range map[string]object{"": p, "policy": policy, "kdf": kdf} {
		for name, known := range choices[where] {
			value := ""
			if err := o.maybe(name, &value); err != nil {
				return err
			}
			if value != "" && !contains(known, value) {
				return fmt.Errorf("%w: %s %q", ErrVersion, name, value)
			}
		}
	}
	return checkRecipientKinds(p)
}

func checkRecipientKinds(p object) error {
	var list []struct {
		Kind string `json:"kind"`
	}
	if err := p.maybe("recipients", &list); err != nil {
		return err
	}
	for _, r := range list {
		if r.Kind != "hpke-mlkem768-x25519" && r.Kind != "age" {
			return fmt.Errorf("%w: recipient of kind %q", ErrVersion, r.Kind)
		}
	}
	return nil
}

// optional is a member that is an object; empty if it is absent or null.
func (o object) optional(name string) (object, error) {
	if !o.has(name) {
		return object{}, nil
	}
	return parseObject(o[name])
}
