package simulator

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/appliance/extract"
)

// extraction is what extract has made of a device, seen by the system's own calls.
type extraction struct {
	held   map[string]string // contents by path
	inodes map[string]uint64
	mtimes map[string]int64
	attrs  map[string]string
	bytes  int64 // of files, each inode once
}

// extract writes a sealed device into a folder of the system, and holds what is there
// against what was read of the device and against the source.
func (l *life) extract(ctx context.Context) error {
	if l.promises == nil {
		return nil
	}
	folder, err := os.MkdirTemp(ramFolder(), "sledge-life-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	rd, err := l.reader(l.set(nil))
	if err != nil {
		return err
	}
	defer rd.Close()
	rep, err := extract.Run(ctx, rd, folder, extract.Options{Workers: l.cfg.Workers})
	if err != nil {
		return fmt.Errorf("extract: %w: %v", err, rep)
	}
	x, err := look(folder)
	if err != nil {
		return err
	}
	bad := append(l.whatIsThere(x), l.counted(x, rep)...)
	bad = append(bad, l.linkedAs(x)...)
	if err := wrong(append(bad, l.dressedAs(x, rep)...)); err != nil {
		return fmt.Errorf("extract: %w", err)
	}
	return nil
}

// ramFolder is where files cost no writes to a disk, if there is such a place.
func ramFolder() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}

// look reads a folder of the system.
func look(folder string) (*extraction, error) {
	x := &extraction{held: map[string]string{}, inodes: map[string]uint64{}, mtimes: map[string]int64{}, attrs: map[string]string{}}
	seen := map[uint64]bool{}
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == folder {
			return err
		}
		path := name[len(folder)+1:]
		info, err := d.Info()
		if err != nil {
			return err
		}
		inode := info.Sys().(*syscall.Stat_t).Ino
		x.inodes[path], x.mtimes[path] = inode, info.ModTime().UnixNano()
		if x.held[path], err = contentAt(name, info); err != nil {
			return err
		}
		if x.attrs[path], err = attrsAt(name); info.Mode().IsRegular() && !seen[inode] {
			x.bytes += info.Size()
			seen[inode] = true
		}
		return err
	})
	return x, err
}

// contentAt is how the model calls what lies under a name.
func contentAt(name string, info fs.FileInfo) (string, error) {
	switch {
	case info.IsDir():
		return "dir", nil
	case info.Mode()&fs.ModeSymlink != 0:
		target, err := os.Readlink(name)
		return "link " + target, err
	}
	data, err := os.ReadFile(name)
	return "file " + string(data), err
}

// attrsAt are the user's attributes of a file or a folder, as the model writes them.
func attrsAt(name string) (string, error) {
	list, value := make([]byte, 64<<10), make([]byte, 64<<10)
	n, err := unix.Llistxattr(name, list)
	if err == unix.ENOTSUP {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	attrs := map[string]string{}
	for attr := range strings.SplitSeq(string(list[:n]), "\x00") {
		if !strings.HasPrefix(attr, "user.") {
			continue
		}
		n, err := unix.Lgetxattr(name, attr, value)
		if err != nil {
			return "", err
		}
		attrs[attr] = string(value[:n])
	}
	return attrsOf(attrs), nil
}

// whatIsThere compares paths and contents with what was read of the device. Folders
// above a source's prefix are made, and have no record.
func (l *life) whatIsThere(x *extraction) (bad []string) {
	above := map[string]bool{}
	for path, want := range l.held {
		if strings.HasPrefix(want, "skipped ") {
			continue
		}
		for dir := parentOf(path); dir != ""; dir = parentOf(dir) {
			above[dir] = true
		}
		if have, there := x.held[path]; !there || have != want {
			bad = append(bad, fmt.Sprintf("%q is %.30q (there: %v), want %.30q", path, have, there, want))
		}
	}
	for path, have := range x.held {
		want, known := l.held[path]
		if (!known || strings.HasPrefix(want, "skipped ")) && !(have == "dir" && above[path]) {
			bad = append(bad, fmt.Sprintf("%q is there, and in no manifest: %.30q", path, have))
		}
	}
	return bad
}

// counted compares the report's figures, and what the device told before the seal,
// with a count of what is there.
func (l *life) counted(x *extraction, rep *extract.Report) (bad []string) {
	var entries, skipped uint64
	for path, content := range l.held {
		if _, there := x.held[path]; strings.HasPrefix(content, "skipped ") {
			skipped++
		} else if there {
			entries++
		}
	}
	if rep.Entries != entries || rep.Skipped != skipped || rep.Failed != 0 || rep.Bytes != x.bytes || rep.Partial != l.incomplete {
		bad = append(bad, fmt.Sprintf("the report says %d entries, %d skipped, %d failed, %d bytes, partial %v; there are %d, %d, 0, %d, %v", rep.Entries, rep.Skipped, rep.Failed, rep.Bytes, rep.Partial, entries, skipped, x.bytes, l.incomplete))
	}
	if s := l.status; s.Entries != entries || s.Skipped != skipped || s.Remarked != rep.Remarks {
		bad = append(bad, fmt.Sprintf("told before the seal: %d entries, %d skipped, %d remarks; there are %d, %d, %d", s.Entries, s.Skipped, s.Remarked, entries, skipped, rep.Remarks))
	}
	return bad
}

// linkedAs: what is one file in the source is one file again, and what is not is not.
// The last loads had nothing that went wrong, so that all names were looked at.
func (l *life) linkedAs(x *extraction) (bad []string) {
	if l.partial {
		return nil
	}
	first := map[uint64]string{} // a name of each file, by where it was made
	for _, src := range l.sources() {
		if src.fails != nil {
			return nil
		}
		one := map[int]string{} // a name of each file of the source
		for _, path := range src.paths() {
			at := src.at(path)
			inode, there := x.inodes[at]
			if !there || !isFile(src.now[path]) {
				continue
			}
			group := src.linked[path]
			if other := one[group]; group != 0 && other != "" {
				if x.inodes[other] != inode && src.tree.Volume().StableInodes {
					bad = append(bad, fmt.Sprintf("%q and %q are one file in the source, and two here", other, at))
				}
				continue
			}
			one[group] = at
			if other := first[inode]; other != "" {
				bad = append(bad, fmt.Sprintf("%q and %q are two files in the source, and one here", other, at))
			}
			first[inode] = at
		}
	}
	return bad
}

// dressedAs compares times and attributes with those of the last good look.
func (l *life) dressedAs(x *extraction, rep *extract.Report) (bad []string) {
	for at, pr := range l.promises.safe {
		content, sure := pr.only()
		if !sure || !pr.sure || pr.remark != no || content == "dir" {
			continue
		}
		if have := x.mtimes[at]; pr.mtime != 0 && have != pr.mtime {
			bad = append(bad, fmt.Sprintf("%q has the time %d, it had %d", at, have, pr.mtime))
		}
		if rep.AttributesLost == 0 && isFile(content) && x.attrs[at] != pr.attrs {
			bad = append(bad, fmt.Sprintf("%q has the attributes %.60q, it had %.60q", at, x.attrs[at], pr.attrs))
		}
	}
	return bad
}
