// Command broken breaks the program on purpose, one small change at a time, and runs
// the tests that must notice it. It fails if one of them does not, or if a change does
// not build. A test that is red without the change, too, has not noticed it. The changes
// are in breaks/*.txt beside it; the tree is not touched.
//
//	broken [-list] [NAME ...]
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	list := flag.Bool("list", false, "name the breaks and run nothing")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	ok, err := run(ctx, ".", *list, flag.Args())
	if err != nil {
		fmt.Fprintf(os.Stderr, "broken: %v\n", err)
	}
	if !ok || err != nil {
		stop()
		os.Exit(1)
	}
}

// run tries the named breaks of the tree at root, all without a name, and reports
// whether each was noticed.
func run(ctx context.Context, root string, list bool, names []string) (bool, error) {
	breaks, err := readBreaks(filepath.Join(root, "scripts", "broken", "breaks"))
	if err != nil {
		return false, err
	}
	for _, name := range names {
		if !slices.ContainsFunc(breaks, func(b *brk) bool { return b.name == name }) {
			return false, fmt.Errorf("no break is named %q", name)
		}
	}
	sources, err := readSources(root)
	if err != nil {
		return false, err
	}
	began, noticed, tried, sound := time.Now(), 0, 0, map[string]string{}
	for _, b := range breaks {
		if len(names) > 0 && !slices.Contains(names, b.name) {
			continue
		}
		if list {
			fmt.Printf("%-28s %s\n", b.name, b.why)
			continue
		}
		files, err := b.apply(sources)
		if err != nil {
			return false, err
		}
		begun := time.Now()
		by, err := try(ctx, root, files, b.tests)
		if by != "" {
			err = soundTest(ctx, root, by, sound)
		}
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		tried++
		took := time.Since(begun).Round(time.Second)
		switch {
		case err != nil:
			fmt.Printf("%-28s %5s  cannot be tried: %v\n", b.name, took, err)
		case by == "":
			fmt.Printf("%-28s %5s  NOT NOTICED by go test %s\n", b.name, took, strings.Join(b.tests, " "))
		default:
			noticed++
			fmt.Printf("%-28s %5s  noticed by %s\n", b.name, took, by)
		}
	}
	if list {
		return true, nil
	}
	fmt.Printf("%d of %d noticed in %s\n", noticed, tried, time.Since(began).Round(time.Second))
	return noticed == tried, nil
}

// soundTest runs a test that has noticed a break without that break: one that is red
// then, too, has noticed nothing. What it finds is kept in known, by test.
func soundTest(ctx context.Context, root, test string, known map[string]string) error {
	folder, name, _ := strings.Cut(test, " ")
	name, _, _ = strings.Cut(name, "/")
	red, ok := known[folder+" "+name]
	if !ok {
		var err error
		if red, err = try(ctx, root, nil, []string{"./" + folder, "-run", "^" + name + "$"}); err != nil {
			return err
		}
		known[folder+" "+name] = red
	}
	if red != "" {
		return fmt.Errorf("%s is red without it", red)
	}
	return nil
}
