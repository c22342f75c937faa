package cmdline

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Flags is where a verb defines its flags. A pflag.FlagSet is one, and so is a [Set].
type Flags interface {
	StringVar(p *string, name, value, usage string)
	BoolVar(p *bool, name string, value bool, usage string)
	StringArrayVar(p *[]string, name string, value []string, usage string)
	StringSliceVar(p *[]string, name string, value []string, usage string)
}

// Set reads flags as people know them from other programs: --name VALUE, --name=VALUE, flags
// and arguments in any order, and -- before arguments that begin with a hyphen. Its errors have
// pflag's words.
type Set struct{ flags []*Flag }

// Flag is one of a Set.
type Flag struct {
	Name, Short, Usage string
	Bool               bool
	Set                bool // it was given
	set                func(value string) error
	empty              func() bool
}

// ErrHelp: help was asked for.
var ErrHelp = errors.New("help requested")

func (s *Set) add(name, usage string, isBool bool, set func(string) error, empty func() bool) {
	s.flags = append(s.flags, &Flag{Name: name, Usage: usage, Bool: isBool, set: set, empty: empty})
}

func (s *Set) StringVar(p *string, name, value, usage string) {
	*p = value
	s.add(name, usage, false, func(v string) error { *p = v; return nil }, func() bool { return *p == "" })
}

func (s *Set) BoolVar(p *bool, name string, value bool, usage string) {
	*p = value
	s.add(name, usage, true, func(v string) (err error) {
		*p, err = strconv.ParseBool(v)
		return err
	}, func() bool { return false })
}

func (s *Set) StringArrayVar(p *[]string, name string, value []string, usage string) {
	*p = value
	s.add(name, usage, false, func(v string) error { *p = append(*p, v); return nil }, listEmpty(p))
}

// StringSliceVar takes a list of commas, quoted as in CSV, and the flag several times.
func (s *Set) StringSliceVar(p *[]string, name string, value []string, usage string) {
	*p = value
	s.add(name, usage, false, func(v string) error {
		list, err := splitList(v)
		*p = append(*p, list...)
		return err
	}, listEmpty(p))
}

// splitList takes a list apart at its commas. A part in double quotes may have commas, and its own
// quotes doubled.
func splitList(v string) (list []string, err error) {
	for more := v != ""; more; {
		var part string
		if !strings.HasPrefix(v, `"`) {
			part, v, more = strings.Cut(v, ",")
			if strings.Contains(part, `"`) {
				return nil, errors.New("a quote inside of a part without quotes")
			}
			list = append(list, part)
			continue
		}
		for v = v[1:]; ; part += `"` {
			text, rest, closed := strings.Cut(v, `"`)
			if !closed {
				return nil, errors.New("a quote is not closed")
			}
			part, v = part+text, rest
			if !strings.HasPrefix(v, `"`) {
				break
			}
			v = v[1:]
		}
		if v, more = strings.CutPrefix(v, ","); !more && v != "" {
			return nil, errors.New("text behind a quote")
		}
		list = append(list, part)
	}
	return list, nil
}

func listEmpty(p *[]string) func() bool {
	return func() bool { return len(*p) == 0 || slices.Contains(*p, "") }
}

// Short gives a flag its letter.
func (s *Set) Short(name, letter string) {
	if f := s.find(func(f *Flag) bool { return f.Name == name }); f != nil {
		f.Short = letter
	}
}

// All are the flags by their names.
func (s *Set) All() []*Flag {
	return slices.SortedFunc(slices.Values(s.flags), func(a, b *Flag) int { return strings.Compare(a.Name, b.Name) })
}

// Names are the names of all flags, sorted.
func (s *Set) Names() (names []string) {
	for _, f := range s.All() {
		names = append(names, f.Name)
	}
	return names
}

func (s *Set) find(is func(*Flag) bool) *Flag {
	if i := slices.IndexFunc(s.flags, is); i >= 0 {
		return s.flags[i]
	}
	return nil
}

// Parse sets the flags and returns the arguments.
func (s *Set) Parse(line []string) (args []string, err error) {
	for len(line) > 0 {
		word := line[0]
		line = line[1:]
		switch {
		case word == "--":
			return append(args, line...), nil
		case word == "-h" || word == "--help":
			return args, ErrHelp
		case strings.HasPrefix(word, "--"):
			line, err = s.long(word[2:], line)
		case len(word) > 1 && word[0] == '-':
			line, err = s.letters(word[1:], line)
		default:
			args = append(args, word)
		}
		if err != nil {
			return args, err
		}
	}
	return args, nil
}

func (s *Set) long(word string, rest []string) ([]string, error) {
	name, value, given := strings.Cut(word, "=")
	f := s.find(func(f *Flag) bool { return f.Name == name })
	switch {
	case f == nil:
		return rest, fmt.Errorf("unknown flag: --%s", name)
	case f.Bool && !given:
		value = "true"
	case !given && len(rest) == 0:
		return rest, fmt.Errorf("flag needs an argument: --%s", name)
	case !given:
		value, rest = rest[0], rest[1:]
	}
	return rest, f.take(value)
}

// letters takes switches only: no flag of ours with a letter has a value.
func (s *Set) letters(word string, rest []string) ([]string, error) {
	for i := range len(word) {
		f := s.find(func(f *Flag) bool { return f.Short == word[i:i+1] })
		if f == nil {
			return rest, fmt.Errorf("unknown shorthand flag: %q in -%s", rune(word[i]), word)
		}
		if err := f.take("true"); err != nil {
			return rest, err
		}
	}
	return rest, nil
}

func (f *Flag) take(value string) error {
	f.Set = true
	if err := f.set(value); err != nil {
		name := "--" + f.Name
		if f.Short != "" {
			name = "-" + f.Short + ", " + name
		}
		return fmt.Errorf("invalid argument %q for %q flag: %w", value, name, err)
	}
	return nil
}

// Empty is the error of the first flag that was given and is empty.
func (s *Set) Empty() error {
	for _, f := range s.All() {
		if f.Set && f.empty() {
			return EmptyFlag(f.Name)
		}
	}
	return nil
}
