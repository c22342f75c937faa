package importer

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
	if err := r.validate(); err != nil {
		return Rules{}, err
	}
	text, err := json.Marshal(r)
	if err == nil {
		r, err = ParseRules(text)
	}
	r.byFlags = true
	return r, err
}

// ofRule gives an error of a rule its place: the flag that made it, or its number in the file.
func (r Rules) ofRule(i int, err error) error {
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

// correcting says where attributes that a store refuses are asked for.
func correcting(names []string) string {
	var places []string
	for _, name := range names {
		place := name + " in the file of --rules"
		if flag := FlagOf(name); flag != "" {
			place = flag + " (" + place + ")"
		}
		if name == "sse" {
			place += " with its --kms-key-id"
		}
		places = append(places, place)
	}
	return strings.Join(places, ", ")
}

// remedyRefused is for attributes that were found to be what a store refuses.
func remedyRefused(names []string) string {
	return fmt.Sprintf("correct or leave out %s, in an import with a new --run-id if objects were stored already; `sledge target probe` shows what the store takes; "+
		"or mend the bucket, the key or the rights on it, then run the same command again", correcting(names))
}
