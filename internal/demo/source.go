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

func (d *demo) makeSource(ctx context.Context) error {
	return d.stage("source", func() (told, error) {
		own := os.Getenv("SRC")
		if own != "" {
			d.source.folder = own
			if err := outside(own, d.dir); err != nil {
				return told{}, err
			}
			if err := d.source.count(); err != nil {
				return told{}, err
			}
			return told{text: fmt.Sprintf("%s: %d entries, %s", own, d.source.entries, size(d.source.bytes))}, d.checkSpace(0)
		}
		d.source.folder = d.path("source")
		if err := d.checkSpace(bigFile + 256<<20); err != nil {
			return told{}, err
		}
		if err := makeDefault(ctx, d.source.folder); err != nil {
			return told{}, err
		}
		err := d.source.count()
		return told{text: fmt.Sprintf("the Go toolchain's own source, a file of 1 GiB, some links: %d entries, %s", d.source.entries, size(d.source.bytes))}, err
	})
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
	if err := os.MkdirAll(filepath.Join(folder, "links", "empty folder"), 0o755); err != nil {
		return err
	}
	if err := copyTree(ctx, filepath.Join(strings.TrimSpace(string(root)), "src"), filepath.Join(folder, "go")); err != nil {
		return err
	}
	if err := makeBig(ctx, filepath.Join(folder, "large.bin")); err != nil {
		return err
	}
	return errors.Join(
		os.Symlink("../go/fmt", filepath.Join(folder, "links", "to fmt")),
		os.Symlink("nowhere", filepath.Join(folder, "links", "dangling")),
		os.Link(filepath.Join(folder, "go", "fmt", "doc.go"), filepath.Join(folder, "links", "second name")),
		os.WriteFile(filepath.Join(folder, "links", "empty file"), nil, 0o600),
	)
}

// copyTree copies files, folders and links with modes and times.
func copyTree(ctx context.Context, from, to string) error {
	var folders []string
	err := filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		rel, _ := filepath.Rel(from, name)
		target := filepath.Join(to, rel)
		switch e.Type() {
		case fs.ModeDir:
			folders = append(folders, rel)
			return os.Mkdir(target, 0o700)
		case fs.ModeSymlink:
			text, err := os.Readlink(name)
			return errors.Join(err, os.Symlink(text, target))
		case 0:
			return copyFile(name, target)
		}
		return nil
	})
	for i := len(folders) - 1; i >= 0; i-- { // a folder's time changes with what is put into it
		err = errors.Join(err, sameMeta(filepath.Join(from, folders[i]), filepath.Join(to, folders[i])))
	}
	return err
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.Create(to)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	return sameMeta(from, to)
}

func sameMeta(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	return errors.Join(os.Chmod(to, info.Mode().Perm()), os.Chtimes(to, info.ModTime(), info.ModTime()))
}

// makeBig writes bytes that nobody can compress, the same in every run.
func makeBig(ctx context.Context, name string) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	rng := rand.NewChaCha8([32]byte{1: seed & 0xff})
	p := make([]byte, 1<<20)
	for left := bigFile; left > 0 && err == nil; left -= min(left, len(p)) {
		rng.Read(p)
		if _, err = f.Write(p[:min(left, len(p))]); err == nil {
			err = ctx.Err()
		}
	}
	return errors.Join(err, f.Close())
}

// checkSpace refuses to begin what cannot end: source, disks with parity, bucket,
// and one copy that was fetched back.
func (d *demo) checkSpace(made int64) error {
	bytes, entries := d.source.bytes, d.source.entries
	if made > 0 {
		bytes, entries = made, 20000
	}
	need := made + bytes*diskCount/dataShards + 2*bytes + entries*3*4096 + 512<<20
	var st syscall.Statfs_t
	if err := syscall.Statfs(d.dir, &st); err != nil {
		return err
	}
	if free := int64(st.Bavail) * st.Bsize; free < need {
		return fmt.Errorf("%s has %s free, the demonstration needs about %s; make room, or choose smaller files with SRC=/path", d.dir, size(free), size(need))
	}
	return nil
}
