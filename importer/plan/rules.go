package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// Rules say what the objects of an import are called and what they are given.
// They are recorded with a run: with other rules it is another run. The zero
// value keeps every key and leaves everything to the job and the bucket.
type Rules struct {
	Version     int          `json:"version"`
	Keys        KeyRules     `json:"keys,omitzero"`
	Entries     []EntryRule  `json:"entries,omitempty"`     // before Keys
	Symlinks    entry.Policy `json:"symlinks,omitempty"`    // "": as the job says
	Directories entry.Policy `json:"directories,omitempty"` // "": as the job says
	Hardlinks   entry.Policy `json:"hardlinks,omitempty"`   // "": object
	Objects     []ObjectRule `json:"objects,omitempty"`

	byFlags bool // made of the command's flags: see RulesOfFlags
}

// KeyRules make the key out of the path: Strip is taken off its front where it
// stands there, the rest is composed, Add and the target's prefix go before it.
type KeyRules struct {
	Strip   string `json:"strip,omitempty"` // ends in a slash
	Add     string `json:"add,omitempty"`   // ends in a slash
	Unicode string `json:"unicode,omitempty"`
}

// ObjectRule gives attributes to the objects that it matches. Each attribute is
// taken from the first matching rule that sets it; sse with its key, context and bucket
// key is one attribute, and so are all tags together, all metadata, and the lock.
type ObjectRule struct {
	Match   string `json:"match,omitempty"` // glob over the path; "": every one
	Path    string `json:"path,omitempty"`  // instead: one exact path, as that of an EntryRule
	PathHex string `json:"path_hex,omitempty"`
	MinSize int64  `json:"min_size,omitempty"`
	MaxSize *int64 `json:"max_size,omitempty"`
	target.Given
	Lock *LockRule `json:"lock,omitempty"`
}

// LockRule is an object lock. Days are counted from the run's first start, so
// that a resumed run asks for the same.
type LockRule struct {
	Mode      string    `json:"mode,omitempty"`
	Until     time.Time `json:"until,omitzero"`
	Days      int       `json:"days,omitempty"`
	LegalHold bool      `json:"legal_hold,omitempty"`
}

// The words of rules.
const (
	UnicodeKeep  = "keep"
	UnicodeNFC   = "nfc"
	rulesVersion = 1
)

// Limits of a rules file. Those of S3 are the target's.
const (
	MaxRules       = 1 << 20 // bytes of a rules file
	maxObjectRules = 256
	maxLockDays    = 36500
)

// none tells whether the rules say nothing.
func (r Rules) none() bool {
	return r.Keys == KeyRules{} && r.Symlinks == "" && r.Directories == "" && r.Hardlinks == "" && len(r.Objects) == 0 && len(r.Entries) == 0
}

// Canonical is the one text of these rules, nil if they say nothing. ParseRules
// reads it back.
func (r Rules) Canonical() []byte {
	if r = r.normal(); r.none() {
		return nil
	}
	text, _ := json.Marshal(r) // of plain fields, its times checked: cannot fail
	return text
}

