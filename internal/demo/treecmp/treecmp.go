// Package treecmp compares folders byte for byte: a source with what was
// extracted from a device, or with what an S3 client fetched back. It knows
// nothing of sledge's format, so that it can be believed about it.
//
//	result := treecmp.Extracted(source, folder, nil) // content, modes, times, links
//	result := treecmp.Objects(source, folder, nil)   // an object has content only
//	if err := result.Err(); err != nil { … }
package treecmp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// maxNamed bounds how many differences are named; the rest are counted.
const maxNamed = 20

// Result is what a comparison has come to.
type Result struct {
	Entries     int64 // compared, directories and links included
	Files       int64 // compared byte for byte, hard links included
	Bytes       int64 // of those
	Differences []string
	More        int64 // differences that are not listed
}

// Err is nil if nothing differs and something was compared.
func (r *Result) Err() error {
	if len(r.Differences) > 0 {
		text := strings.Join(r.Differences, "\n")
		if r.More > 0 {
			text += fmt.Sprintf("\nand %d more", r.More)
		}
		return errors.New(text)
	}
	if r.Entries == 0 {
		return errors.New("nothing was compared")
	}
	return nil
}

func (r *Result) differ(path, format string, args ...any) {
	if len(r.Differences) >= maxNamed {
		r.More++
		return
	}
	r.Differences = append(r.Differences, fmt.Sprintf("%q: %s", path, fmt.Sprintf(format, args...)))
}

// comparison is one run.
type comparison struct {
	Result
	want, got string
	skip      map[string]bool
	objects   bool             // got holds objects, not entries
	groups    map[inode]string // first name of a file with several, where it was in want
	bufA      []byte
	bufB      []byte
}

type inode struct{ dev, ino uint64 }

// Extracted compares a source with a folder that was extracted from a device:
// names, kinds, content, modes, times, link targets and which names are one file.
// Paths in skip are those that the loader said it left out.
func Extracted(want, got string, skip map[string]bool) *Result {
	return run(&comparison{want: want, got: got, skip: skip, groups: map[inode]string{}})
}

// Objects compares a source with its objects as an S3 client fetched them: every
// file and every further name of one is a file, a symbolic link is a file that
// holds the target's text, a directory a folder. Modes and times are not
// compared: an ordinary client does not restore them.
func Objects(want, got string, skip map[string]bool) *Result {
	return run(&comparison{want: want, got: got, skip: skip, objects: true})
}

func run(c *comparison) *Result {
	c.bufA, c.bufB = make([]byte, 1<<20), make([]byte, 1<<20)
	c.walk(c.want, c.compare)
	c.walk(c.got, c.surplus)
	return &c.Result
}

// walk calls fn for every entry below root, but not for root.
func (c *comparison) walk(root string, fn func(path string, info fs.FileInfo)) {
	err := filepath.WalkDir(root, func(name string, e fs.DirEntry, err error) error {
		path, _ := filepath.Rel(root, name)
		if err != nil {
			c.differ(path, "cannot be read: %v", err)
			return nil
		}
		if path == "." || c.skip[path] {
			return nil
		}
		info, err := e.Info()
		if err != nil {
			c.differ(path, "cannot be read: %v", err)
			return nil
		}
		fn(path, info)
		return nil
	})
	if err != nil {
		c.differ(".", "%v", err)
	}
}

// surplus names what is in got only.
func (c *comparison) surplus(path string, _ fs.FileInfo) {
	if _, err := os.Lstat(filepath.Join(c.want, path)); err != nil {
		c.differ(path, "is there, but not in the source")
	}
}

func (c *comparison) compare(path string, want fs.FileInfo) {
	got, err := os.Lstat(filepath.Join(c.got, path))
	if errors.Is(err, fs.ErrNotExist) {
		c.differ(path, "is missing")
		return
	}
	if err != nil {
		c.differ(path, "cannot be read: %v", err)
		return
	}
	c.Entries++
	if c.objects {
		c.object(path, want, got)
		return
	}
	c.entry(path, want, got)
}

// object compares an entry with the object that holds it.
func (c *comparison) object(path string, want, got fs.FileInfo) {
	switch kind := want.Mode().Type(); {
	case kind == fs.ModeDir && got.IsDir():
	case kind == fs.ModeDir || !got.Mode().IsRegular():
		c.differ(path, "is a %s, in the source a %s", kindOf(got), kindOf(want))
	case kind == fs.ModeSymlink:
		c.linkObject(path, got)
	case kind == 0:
		c.content(path, want, got)
	default:
		c.differ(path, "is a %s: nothing to compare with", kindOf(want))
	}
}

