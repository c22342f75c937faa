package cmdline

import (
	"errors"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/internal/advice"
)

// line is what a command line was read as.
type line struct {
	trust, err   string
	labels, disk []string
	json, quiet  bool
	args         []string
}

func define(f Flags, l *line) {
	f.StringVar(&l.trust, "trust", "", "")
	f.StringArrayVar(&l.labels, "label", nil, "")
	f.StringSliceVar(&l.disk, "disk", nil, "")
	f.BoolVar(&l.json, "json", false, "")
	f.BoolVar(&l.quiet, "quiet", false, "")
}

// TestSetAsPflag: the small reader takes lines as pflag does, which reads those of sledge, with
// the same errors.
func TestSetAsPflag(t *testing.T) {
	words := []string{"a", "--trust", "--trust=x", "--trust=", "--label", "l", "--disk", "a,b", `"c,d",e`, "--disk=/mnt/a", `--disk="a ""b"",c"`, `--disk="x",`, `--disk=,`, "--json", "--json=false", "--json=no", "-q", "-qq", "-x", "--", "-", "--unknown", "--quiet", ""}
	r := rand.New(rand.NewSource(1))
	for range 20000 {
		var in []string
		for range r.Intn(6) {
			in = append(in, words[r.Intn(len(words))])
		}
		var ours, theirs line
		set := &Set{}
		define(set, &ours)
		set.Short("quiet", "q")
		args, err := set.Parse(in)
		if ours.args = args; err != nil {
			ours.err = sameWords(err).Error()
		}
		p := pflag.NewFlagSet("x", pflag.ContinueOnError)
		p.SetOutput(new(strings.Builder))
		define(p, &theirs)
		p.Lookup("quiet").Shorthand = "q"
		q := pflag.NewFlagSet("x", pflag.ContinueOnError)
		q.SetOutput(new(strings.Builder))
		p.VisitAll(q.AddFlag)
		err = q.Parse(in)
		if theirs.args = q.Args(); err != nil {
			err = sameWords(err)
			theirs.err, ours.args, theirs.args = err.Error(), nil, nil
		}
		if ours.err != theirs.err || ours.trust != theirs.trust || ours.json != theirs.json || ours.quiet != theirs.quiet ||
			!slices.Equal(ours.labels, theirs.labels) || !slices.Equal(ours.disk, theirs.disk) || !slices.Equal(ours.args, theirs.args) {
			t.Fatalf("%q:\n%+v, pflag has\n%+v", in, ours, theirs)
		}
	}
}

// sameWords takes away what an error says of a list's quotes: the words are encoding/csv's there.
func sameWords(err error) error {
	if text, _, ok := strings.Cut(err.Error(), ` for "--disk" flag: `); ok {
		return errors.New(text)
	}
	return err
}

// TestListRefused: a list whose quotes do not fit is refused, as pflag does.
func TestListRefused(t *testing.T) {
	for _, v := range []string{`a"b`, `"a`, `"a"b`, `a,"b`} {
		var l line
		set := &Set{}
		define(set, &l)
		if _, err := set.Parse([]string{"--disk", v}); err == nil {
			t.Errorf("%q: %q", v, l.disk)
		}
	}
}

// TestTakesArgs: a verb's Use line says what it takes.
func TestTakesArgs(t *testing.T) {
	for _, c := range []struct {
		use, args, want string
	}{
		{"proof FILE", "", "v: FILE is missing"},
		{"proof FILE", "a b", `v: "b" is too much: it takes FILE only`},
		{"disks", "a", `v: "a" is too much: it takes no arguments`},
		{"acceptance FILE [RECEIPTS...]", "a", ""},
		{"acceptance FILE [RECEIPTS...]", "a b c", ""},
	} {
		got := ""
		if err := TakesArgs("v", c.use, strings.Fields(c.args)); err != nil {
			got = err.Error()
		}
		if got != c.want {
			t.Errorf("%s with %q: %q, want %q", c.use, c.args, got, c.want)
		}
	}
}

// TestEmptyIsRefused: an empty value must not switch off the check that it was meant for.
func TestEmptyIsRefused(t *testing.T) {
	for _, in := range [][]string{{"--trust="}, {"--trust", ""}, {"--label", ""}, {"--disk", ""}, {"--disk", "a,"}} {
		var l line
		set := &Set{}
		define(set, &l)
		if _, err := set.Parse(in); err != nil {
			t.Fatal(err)
		}
		if usage := (*advice.UsageError)(nil); !errors.As(set.Empty(), &usage) {
			t.Errorf("%q: %v", in, set.Empty())
		}
	}
	if EmptyArg([]string{"a", ""}) == nil || EmptyArg([]string{"a"}) != nil {
		t.Error("arguments")
	}
}