// Digest is the SHA-256 of the canonical text in hexadecimal, "" if the rules
// say nothing: for places that may hold no names.
func (r Rules) Digest() string {
	text := r.Canonical()
	if text == nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// normal writes what is the same in one way.
func (r Rules) normal() Rules {
	r.Version = rulesVersion
	if r.Keys.Unicode == UnicodeKeep {
		r.Keys.Unicode = ""
	}
	r.Objects = slices.Clone(r.Objects)
	for i, o := range r.Objects {
		if o.Lock != nil {
			lock := *o.Lock
			lock.Until = lock.Until.UTC()
			r.Objects[i].Lock = &lock
		}
	}
	return r
}

// Validate checks the rules as far as they can be wrong without a target.
func (r Rules) Validate() error {
	var problems []error
	add := func(err error, place string, args ...any) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", fmt.Sprintf(place, args...), err))
		}
	}
	if r.Version != rulesVersion && !(r.Version == 0 && r.none()) {
		return fmt.Errorf("rules of version %d, this software knows %d", r.Version, rulesVersion)
	}
	add(target.CheckPrefix(r.Keys.Strip), "%s", r.keysPlace("strip"))
	add(target.CheckPrefix(r.Keys.Add), "%s", r.keysPlace("add"))
	add(target.OneOf(r.Keys.Unicode, UnicodeKeep, UnicodeNFC), "%s", r.keysPlace("unicode"))
	add(target.OneOf(string(r.Symlinks), string(entry.PolicyObject), string(entry.PolicySkip)), "symlinks")
	add(target.OneOf(string(r.Directories), string(entry.PolicyObject), string(entry.PolicySkip), string(entry.PolicyEmpty)), "directories")
	add(target.OneOf(string(r.Hardlinks), string(entry.PolicyObject), string(entry.PolicySkip)), "hardlinks")
	r.checkEntries(add)
	if len(r.Objects) > maxObjectRules {
		add(fmt.Errorf("%d rules, at most %d", len(r.Objects), maxObjectRules), "objects")
		return errors.Join(problems...)
	}
	for i, o := range r.Objects {
		if err := r.OfRule(i, o.validate()); err != nil {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

func (o ObjectRule) validate() error {
	_, globErr := compileGlob(o.Match)
	if globErr != nil {
		globErr = fmt.Errorf("match %q: %w", o.Match, globErr)
	}
	if path, err := exactPath(o.Path, o.PathHex); err != nil {
		return err
	} else if path != "" && o.Match != "" {
		return errors.New("match and path: one of them names the objects")
	}
	if o.MinSize < 0 || o.MaxSize != nil && *o.MaxSize < o.MinSize {
		return errors.New("min_size and max_size: no size is between them")
	}
	if o.Given.None() && o.Lock == nil {
		return errors.New("the rule sets nothing")
	}
	return errors.Join(globErr, o.Given.Check(), o.Lock.validate())
}

func (l *LockRule) validate() error {
	switch {
	case l == nil:
		return nil
	case l.Mode == "" && !l.LegalHold:
		return errors.New("lock: has neither mode nor legal_hold")
	case l.Mode != "" && l.Mode != "GOVERNANCE" && l.Mode != "COMPLIANCE":
		return fmt.Errorf("lock: mode %q: must be GOVERNANCE or COMPLIANCE", l.Mode)
	case l.Days < 0 || l.Days > maxLockDays:
		return fmt.Errorf("lock: %d days: must be 1 to %d", l.Days, maxLockDays)
	case !l.Until.IsZero() && (l.Until.Year() < 1970 || l.Until.Year() > 9998):
		return fmt.Errorf("lock: until %v: no store keeps an object until then", l.Until)
	case (l.Mode != "") != (l.Days != 0 || !l.Until.IsZero()) || l.Days != 0 && !l.Until.IsZero():
		return errors.New("lock: mode goes with one of until and days")
	}
	return nil
}

// CheckUntil refuses a lock that has ended before it begins. It is of runs and plans: a
// cancel locks nothing.
func (r Rules) CheckUntil(now time.Time) error {
	for i, o := range r.Objects {
		if o.Lock != nil && !o.Lock.Until.IsZero() && !o.Lock.Until.After(now) {
			return fmt.Errorf("objects[%d]: lock: until %s is past", i, o.Lock.Until.Format(time.RFC3339))
		}
	}
	return nil
}

// frozenClasses are AWS's classes whose objects GET does not return.
var frozenClasses = []string{"GLACIER", "DEEP_ARCHIVE"}

// checkReadBack refuses classes that cannot be read back.
func (r Rules) CheckReadBack() error {
	for i, o := range r.Objects {
		if slices.Contains(frozenClasses, o.StorageClass) {
			return r.OfRule(i, &target.Misgiven{Name: "storage_class", Err: fmt.Errorf("%s: such objects cannot be read back before they are restored", o.StorageClass)})
		}
	}
	return nil
}

// Locks reports whether any object is to have a lock.
func (r Rules) Locks() bool {
	return slices.ContainsFunc(r.Objects, func(o ObjectRule) bool { return o.Lock != nil })
}

// matcher is a rule that is ready to be asked.
type matcher struct {
	rule *ObjectRule
	glob glob
	path string // "": by the glob
}

func (r Rules) compile() (matchers []matcher, err error) {
	for i := range r.Objects {
		m := matcher{rule: &r.Objects[i]}
		if m.glob, err = compileGlob(m.rule.Match); err != nil {
			return nil, fmt.Errorf("objects[%d]: match: %w", i, err)
		}
		if m.path, err = exactPath(m.rule.Path, m.rule.PathHex); err != nil {
			return nil, fmt.Errorf("objects[%d]: %w", i, err)
		}
		matchers = append(matchers, m)
	}
	return matchers, nil
}

func (m matcher) matches(r *manifest.Record, size int64) bool {
	if size < m.rule.MinSize || m.rule.MaxSize != nil && size > *m.rule.MaxSize {
		return false
	}
	if m.path != "" {
		return m.path == r.OrderKey()
	}
	return m.glob.matches(r.Path)
}

// Attributes are what the rules give to the object of an entry.
func (p *Planner) Attributes(r *manifest.Record, size int64) (a target.Attributes) {
	for _, m := range p.objects {
		if m.matches(r, size) {
			a = a.Over(p.given(m.rule, r))
		}
	}
	a.CustomerKeyMD5 = p.customerKey
	return a
}

// given is what one rule gives to an entry.
func (p *Planner) given(o *ObjectRule, r *manifest.Record) target.Attributes {
	a := target.Attributes{Given: o.Given}
	a.ContentType = o.contentType(r)
	if l := o.Lock; l != nil {
		a.LegalHold = l.LegalHold
		if a.LockMode = l.Mode; l.Mode != "" {
			a.LockUntil, a.LockDays = l.end(p.started), l.Days > 0
		}
	}
	return a
}

// contentType is a rule's for an entry. "auto" knows nothing of directories and
// links, nor of other extensions than its own: the next rule may.
func (o *ObjectRule) contentType(r *manifest.Record) string {
	switch {
	case o.ContentType != target.ContentTypeAuto:
		return o.ContentType
	case r.Kind == manifest.KindFile || r.Kind == manifest.KindHardlink:
		return mediaType(r.Path)
	}
	return ""
}

// end is when a lock ends, in whole seconds as S3 keeps it.
func (l *LockRule) end(started time.Time) time.Time {
	if l.Days > 0 {
		return started.UTC().AddDate(0, 0, l.Days).Truncate(time.Second)
	}
	return l.Until.UTC().Truncate(time.Second)
}
