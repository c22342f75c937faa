package filter

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Spec is what a user asks for. The zero value leaves nothing out.
type Spec struct {
	Exclude       []string // patterns, and !patterns, which take back; the last that matches decides
	Include       []string // patterns: nothing else is taken
	Files         []string // paths below the source: nothing else is taken; see Listed
	Listed        bool     // Files counts, also if it is empty
	IfPresent     []string // NAME or NAME:HEADER of files that mark a folder
	Caches        bool     // folders with a CACHEDIR.TAG
	OneFileSystem bool
	MinSize       string // such as 1B, 50K, 1G: binary multiples
	MaxSize       string
	MinAge        string // such as 36h, 2d, 1w, 3M, 1y, or a date
	MaxAge        string
}

// Set is a compiled Spec. It never changes, and many goroutines may ask it at once.
type Set struct {
	excludes []exclude
	includes []pattern
	listed   *paths
	tags     []tag
	one      bool

	minSize, maxSize int64 // maxSize < 0: none
	minAge, maxAge   age
	now              time.Time
	texts            sizeTexts

	rules []string
}

type sizeTexts struct{ minSize, maxSize, minAge, maxAge string }

// exclude is a pattern with what it was written as.
type exclude struct {
	any  []pattern
	back bool // takes back
	rule string
}

// New compiles what a user asks for; nil is nothing. Ages count from now.
func New(spec Spec, now time.Time) (*Set, error) {
	s := &Set{maxSize: -1, now: now, one: spec.OneFileSystem}
	for _, text := range spec.Exclude {
		if err := s.exclude(text); err != nil {
			return nil, err
		}
	}
	for _, text := range spec.Include {
		if err := s.include(text); err != nil {
			return nil, err
		}
	}
	if spec.Listed {
		var err error
		if s.listed, err = newPaths(spec.Files); err != nil {
			return nil, err
		}
		s.rules = append(s.rules, s.listed.rule())
	}
	for _, text := range spec.IfPresent {
		t, err := newTag(text)
		if err != nil {
			return nil, err
		}
		s.tags = append(s.tags, t)
		s.rules = append(s.rules, t.rule)
	}
	if spec.Caches {
		s.tags = append(s.tags, cacheTag)
		s.rules = append(s.rules, cacheTag.rule)
	}
	if s.one {
		s.rules = append(s.rules, ruleOne)
	}
	if err := s.limits(&spec); err != nil {
		return nil, err
	}
	if len(s.rules) == 0 {
		return nil, nil
	}
	return s, nil
}

func (s *Set) exclude(text string) error {
	e := exclude{rule: "exclude " + text}
	body, back := strings.CutPrefix(text, "!")
	e.back = back
	var err error
	if e.any, err = parse(body); err != nil {
		return err
	}
	s.excludes, s.rules = append(s.excludes, e), append(s.rules, e.rule)
	return nil
}

func (s *Set) include(text string) error {
	if strings.HasPrefix(text, "!") {
		return fmt.Errorf(`%w: %q: an include takes nothing back; a name with a ! is \!…`, ErrPattern, text)
	}
	any, err := parse(text)
	if err != nil {
		return err
	}
	s.includes, s.rules = append(s.includes, any...), append(s.rules, "include "+text)
	return nil
}

// limits reads sizes and ages.
func (s *Set) limits(spec *Spec) (err error) {
	for _, l := range []struct {
		name, text string
		size       *int64
		age        *age
		rule       *string
	}{
		{"min-size", spec.MinSize, &s.minSize, nil, &s.texts.minSize}, {"max-size", spec.MaxSize, &s.maxSize, nil, &s.texts.maxSize},
		{"min-age", spec.MinAge, nil, &s.minAge, &s.texts.minAge}, {"max-age", spec.MaxAge, nil, &s.maxAge, &s.texts.maxAge},
	} {
		if l.text == "" {
			continue
		}
		if l.size != nil {
			*l.size, err = parseSize(l.text)
		} else {
			*l.age, err = parseAge(l.text)
		}
		if err != nil {
			return fmt.Errorf("--%s %q: %w", l.name, l.text, err)
		}
		*l.rule = l.name + " " + l.text
		s.rules = append(s.rules, *l.rule)
	}
	if s.texts.minSize != "" && s.texts.maxSize != "" && s.minSize > s.maxSize {
		return fmt.Errorf("--%s leaves nothing of --%s", s.texts.minSize, s.texts.maxSize)
	}
	return nil
}

// Limits that cannot be read.
var (
	errSize = errors.New("not a size with its unit: B, K, M, G, T or P (without one, rclone means KiB and restic bytes)")
	errAge  = errors.New("not an age with its unit, such as 90m, 36h, 2d, 1w, 3M or 1y, nor a date such as 2026-12-31")
)

func parseSize(text string) (int64, error) {
	upper := strings.TrimSuffix(strings.ToUpper(text), "IB")
	if len(upper) < 2 {
		return 0, errSize
	}
	power := strings.IndexByte("BKMGTP", upper[len(upper)-1])
	n, err := strconv.ParseFloat(upper[:len(upper)-1], 64)
	if power < 0 || err != nil || n < 0 || n*float64(int64(1)<<(10*power)) >= 1<<62 || n != n {
		return 0, errSize
	}
	return int64(n * float64(int64(1)<<(10*power))), nil
}

// age is how long before now, or at what moment.
type age struct {
	span time.Duration
	at   time.Time
}

func (a age) cut(now time.Time) time.Time {
	if !a.at.IsZero() {
		return a.at
	}
	return now.Add(-a.span)
}

func parseAge(text string) (age, error) {
	for _, layout := range []string{time.DateOnly, "2006-01-02T15:04:05", time.DateTime} {
		if t, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return age{at: t}, nil
		}
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return age{at: t}, nil
	}
	const day = 24 * time.Hour
	for suffix, unit := range map[string]time.Duration{"d": day, "w": 7 * day, "M": 30 * day, "y": 365 * day} {
		if number, ok := strings.CutSuffix(text, suffix); ok {
			n, err := strconv.ParseFloat(number, 64)
			if err != nil || n < 0 || n*float64(unit) > float64(1<<62) || n != n {
				return age{}, errAge
			}
			return age{span: time.Duration(n * float64(unit))}, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < 0 {
		return age{}, errAge
	}
	return age{span: d}, nil
}
