package main

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"
)

// options say which breaks are tried, and how.
type options struct {
	list, again bool
	jobs, most  int
	only        string
	names       []string
}

// A runner tries breaks of one tree, several at once.
type runner struct {
	root    string
	sources map[string]string
	tree    string // its digest at the start
	log     *os.File
	sound   *soundness
	report  *report
}

// run tries the chosen breaks of the tree at root, all without a choice, and reports
// whether each was noticed, now or by an earlier start in the same tree.
func run(ctx context.Context, root string, o options, out io.Writer) (bool, error) {
	all, err := readBreaks(filepath.Join(root, "scripts", "broken", "breaks"))
	if err != nil {
		return false, err
	}
	breaks, err := o.choose(all)
	if err != nil {
		return false, err
	}
	if o.list {
		for _, b := range breaks {
			fmt.Fprintf(out, "%-28s %s\n", b.name, b.why)
		}
		return true, nil
	}
	work := filepath.Join(root, "build", "broken")
	if err := os.MkdirAll(work, 0o777); err != nil {
		return false, err
	}
	r := &runner{root: root, report: &report{out: out, began: time.Now()}}
	if r.sources, err = readSources(root); err != nil {
		return false, err
	}
	if r.tree, err = treeDigest(root); err != nil {
		return false, err
	}
	before, err := readLog(filepath.Join(work, "log"))
	if err != nil {
		return false, err
	}
	if r.log, err = os.OpenFile(filepath.Join(work, "log"), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o666); err != nil {
		return false, err
	}
	defer r.log.Close()
	binaries, err := os.MkdirTemp(work, "tests")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(binaries)
	r.sound = newSoundness(root, binaries)
	left := breaks
	if !o.again && len(o.names) == 0 {
		left = r.report.takeNoticed(breaks, before, r.tree)
	}
	if o.most > 0 && len(left) > o.most {
		left = left[:o.most]
	}
	r.report.left = len(left)
	err = r.tryAll(ctx, left, o.jobs)
	return r.report.end() && err == nil, err
}

// choose gives the breaks that were asked for. They are mixed, the same way each time:
// so the first of them stand for all, in what they take as in what they try.
func (o options) choose(all []*brk) ([]*brk, error) {
	for _, name := range o.names {
		if !slices.ContainsFunc(all, func(b *brk) bool { return b.name == name }) {
			return nil, fmt.Errorf("no break is named %q", name)
		}
	}
	only, err := regexp.Compile(o.only)
	if err != nil {
		return nil, err
	}
	var breaks []*brk
	for _, b := range all {
		if (len(o.names) == 0 || slices.Contains(o.names, b.name)) && (only.MatchString(b.name) || slices.ContainsFunc(b.tests, only.MatchString)) {
			breaks = append(breaks, b)
		}
	}
	if len(breaks) == 0 {
		return nil, fmt.Errorf("no break matches %q", o.only)
	}
	if !o.list {
		slices.SortStableFunc(breaks, func(a, b *brk) int { return int(mixed(a.name)) - int(mixed(b.name)) })
	}
	return breaks, nil
}

func mixed(name string) uint16 {
	h := fnv.New64a()
	io.WriteString(h, name)
	sum := h.Sum64()
	return uint16(sum ^ sum>>16 ^ sum>>32 ^ sum>>48)
}

// tryAll tries the breaks, so many at once. An error ends all.
func (r *runner) tryAll(ctx context.Context, breaks []*brk, jobs int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	todo := make(chan *brk)
	var workers sync.WaitGroup
	for range max(jobs, 1) {
		workers.Go(func() {
			for b := range todo {
				if err := r.one(ctx, b); err != nil {
					cancel(err)
				}
			}
		})
	}
	for _, b := range breaks {
		if ctx.Err() != nil {
			break
		}
		todo <- b
	}
	close(todo)
	workers.Wait()
	return context.Cause(ctx)
}

// one tries a break and tells what came of it. It gives an error where going on has no
// use: the end of the run, or a tree that was changed under it.
func (r *runner) one(ctx context.Context, b *brk) error {
	if ctx.Err() != nil {
		return nil
	}
	begun := time.Now()
	t := trial{b: b}
	files, err := b.apply(r.sources)
	if err == nil {
		t.by, err = try(ctx, r.root, files, b.tests)
	}
	if t.by != "" {
		err = r.sound.test(ctx, t.by)
	}
	t.err, t.took = err, time.Since(begun)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	switch now, err := treeDigest(r.root); {
	case err != nil:
		return err
	case now != r.tree:
		return errors.New("the tree was changed while its breaks were tried: what was found counts for neither")
	}
	r.report.tell(t)
	if t.noticed() {
		return writeLog(r.log, r.tree, t)
	}
	return nil
}

// A trial is what came of one break.
type trial struct {
	b      *brk
	by     string // the test that noticed it
	err    error  // why it cannot be said whether it was noticed
	took   time.Duration
	before bool // an earlier start noticed it
}

func (t trial) noticed() bool { return t.by != "" && t.err == nil }

// verdict names what is counted.
func (t trial) verdict() string {
	switch {
	case t.noticed():
		return "noticed"
	case errors.Is(t.err, errNotBuilt):
		return "did not build"
	case t.by != "":
		return "red without it"
	case t.err != nil:
		return "could not be tried"
	}
	return "survived"
}

func (t trial) String() string {
	switch {
	case t.noticed():
		return "noticed by " + t.by
	case t.err != nil:
		return fmt.Sprintf("CANNOT BE TRIED, %s: %v", t.verdict(), t.err)
	}
	return "NOT NOTICED by go test " + strings.Join(t.b.tests, " ")
}
