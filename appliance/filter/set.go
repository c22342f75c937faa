package filter

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// Verdict is what becomes of an entry by its name.
type Verdict struct {
	Rule string // that leaves it out; "" takes it
	Way  string // of a folder that is looked into, and taken if something below it is: the rule that says so
}

// Out reports whether the entry is left out, and all that is below it.
func (v Verdict) Out() bool { return v.Rule != "" }

// The rules that have no text of their own.
const (
	ruleOne     = "one-file-system"
	ruleInclude = "include"
	ruleListed  = "files-from"
)

// Path judges an entry by its path below the source. The folders above it were judged
// before, and are not left out.
func (s *Set) Path(path string, folder bool) (v Verdict) {
	if s == nil {
		return v
	}
	names := strings.Split(path, "/")
	for i := range s.excludes {
		e := &s.excludes[i]
		if !slices.ContainsFunc(e.any, func(p pattern) bool { return p.match(names, folder) }) {
			continue
		}
		if v.Rule = e.rule; e.back {
			v.Rule = ""
		}
	}
	if v.Out() {
		return v
	}
	for _, narrow := range []func(string, []string, bool) Verdict{s.included, s.inList} {
		n := narrow(path, names, folder)
		if n.Out() {
			return n
		}
		v.Way = cmp.Or(v.Way, n.Way)
	}
	return v
}

func (s *Set) included(_ string, names []string, folder bool) Verdict {
	if len(s.includes) == 0 {
		return Verdict{}
	}
	way := false
	for i := range s.includes {
		p := &s.includes[i]
		for n := 1; n <= len(names); n++ {
			if p.match(names[:n], folder || n < len(names)) {
				return Verdict{}
			}
		}
		way = way || folder && p.below(names)
	}
	if way {
		return Verdict{Way: ruleInclude}
	}
	return Verdict{Rule: ruleInclude}
}

func (s *Set) inList(path string, names []string, folder bool) Verdict {
	switch {
	case s.listed == nil || s.listed.covers(path, names):
		return Verdict{}
	case folder && s.listed.leads(path):
		return Verdict{Way: ruleListed}
	}
	return Verdict{Rule: ruleListed}
}

// File judges a regular file by its size and the time of its last change. It returns the
// rule that leaves it out, or "".
func (s *Set) File(size int64, mtime time.Time) string {
	switch {
	case s == nil:
	case s.texts.maxSize != "" && size > s.maxSize:
		return s.texts.maxSize
	case s.texts.minSize != "" && size < s.minSize:
		return s.texts.minSize
	case s.texts.maxAge != "" && mtime.Before(s.maxAge.cut(s.now)):
		return s.texts.maxAge
	case s.texts.minAge != "" && mtime.After(s.minAge.cut(s.now)):
		return s.texts.minAge
	}
	return ""
}

// OneFileSystem is the rule that leaves out what lies on other file systems, or "".
func (s *Set) OneFileSystem() string {
	if s == nil || !s.one {
		return ""
	}
	return ruleOne
}

// Now is the moment that ages count from.
func (s *Set) Now() time.Time { return s.now }

// At is the same set at another moment: a load that is resumed takes what it began to take.
func (s *Set) At(now time.Time) *Set {
	if s == nil {
		return nil
	}
	other := *s
	other.now = now
	return &other
}

// Rules are the rules as they were given.
func (s *Set) Rules() []string {
	if s == nil {
		return nil
	}
	return slices.Clone(s.rules)
}

// Leaving are the rules that may leave something out.
func (s *Set) Leaving() (rules []string) {
	if s == nil {
		return nil
	}
	for _, e := range s.excludes {
		if !e.back && !slices.Contains(rules, e.rule) {
			rules = append(rules, e.rule)
		}
	}
	for _, t := range s.tags {
		rules = append(rules, t.rule)
	}
	for _, rule := range []string{s.OneFileSystem(), s.texts.minSize, s.texts.maxSize, s.texts.minAge, s.texts.maxAge} {
		if rule != "" {
			rules = append(rules, rule)
		}
	}
	return rules
}

// Digest names the rules: equal ones have equal digests. Nil has none.
func (s *Set) Digest() string {
	if s == nil {
		return ""
	}
	h := sha256.New()
	h.Write([]byte("sledge filters v1\n"))
	for _, rule := range s.rules {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(rule))))
		h.Write([]byte(rule))
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// Missing calls f for each listed path that seen does not report as met.
func (s *Set) Missing(seen map[string]bool, f func(path string)) {
	if s == nil || s.listed == nil {
		return
	}
	for _, path := range s.listed.sorted {
		if !seen[path] {
			f(path)
		}
	}
}

// Lists reports whether the path was listed itself.
func (s *Set) Lists(path string) bool { return s != nil && s.listed != nil && s.listed.all[path] }
