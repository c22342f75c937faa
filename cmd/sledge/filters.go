package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/appliance/filter"
)

// filters are the flags that leave entries of a source out.
type filters struct {
	spec   filter.Spec
	listed []listedPath
	stdin  string // the flag that has read the standard input
}

// listedPath is a path of a --files-from.
type listedPath struct{ path string }

func (f *filters) add(flags *pflag.FlagSet) {
	s := &f.spec
	flags.Var(&filterFlag{set: f.pattern(&s.Exclude)}, "exclude", "leave out what matches this `PATTERN`, and all below it; \"!PATTERN\" takes back; may be repeated")
	flags.Var(&filterFlag{set: f.file("exclude-from", filter.Patterns, f.pattern(&s.Exclude))}, "exclude-from", "take exclude patterns from this `FILE`, one a line; may be repeated")
	flags.Var(&filterFlag{set: f.pattern(&s.Include)}, "include", "take only what matches this `PATTERN`, and all below it; may be repeated")
	flags.Var(&filterFlag{set: f.file("files-from", filter.Paths, f.list)}, "files-from", "take only the paths of this `FILE`, one a line, and all below them; - is the standard input")
	flags.Var(&filterFlag{set: f.file("files-from0", filter.Paths0, f.list)}, "files-from0", "the same, with a NUL between two paths")
	flags.BoolVarP(&s.OneFileSystem, "one-file-system", "x", false, "leave out what lies on other file systems than the source")
	flags.Var(&filterFlag{set: f.pattern(&s.IfPresent)}, "exclude-if-present", "leave out what is in folders that hold a file of this `NAME`, or NAME:HEADER; may be repeated")
	flags.BoolVar(&s.Caches, "exclude-caches", false, "leave out what is in cache folders, which hold a CACHEDIR.TAG")
	flags.StringVar(&s.MaxSize, "max-size", "", "leave out larger files: a `SIZE` such as 500M or 2G")
	flags.StringVar(&s.MinSize, "min-size", "", "leave out smaller files: a `SIZE` such as 1B or 50K")
	flags.StringVar(&s.MaxAge, "max-age", "", "leave out files that were changed longer ago: an `AGE` such as 36h, 2d, 1w, 3M or 1y, or a date")
	flags.StringVar(&s.MinAge, "min-age", "", "leave out files that were changed since: an `AGE`, or a date")
}

// filterFlag is a flag that may be repeated, in one order with others.
type filterFlag struct {
	set   func(text string) error
	given []string
}

func (f *filterFlag) Set(text string) error {
	f.given = append(f.given, text)
	if text == "" { // refused as every empty value is
		return nil
	}
	return f.set(text)
}
func (f *filterFlag) String() string {
	if f == nil || len(f.given) == 0 {
		return ""
	}
	return f.given[len(f.given)-1]
}
func (f *filterFlag) Type() string { return "stringArray" }

func (f *filters) pattern(to *[]string) func(string) error {
	return func(text string) error { *to = append(*to, text); return nil }
}

// file has each take every line of a file.
func (f *filters) file(flag string, read func(io.Reader) ([]string, error), each func(string) error) func(string) error {
	return func(name string) error {
		in := io.ReadCloser(os.Stdin)
		if name != "-" {
			var err error
			if in, err = os.Open(name); err != nil {
				return err
			}
			defer in.Close() // only read
		} else if f.stdin != "" {
			return fmt.Errorf("the standard input was read for --%s", f.stdin)
		} else {
			f.stdin = flag
		}
		lines, err := read(in)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		for _, line := range lines {
			if err := each(line); err != nil {
				return err
			}
		}
		f.spec.Listed = f.spec.Listed || strings.HasPrefix(flag, "files-from")
		return nil
	}
}

func (f *filters) list(path string) error {
	f.listed = append(f.listed, listedPath{path: path})
	return nil
}

// of compiles the filters for one of the sources. A listed path that begins at the
// system's root has to be below one of them; another is below the only one.
func (f *filters) of(source string, sources []string) (*filter.Set, error) {
	spec := f.spec
	spec.Files = nil
	roots := make([]string, len(sources))
	for i, s := range sources {
		full, err := filepath.Abs(s)
		if err != nil {
			return nil, err
		}
		roots[i] = full
	}
	own, err := filepath.Abs(source)
	if err != nil {
		return nil, err
	}
	for _, l := range f.listed {
		root, rel := "", l.path
		if strings.HasPrefix(l.path, "/") {
			if root, rel, err = below(l.path, roots); err != nil {
				return nil, err
			}
		} else if len(roots) > 1 {
			return nil, usagef("listed path %q: with several sources every listed path begins with one of them", escape(l.path))
		}
		if cmp.Or(root, own) == own {
			spec.Files = append(spec.Files, rel)
		}
	}
	set, err := filter.New(spec, time.Now())
	if err != nil {
		return nil, &usageError{Err: err}
	}
	return set, nil
}

// below finds the source that a path is below.
func below(path string, roots []string) (root, rel string, err error) {
	for _, r := range roots {
		if rel, ok := strings.CutPrefix(path, strings.TrimSuffix(r, "/")+"/"); ok {
			return r, rel, nil
		}
	}
	return "", "", &usageError{Err: fmt.Errorf("listed path %q: %w", escape(path), errNotBelow)}
}

var errNotBelow = errors.New("it begins at the system's root, and is not below a source")
