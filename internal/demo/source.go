package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/sledge-io/sledge/internal/terminal"
)

// source is what is loaded.
type source struct {
	folder  string
	entries int64
	bytes   int64  // of files and further names of files
	proven  string // the file whose proof is made
}

// maxProven bounds the file that the auditor is given.
const maxProven = 64 << 20

// bigFile is not a multiple of anything, so that every last block is short.
const bigFile = 1<<30 + 12345

func (d *demo) makeSource(ctx context.Context) (told, error) {
	s := &d.source
	if s.folder = os.Getenv("SRC"); s.folder != "" {
		if err := errors.Join(outside(s.folder, d.dir), s.count()); err != nil {
			return told{}, err
		}
		return sayf("%s: %d entries, %s", s.folder, s.entries, terminal.Size(s.bytes)), d.checkSpace(0, s.bytes, s.entries)
	}
	s.folder = d.path("source")
	made := int64(bigFile + 256<<20)
	if err := d.checkSpace(made, made, 20000); err != nil {
		return told{}, err
	}
	if err := makeDefault(ctx, s.folder); err != nil {
		return told{}, err
	}
	err := s.count()
	return sayf("the Go toolchain's own source, a file of 1 GiB, some links: %d entries, %s", s.entries, terminal.Size(s.bytes)), err
}

func outside(own, dir string) error {
	a, errA := filepath.EvalSymlinks(own)
	a, errB := filepath.Abs(a)
	b, errC := filepath.Abs(dir)
	if err := errors.Join(errA, errB, errC); err != nil {
		return fmt.Errorf("SRC: %w", err)
	}
	if info, err := os.Stat(a); err != nil || !info.IsDir() {
		return fmt.Errorf("SRC=%s is not a folder", own)
	}
	if a == b || strings.HasPrefix(b, strings.TrimRight(a, "/")+"/") || strings.HasPrefix(a, b+"/") {
		return fmt.Errorf("SRC=%s and %s lie in each other; name another folder", own, dir)
	}
	return nil
}

// count walks the source once and chooses the file that is proven later.
func (s *source) count() error {
	return filepath.WalkDir(s.folder, func(name string, e fs.DirEntry, err error) error {
		if err != nil || name == s.folder {
			return nil // the loader will name what cannot be read
		}
		s.entries++
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() {
			return nil
		}
		s.bytes += info.Size()
		rel, _ := filepath.Rel(s.folder, name)
		small := info.Size() > 0 && info.Size() <= maxProven && utf8.ValidString(rel)
		if small && (s.proven == "" || rel == filepath.Join("go", "fmt", "print.go")) {
			s.proven = rel
		}
		return nil
	})
}

// makeDefault makes the default source: a real tree that every Go user has, one
// large file, and the kinds of entries that the tree has none of.
func makeDefault(ctx context.Context, folder string) error {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	links := filepath.Join(folder, "links")
	if err := os.MkdirAll(filepath.Join(links, "empty folder"), 0o755); err != nil {
		return err
	}
	if err := copyAll(ctx, filepath.Join(strings.TrimSpace(string(root)), "src"), filepath.Join(folder, "go")); err != nil {
		return err
	}
	return errors.Join(
		makeBig(filepath.Join(folder, "large.bin")), ctx.Err(),
		os.Symlink("../go/fmt", filepath.Join(links, "to fmt")),
		os.Symlink("nowhere", filepath.Join(links, "dangling")),
		os.Link(filepath.Join(folder, "go", "fmt", "doc.go"), filepath.Join(links, "second name")),
		os.WriteFile(filepath.Join(links, "empty file"), nil, 0o600),
	)
}

// copyAll copies a file, or a folder and what is in it, with modes and times.
func copyAll(ctx context.Context, from, to string) error {
	out, err := exec.CommandContext(ctx, "cp", "-RHT", "--preserve=mode,timestamps", "--", from, to).CombinedOutput()
	if err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	return nil
}

// makeBig writes bytes that nobody can compress, the same in every run.
func makeBig(name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, rand.NewChaCha8([32]byte{1: seed & 0xff}), bigFile)
	return errors.Join(err, f.Close())
}

// checkSpace refuses to begin what cannot end: source, disks with parity, bucket,
// and one copy that was fetched back.
func (d *demo) checkSpace(made, bytes, entries int64) error {
	need := made + bytes*diskCount/dataShards + 2*bytes + entries*3*4096 + 512<<20
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &st); err != nil {
		return err
	}
	if free := int64(st.Bavail) * st.Bsize; free < need {
		return fmt.Errorf("%s has %s free, the demonstration needs about %s; make room, or choose smaller files with SRC=/path", d.dir, terminal.Size(free), terminal.Size(need))
	}
	return nil
}