func (c *comparison) linkObject(path string, got fs.FileInfo) {
	target, err := os.Readlink(filepath.Join(c.want, path))
	if err != nil {
		c.differ(path, "cannot be read: %v", err)
		return
	}
	text, err := os.ReadFile(filepath.Join(c.got, path))
	if err != nil || string(text) != target {
		c.differ(path, "the object of %d bytes does not hold the link's target %q", got.Size(), target)
	}
	c.Files++
	c.Bytes += int64(len(target))
}

// entry compares all that an extracted entry has.
func (c *comparison) entry(path string, want, got fs.FileInfo) {
	if kindOf(want) != kindOf(got) {
		c.differ(path, "is a %s, in the source a %s", kindOf(got), kindOf(want))
		return
	}
	if want.Mode() != got.Mode() && want.Mode()&fs.ModeSymlink == 0 {
		c.differ(path, "mode %v, in the source %v", got.Mode(), want.Mode())
	}
	if !want.ModTime().Equal(got.ModTime()) {
		c.differ(path, "time %v, in the source %v", got.ModTime().UTC(), want.ModTime().UTC())
	}
	switch want.Mode().Type() {
	case fs.ModeSymlink:
		a, errA := os.Readlink(filepath.Join(c.want, path))
		b, errB := os.Readlink(filepath.Join(c.got, path))
		if errA != nil || errB != nil || a != b {
			c.differ(path, "links to %q, in the source to %q", b, a)
		}
	case 0:
		c.sameFile(path, want, got)
		c.content(path, want, got)
	}
}

// sameFile checks that the names of one file are still names of one file.
func (c *comparison) sameFile(path string, want, got fs.FileInfo) {
	w, okW := want.Sys().(*syscall.Stat_t)
	g, okG := got.Sys().(*syscall.Stat_t)
	if !okW || !okG || w.Nlink < 2 {
		return
	}
	id := inode{uint64(w.Dev), w.Ino}
	first, seen := c.groups[id]
	if !seen {
		c.groups[id] = path
		return
	}
	other, err := os.Lstat(filepath.Join(c.got, first))
	if err != nil || !os.SameFile(other, got) {
		c.differ(path, "is a file of its own (%d names), in the source one file with %q", g.Nlink, first)
	}
}

// content compares two regular files byte for byte.
func (c *comparison) content(path string, want, got fs.FileInfo) {
	if want.Size() != got.Size() {
		c.differ(path, "%d bytes, in the source %d", got.Size(), want.Size())
		return
	}
	a, errA := os.Open(filepath.Join(c.want, path))
	b, errB := os.Open(filepath.Join(c.got, path))
	defer a.Close()
	defer b.Close()
	if err := errors.Join(errA, errB); err != nil {
		c.differ(path, "cannot be read: %v", err)
		return
	}
	if at, err := c.firstDifference(a, b); err != nil {
		c.differ(path, "cannot be read: %v", err)
	} else if at >= 0 {
		c.differ(path, "differs at byte %d of %d", at, want.Size())
	}
	c.Files++
	c.Bytes += want.Size()
}

// firstDifference is -1 for the same content.
func (c *comparison) firstDifference(a, b io.Reader) (int64, error) {
	for off := int64(0); ; {
		n, errA := io.ReadFull(a, c.bufA)
		m, errB := io.ReadFull(b, c.bufB)
		if !bytes.Equal(c.bufA[:n], c.bufB[:m]) {
			same := 0
			for same < min(n, m) && c.bufA[same] == c.bufB[same] {
				same++
			}
			return off + int64(same), nil
		}
		off += int64(n)
		if ended(errA) && ended(errB) {
			return -1, nil
		}
		if err := errors.Join(errA, errB); err != nil {
			return 0, err
		}
	}
}

func ended(err error) bool { return err == io.EOF || err == io.ErrUnexpectedEOF }

func kindOf(info fs.FileInfo) string {
	switch info.Mode().Type() {
	case 0:
		return "file"
	case fs.ModeDir:
		return "folder"
	case fs.ModeSymlink:
		return "symbolic link"
	}
	return "special file"
}
