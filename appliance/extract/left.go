package extract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/appliance/read"
	"github.com/sledge-io/sledge/manifest"
)

// sweep removes what a killed run of the same device has left in a folder that was there
// before. It is called before this run writes into the folder. at is a place for names.
func (x *extractor) sweep(ctx context.Context, at int, dir string) {
	if !x.tree.locked {
		return // the names may be those of a run that is at work
	}
	fd, err := unix.Openat(at, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return // a folder that cannot be read: nothing is known of what it holds
	}
	f := os.NewFile(uintptr(fd), dir)
	defer f.Close() // only read
	for {
		names, err := f.Readdirnames(1024)
		for _, name := range names {
			if x.temps.isLeft(dir, name) {
				x.removeLeft(ctx, at, path.Join(dir, name))
			}
		}
		if err != nil || len(names) == 0 {
			if err != nil && err != io.EOF {
				x.notice(fmt.Sprintf("%q cannot be listed, so files of an interrupted extract may be in it: %v", dir, err))
			}
			return
		}
	}
}

// removeLeft removes a file that no entry can have made; the manifest is asked all the
// same.
func (x *extractor) removeLeft(ctx context.Context, at int, file string) {
	_, name := splitPath(file)
	var st unix.Stat_t
	if unix.Fstatat(at, name, &st, unix.AT_SYMLINK_NOFOLLOW) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return
	}
	if _, err := x.records.Lookup(ctx, file); !errors.Is(err, read.ErrNotFound) {
		return
	}
	if err := unix.Unlinkat(at, name, 0); err != nil {
		x.notice(fmt.Sprintf("%q is of an interrupted extract and cannot be removed: %v", file, err))
		return
	}
	x.report.Leftover++
}

// aboves finds the folders above records that have no record themselves, or whose record
// is not listed. Records come in order, so those of one path are enough.
type aboves struct{ known []string } // order keys of folders, each below the one before

// next returns the folders above rec that were not seen before.
func (a *aboves) next(rec *manifest.Record) (unseen []string) {
	key := rec.OrderKey()
	for n := len(a.known); n > 0 && !strings.HasPrefix(key, a.known[n-1]); n-- {
		a.known = a.known[:n-1]
	}
	from := 0
	if n := len(a.known); n > 0 {
		from = len(a.known[n-1])
	}
	for i := from; i < len(key); i++ {
		if key[i] != '/' {
			continue
		}
		if a.known = append(a.known, key[:i+1]); i+1 < len(key) {
			unseen = append(unseen, key[:i])
		}
	}
	return unseen
}
