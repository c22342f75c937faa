package plan

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/importer/target"
)

// RulesOfFlags are rules that the command's flags make, as ParseRules would read them from
// a file. What is wrong with them is told by the flag.
func RulesOfFlags(r Rules) (Rules, error) {
	r.byFlags = true
	if err := r.Validate(); err != nil {
		return Rules{}, err
	}
	text, err := json.Marshal(r)
	if err == nil {
		r, err = ParseRules(text)
	}
	r.byFlags = true
	return r, err
}

// OfRule gives an error of a rule its place: the flag that made it, or its number in the file.
func (r Rules) OfRule(i int, err error) error {
	if err == nil {
		return nil
	}
	if r.byFlags {
		return byFlag(err)
	}
	return fmt.Errorf("objects[%d]: %w", i, err)
}

// byFlag names flags where joined errors name attributes.
func byFlag(err error) error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		var flags []error
		for _, one := range all.Unwrap() {
			flags = append(flags, byFlag(one))
		}
		return errors.Join(flags...)
	}
	var m *target.Misgiven
	if errors.As(err, &m) && FlagOf(m.Name) != "" {
		return fmt.Errorf("%s %w", FlagOf(m.Name), m.Err)
	}
	return err
}

// keysPlace is where a rule for keys comes from.
func (r Rules) keysPlace(name string) string {
	switch {
	case !r.byFlags:
		return "keys." + name
	case name == "add":
		return "--add-prefix"
	}
	return "--" + name
}

// FlagOf is the flag of an attribute, "" of one that only a file of rules gives.
func FlagOf(attribute string) string {
	switch attribute {
	case target.AttributeLock, "legal_hold", "kms_context":
		return ""
	case "tags":
		return "--tag"
	case "customer_key":
		return "--sse-c-key"
	}
	return "--" + strings.ReplaceAll(attribute, "_", "-")
}
