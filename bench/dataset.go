package main

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

// seed makes every run's sets the same bytes.
const seed = "sledge benchmark 1"

// dataset is a tree of files to load. Contents come from a seeded AES-CTR stream,
// so nothing can be compressed and no two blocks are alike.
type dataset struct {
	Name  string `json:"name"`
	What  string `json:"what"`
	Files int64  `json:"files"`
	Bytes int64  `json:"bytes"`
	dir   string
	shown string // where programs find it, if not in dir
	make  func(ctx context.Context, dir string) error
	space int64 // about what it takes, before it is made
}

// source is the folder that programs are given.
func (d *dataset) source() string {
	if d.shown != "" {
		return d.shown
	}
	return d.dir
}

// at is the set as it is shown at another place.
func (d *dataset) at(dir string) *dataset {
	other := *d
	other.shown = dir
	return &other
}

const mib = 1 << 20

// datasets are the sets of this run by name.
func datasets(quick bool) map[string]*dataset {
	large, largeSize := 4, int64(1<<30)
	small, medium := 100_000, 200
	few, roots := 10_000, []string{"."}
	latent, tardy, glance := 20_000, 2_000, 500
	if quick {
		latent, tardy, glance = 200, 100, 100
		large, largeSize, small, medium, few, roots = 2, 128*mib, 5_000, 20, 500, []string{"src/net", "src/time"}
	}
	sample, each := largeSize/16, largeSize/fleetSize
	sets := []*dataset{
		{Name: "large", What: fmt.Sprintf("%d files of %d MiB", large, largeSize/mib), space: int64(large) * largeSize,
			make: func(ctx context.Context, dir string) error {
				return makeFiles(ctx, dir, "large", large, largeSize, large)
			}},
		smallFiles("small", small),
		smallFiles("few", few),
		{Name: "disks", What: fmt.Sprintf("%d files of %d MiB", large/2, largeSize/mib), space: int64(large/2) * largeSize,
			make: func(ctx context.Context, dir string) error {
				return makeFiles(ctx, dir, "disks", large/2, largeSize, large)
			}},
		smallFiles("latent", latent), smallFiles("tardy", tardy), smallFiles("glance", glance),
		{Name: "mix", What: fmt.Sprintf("%s and %d files of 4 MiB", toolchainPart(roots), medium), space: int64(medium)*4*mib + 600*mib,
			make: func(ctx context.Context, dir string) error {
				toolchain, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
				if err != nil {
					return fmt.Errorf("go env GOROOT: %w", err)
				}
				for _, root := range roots {
					if err := copyTree(ctx, filepath.Join(strings.TrimSpace(string(toolchain)), root), filepath.Join(dir, "go", root)); err != nil {
						return err
					}
				}
				return makeFiles(ctx, filepath.Join(dir, "medium"), "mix", medium, 4*mib, 20)
			}},
		{Name: "sample", What: fmt.Sprintf("one file of %d MiB", sample/mib), space: sample,
			make: func(ctx context.Context, dir string) error { return makeFiles(ctx, dir, "sample", 1, sample, 1) }},
		{Name: "fleet", What: fmt.Sprintf("%d folders, a device each, with one file of %d MiB", fleetSize, each/mib), space: largeSize,
			make: func(ctx context.Context, dir string) error {
				return makeFiles(ctx, dir, "fleet", fleetSize, each, 1)
			}},
	}
	byName := map[string]*dataset{}
	for _, s := range sets {
		byName[s.Name] = s
	}
	return byName
}

// smallFiles is a set of files of 4 KiB, a hundred in each folder.
func smallFiles(name string, count int) *dataset {
	return &dataset{Name: name, What: fmt.Sprintf("%d files of 4 KiB in %d folders", count, count/100), space: int64(count) * 4096,
		make: func(ctx context.Context, dir string) error { return makeFiles(ctx, dir, name, count, 4096, 100) }}
}

func toolchainPart(roots []string) string {
	if len(roots) == 1 {
		return "the Go toolchain tree"
	}
	return "part of the Go toolchain tree"
}

// prepare makes the set below a folder, or takes one that --keep has left.
func (d *dataset) prepare(ctx context.Context, sets string) error {
	if d.dir != "" {
		return nil
	}
	dir := filepath.Join(sets, d.Name)
	stamp, want := dir+".made", seed+": "+d.What+", "+runtime.Version()
	if text, err := os.ReadFile(stamp); err != nil || string(text) != want {
		if err := errors.Join(os.RemoveAll(stamp), removeAll(dir), os.MkdirAll(dir, 0o755)); err != nil {
			return err
		}
		if err := d.make(ctx, dir); err != nil {
			return errors.Join(fmt.Errorf("data set %s: %w", d.Name, err), removeAll(dir))
		}
		if err := os.WriteFile(stamp, []byte(want), 0o644); err != nil {
			return err
		}
	}
	d.Files, d.Bytes = 0, 0
	err := filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			d.Files++
			d.Bytes += info.Size()
		}
		return err
	})
	d.dir = dir
	return err
}

// makeFiles writes count files of one size, perFolder of them in each folder.
func makeFiles(ctx context.Context, dir, name string, count int, size int64, perFolder int) error {
	stream, err := newStream(name)
	if err != nil {
		return err
	}
	buf := make([]byte, 256<<10)
	for i := range count {
		if err := ctx.Err(); err != nil {
			return err
		}
		folder := dir
		if count > perFolder {
			folder = filepath.Join(dir, fmt.Sprintf("%04d", i/perFolder))
		}
		if i%perFolder == 0 {
			if err := os.MkdirAll(folder, 0o755); err != nil {
				return err
			}
		}
		if err := makeFile(filepath.Join(folder, fmt.Sprintf("%s-%06d", name, i)), size, stream, buf); err != nil {
			return err
		}
	}
	return nil
}

func newStream(name string) (cipher.Stream, error) {
	key := sha256.Sum256([]byte(seed + "/" + name))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, err
	}
	return cipher.NewCTR(block, make([]byte, aes.BlockSize)), nil
}

func makeFile(name string, size int64, stream cipher.Stream, buf []byte) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	for left := size; left > 0 && err == nil; {
		piece := buf[:min(left, int64(len(buf)))]
		clear(piece)
		stream.XORKeyStream(piece, piece)
		_, err = f.Write(piece)
		left -= int64(len(piece))
	}
	return errors.Join(err, f.Close())
}

// copyTree copies folders, regular files, and links that stay inside.
func copyTree(ctx context.Context, from, to string) error {
	from, err := filepath.EvalSymlinks(from)
	if err != nil {
		return err
	}
	return filepath.WalkDir(from, func(name string, e fs.DirEntry, err error) error {
		if err = errors.Join(err, ctx.Err()); err != nil {
			return err
		}
		rel, err := filepath.Rel(from, name)
		if err != nil {
			return err
		}
		target := filepath.Join(to, rel)
		switch {
		case e.IsDir():
			return os.MkdirAll(target, 0o755)
		case e.Type()&fs.ModeSymlink != 0:
			link, err := os.Readlink(name)
			if err != nil || filepath.IsAbs(link) || strings.HasPrefix(filepath.Join(filepath.Dir(rel), link), "..") {
				return err
			}
			return os.Symlink(link, target)
		case !e.Type().IsRegular():
			return nil
		}
		return copyFile(name, target)
	})
}

func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
