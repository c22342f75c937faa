package keyless

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
)

var (
	ErrNoDisks   = errors.New("no disks named")
	ErrSameDisk  = errors.New("one folder, named twice")
	ErrNotFolder = errors.New("not a folder")
)

// Session is what a program brings to a verb.
type Session struct {
	Disks     func() ([]string, error)                            // folders that the operator named; ErrNoDisks for none
	DiskError func(name string, err error) error                  // of a disk that cannot be opened
	Workers   func(disks int) (int, error)                        // packs checked at once
	ReadSize  func([]fsck.Disk) int64                             // see fsck.Options
	Meter     func() Meter                                        // a new one
	Receipts  func(names []string) ([]string, error)              // the folders that are meant
	Canceled  func(receipts, run string) (*Mark, error)           // of the run that receipts are of
	Marker    func(ctx context.Context, n string) ([]byte, error) // a commit marker
}

// Meter shows how far a check is.
type Meter interface {
	Tell(fsck.Status)
	End()
}

// A Verb is one of the verifier's commands.
type Verb struct {
	Use, Short, Long, Example string

	Flags func(cmdline.Flags)
	Run   func(ctx context.Context, s *Session, args []string) (cmdline.Report, error)
}

// Expand resolves a pattern of --disk; a name without one is taken as it is.
func Expand(pattern string) ([]string, error) {
	if !strings.ContainsAny(pattern, "*?[") {
		return []string{pattern}, nil
	}
	if _, err := os.Stat(pattern); err == nil { // a folder with such a name
		return []string{pattern}, nil
	}
	found, err := filepath.Glob(pattern)
	if err != nil {
		return nil, advice.Usagef("--disk %q is not a pattern: %w", pattern, err)
	}
	if len(found) == 0 {
		return nil, advice.Usagef("--disk %q matches nothing", pattern)
	}
	return found, nil
}

// CheckFolders refuses names that are no folders, and a folder that is named twice. The
// names that are no folders come with the error.
func CheckFolders(paths []string, diskError func(string, error) error) (files []string, err error) {
	var seen []os.FileInfo
	for _, p := range paths {
		info, err := os.Stat(p)
		if err != nil {
			return nil, diskError(p, err)
		}
		if !info.IsDir() {
			files = append(files, p)
			seen = append(seen, nil)
			continue
		}
		for j, other := range seen {
			if other != nil && os.SameFile(info, other) {
				return nil, fmt.Errorf("disks %s and %s: %w", paths[j], p, ErrSameDisk)
			}
		}
		seen = append(seen, info)
	}
	if len(files) > 0 {
		return files, advice.Usagef("disk %s: %w", strings.Join(files, ", "), ErrNotFolder)
	}
	return nil, nil
}

// CaughtBy is the hint at a pattern that has caught what is no folder.
func CaughtBy(err error, pattern string) error {
	return advice.Hint(err, "--disk '%s' has caught it, and no disk is a file: write the pattern narrower, or name the disks one by one", pattern)
}

// PatternOf is the pattern among several that matches one of the names; "" is none.
func PatternOf(patterns, names []string) string {
	for _, name := range names {
		for _, pattern := range patterns {
			if ok, err := filepath.Match(pattern, name); ok && err == nil && pattern != name {
				return pattern
			}
		}
	}
	return ""
}

// OpenDisks opens folders for the verifier. A folder's root holds: a planted link leads
// nowhere else. On the machine that wrote them it reads the disks, not what the page cache
// still has.
func (s *Session) OpenDisks(paths []string) (disks []fsck.Disk, done func(), err error) {
	var roots []*os.Root
	closeAll := func() {
		for _, r := range roots {
			r.Close()
		}
	}
	for _, p := range paths {
		root, err := os.OpenRoot(p)
		if err != nil {
			closeAll()
			return nil, nil, s.DiskError(p, err)
		}
		roots = append(roots, root)
		cold, err := vfs.Cold(root)
		if err != nil {
			closeAll()
			return nil, nil, fmt.Errorf("disk %s: %w", p, err)
		}
		disks = append(disks, fsck.Disk{Name: p, FS: cold})
	}
	return disks, closeAll, nil
}

// Check is what a device is held against: who is trusted, and the label.
type Check struct {
	Trust string // as --trust has it
	Label string // file
	Text  []byte // of the label, where it was read already
}

// Options are disks, trust and label for the verifier. The folders are looked at last: other
// mistakes are cheaper.
func (s *Session) Options(c Check, m Meter) (fsck.Options, func(), error) {
	return s.OptionsOf(s.Disks, c, m)
}

// OptionsOf is Options with other folders than those that the operator named.
func (s *Session) OptionsOf(folders func() ([]string, error), c Check, m Meter) (o fsck.Options, done func(), err error) {
	if o.Label = c.Text; c.Label != "" {
		if o.Label, err = readLabel(c.Label); err != nil {
			return o, nil, err
		}
	}
	if o.Trust, err = Trust(c.Trust); err != nil {
		return o, nil, err
	}
	o.Progress = m.Tell
	paths, err := folders()
	if err != nil {
		return o, nil, err
	}
	if o.Disks, done, err = s.OpenDisks(paths); err != nil {
		return o, nil, err
	}
	if o.Workers, err = s.Workers(len(o.Disks)); err != nil {
		done()
		return o, nil, err
	}
	o.ReadSize = s.ReadSize(o.Disks)
	return o, done, nil
}

// OneEach is one worker a core, for a system that does not say how many files may be open.
func OneEach(int) (int, error) { return runtime.GOMAXPROCS(0), nil }
