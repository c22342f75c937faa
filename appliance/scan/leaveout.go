package scan

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// ErrLeftOut: a filter leaves all of a source out.
var ErrLeftOut = errors.New("a filter leaves all of the source out")

// LeftOut counts what one rule of a filter left out. A folder counts once, whatever is in it.
type LeftOut struct {
	Rule    string `json:"rule"`
	Entries uint64 `json:"entries"`
	Bytes   int64  `json:"bytes"` // of files that were looked at before
}

// leaveOut makes an item of an entry that a rule leaves out, and all that is below it.
func (s *Source) leaveOut(rel, key, rule string) *Item {
	path := s.prefix + rel + strings.TrimSuffix(key, "/")
	it := (&Item{Path: path[:min(len(path), manifest.MaxPath)]}).Skip(reasonLeftOut, rule)
	it.Flags |= ItemLeftOut
	return it
}

const reasonLeftOut = "left out"

// judge asks the filter for the names of a run. What it leaves out is not looked at, and
// no folder of it is listed.
func (s *Source) judge(r *run) {
	if s.Filter == nil {
		return
	}
	for i, key := range r.keys {
		name, folder := strings.CutSuffix(key, "/")
		v := s.Filter.Path(r.of.rel+name, folder)
		if v.Out() {
			r.items[i], r.below[i] = s.leaveOut(r.of.rel, key, v.Rule), nil
		} else if v.Way != "" {
			if r.way == nil {
				r.way = map[int]string{}
			}
			r.way[i] = v.Way
		}
	}
}

// sift asks the filter for an entry of a run that was looked at.
func (s *Source) sift(it *Item, r *run, i int) *Item {
	switch {
	case s.Filter == nil:
		return it
	case it.Kind == manifest.KindDir && r.way[i] != "":
		it.way = r.way[i]
		return it
	case it.Kind != manifest.KindFile:
		return it
	}
	if rule := s.Filter.File(it.Size, time.Unix(0, it.Mtime)); rule != "" {
		size := it.Size
		it = s.leaveOut(r.of.rel, r.keys[i], rule)
		it.Size = size
	}
	return it
}

// enter tells whether what is in an open folder is left out: by which rule, and which name
// of it is taken all the same.
func (s *Source) enter(rel string, dir vfs.Dir) (mark, rule string, err error) {
	if s.Filter == nil {
		return "", "", nil
	}
	if rule := s.Filter.OneFileSystem(); rule != "" && rel != "" {
		home, err := s.device()
		if err != nil {
			return "", "", err
		}
		if info, err := dir.Stat("."); err != nil {
			return "", "", err
		} else if info.Dev != home {
			return "", rule, nil
		}
	}
	if !s.Filter.Tags() {
		return "", "", nil
	}
	mark, rule = s.Filter.Tag(func(name, header string) bool { return begins(dir, name, header) })
	if rule != "" && rel == "" {
		return "", "", fmt.Errorf("%w: %s (%s)", ErrLeftOut, s.Root, rule)
	}
	return mark, rule, nil
}

// begins reports whether a folder has an entry of a name, which begins with a header. One
// that cannot be read marks nothing: its folder is taken.
func begins(dir vfs.Dir, name, header string) bool {
	if _, err := dir.Stat(name); err != nil || header == "" {
		return err == nil
	}
	f, err := dir.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size < int64(len(header)) {
		return false
	}
	b := make([]byte, len(header))
	n, _ := f.ReadAt(b, 0)
	return string(b[:n]) == header
}

// device is the number of the root's file system.
func (s *Source) device() (uint64, error) {
	s.home.Do(func() {
		dir, err := s.tree.OpenDir("")
		if err != nil {
			s.homeErr = err
			return
		}
		defer dir.Close()
		info, err := dir.Stat(".")
		s.homeDev, s.homeErr = info.Dev, err
	})
	return s.homeDev, s.homeErr
}

// ways holds folders back that an include or a list only looks into, until something
// below them is taken. Those that have nothing are left out.
type ways struct {
	to   func(*Item) error
	held []heldFolder
}

type heldFolder struct {
	it   *Item
	rule string
	done bool // handed on
}

// take hands an item on, after the folders above it.
func (w *ways) take(it *Item) error {
	if err := w.leave(it.Path); err != nil {
		return err
	}
	if it.way != "" {
		w.held = append(w.held, heldFolder{it: it, rule: it.way})
		return nil
	}
	if it.Flags&ItemLeftOut == 0 {
		for i := range w.held {
			if h := &w.held[i]; !h.done {
				h.done = true
				if err := w.to(h.it); err != nil {
					return err
				}
			}
		}
	}
	return w.to(it)
}

// leave gives up folders that the path is not below.
func (w *ways) leave(path string) error {
	for n := len(w.held); n > 0; n-- {
		h := w.held[n-1]
		if strings.HasPrefix(path, h.it.Path+"/") {
			return nil
		}
		w.held = w.held[:n-1]
		if !h.done {
			if err := w.to((&Item{Path: h.it.Path, Flags: ItemLeftOut}).Skip(reasonLeftOut, h.rule)); err != nil {
				return err
			}
		}
	}
	return nil
}

// end gives up what is held still.
func (w *ways) end() error { return w.leave("") }

// enterFolder notes of a folder's item what is left out of what it holds, and whether that it
// lacks something may mean that nothing is mounted there, or something else.
func (a *ahead) enterFolder(it *Item, below *folder) {
	if below.shut != "" {
		it.Flags |= ItemShut
		it.Detail = below.shut
	}
	home, err := a.src.device()
	away := err == nil && it.dev != home
	if away {
		it.Flags |= itemAway
	}
	if a.src.Hold && (below.empty || away || err != nil) { // a root that cannot be asked proves nothing
		it.Flags |= ItemHold
	}
}

// leftOut counts an item that is left out, or a folder whose content is.
func (r *Report) leftOut(it *Item) {
	r.LeftOutCount++
	r.LeftOutPaths = AppendPath(r.LeftOutPaths, it.Path)
	for i := range r.LeftOut {
		if l := &r.LeftOut[i]; l.Rule == it.Detail {
			l.Entries++
			l.Bytes += it.Size
			return
		}
	}
	r.LeftOut = append(r.LeftOut, LeftOut{it.Detail, 1, it.Size})
}

// missing notes a listed path that the walk did not meet.
func (r *Report) missing(path string) {
	r.Missing++
	r.MissingPaths = AppendPath(r.MissingPaths, path)
}
