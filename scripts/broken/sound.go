package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// A soundness runs tests that have noticed a break without that break: one that is red
// then, too, has noticed nothing. The tests of a package are built once.
type soundness struct {
	root, work string

	mu       sync.Mutex
	packages map[string]*soundPackage
}

type soundPackage struct {
	mu     sync.Mutex
	binary string
	known  map[string]error // by test
}

func newSoundness(root, work string) *soundness {
	return &soundness{root: root, work: work, packages: map[string]*soundPackage{}}
}

// test runs a test, "folder name", once however often it is asked for.
func (s *soundness) test(ctx context.Context, test string) error {
	folder, name, _ := strings.Cut(test, " ")
	name, _, _ = strings.Cut(name, "/")
	s.mu.Lock()
	p := s.packages[folder]
	if p == nil {
		p = &soundPackage{known: map[string]error{}}
		s.packages[folder] = p
	}
	s.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	if err, ok := p.known[name]; ok {
		return err
	}
	if p.binary == "" {
		if err := p.build(ctx, s, folder); err != nil {
			return err
		}
	}
	err := p.run(ctx, filepath.Join(s.root, folder), name)
	if ctx.Err() == nil {
		p.known[name] = err
	}
	return err
}

func (p *soundPackage) build(ctx context.Context, s *soundness, folder string) error {
	binary, err := filepath.Abs(filepath.Join(s.work, strings.ReplaceAll(folder, "/", "-")+".test"))
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, "go", slices.Concat([]string{"test", "-c", "-ldflags=-s -w", "-o", binary}, buildFlags, []string{"./" + folder})...)
	cmd.Dir = s.root
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("the tests of %s do not build without it: %w: %s", folder, err, bytes.TrimSpace(said))
	}
	p.binary = binary
	return nil
}

func (p *soundPackage) run(ctx context.Context, folder, name string) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.binary, "-test.v", "-test.run", "^"+name+"$")
	cmd.Dir = folder
	endsWithItsChildren(cmd)
	said, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		return fmt.Errorf("%s is red without it: %w", name, err)
	case !bytes.Contains(said, []byte("--- PASS: "+name+" ")):
		return errors.New(name + " is not run without it")
	}
	return nil
}
