package main

import (
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/sledge-io/sledge/appliance"
)

// sourcesOf pairs the folders of a load with their names. One folder needs none; of several
// each has its own, in the same order, and nothing of one may be another's.
func sourcesOf(folders, as []string) ([]appliance.Place, error) {
	if len(as) > len(folders) {
		return nil, usagef("--as is given %d times, for %s", len(as), plural(len(folders), "folder"))
	}
	var out []appliance.Place
	for i, folder := range folders {
		full, err := filepath.Abs(folder)
		if err != nil {
			return nil, err
		}
		p := appliance.Place{Root: full}
		if i < len(as) {
			if p.As = strings.Trim(as[i], "/"); p.As == "" && len(folders) > 1 {
				return nil, usagef("--as %q of %s is no name: each of several folders has one of its own", as[i], folder)
			}
		} else if len(folders) > 1 {
			return nil, hint(usagef("%d folders, and --as %d times: each of several has a name of its own", len(folders), len(as)),
				"give every folder its --as, in the same order: sledge load /a --as a /b --as b")
		}
		for _, other := range out {
			if err := keptApart(p, other); err != nil {
				return nil, err
			}
		}
		out = append(out, p)
	}
	return out, nil
}

// keptApart refuses two sources of which one holds the other, in the source or in the manifest.
func keptApart(a, b appliance.Place) error {
	for _, p := range [][2]appliance.Place{{a, b}, {b, a}} {
		if strings.HasPrefix(p[0].Root+"/", strings.TrimSuffix(p[1].Root, "/")+"/") || within(p[0].Root, p[1].Root) {
			return usagef("source %s lies in source %s", p[0].Root, p[1].Root)
		}
		if strings.HasPrefix(p[0].As+"/", p[1].As+"/") {
			return usagef("--as %s of %s lies in --as %s of %s", p[0].As, p[0].Root, p[1].As, p[1].Root)
		}
	}
	return nil
}

// sourcesReport is what a load of several sources did.
type sourcesReport struct {
	Sources []*sourceReport `json:"sources"`
	Failed  int             `json:"failed"` // of the sources, those that ended with an error
}

// sourceReport is what a load did with one of its sources.
type sourceReport struct {
	Source name   `json:"source"`
	As     name   `json:"as"`
	Load   report `json:"load"`            // null: nothing was loaded
	Error  string `json:"error,omitempty"` // why it is not whole
}

func (r *sourcesReport) Print(w io.Writer) {
	for _, s := range r.Sources {
		fmt.Fprintf(w, "source %s as %s\n", shownName(s.Source.Path), shownName(s.As.Path))
		if s.Load != nil {
			s.Load.Print(w)
		}
		printIf(w, s.Error != "", "NOT WHOLE   %s\n", shown(s.Error))
	}
}

// each loads one source after another. What is wrong with one does not stop the others; an
// error of the device's does.
func (r *sourcesReport) each(sources []appliance.Place, load func(appliance.Place) (report, error)) error {
	var all []error
	for _, p := range sources {
		done, err := load(p)
		s := &sourceReport{Source: nameOf(p.Root), As: nameOf(p.As), Load: done}
		r.Sources = append(r.Sources, s)
		if err == nil {
			continue
		}
		r.Failed++
		s.Error = escape(err.Error())
		all = append(all, fmt.Errorf("source %s: %w", p.Root, err))
		if !ofSource(err) {
			break
		}
	}
	return errors.Join(all...)
}

// ofSource reports whether the next source may be loaded all the same.
func ofSource(err error) bool {
	switch code, _ := diagnose(err); code {
	case exitSource, exitNotFound, exitUsage:
		return true
	case exitDiskFailed:
		return errors.Is(err, errDegraded) || errors.Is(err, errLessParity)
	}
	return errors.Is(err, appliance.ErrUnfinished) || errors.Is(err, appliance.ErrOtherFilters)
}
