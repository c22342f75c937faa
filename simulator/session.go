package simulator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// session is one load and what its source was meanwhile.
type session struct {
	src     *model
	rep     *appliance.LoadReport
	err     error
	said    uint64 // entries that the progress has called safe
	watched map[string]map[string]bool
	mtimes  map[string]int64
	ctimes  map[string]int64
	attrs   map[string]string
	refused map[string][]vfs.OpKind // calls that failed
	names   map[string][]string     // of files with several

	uncounted bool // descriptors were too few to count what the load has made safe
}

// only is the content that a path had all the time, if it and the folders above it
// have not changed.
func (s *session) only(path string) (content string, sure bool) {
	for dir := path; dir != ""; dir = parentOf(dir) {
		if len(s.watched[dir]) != 1 {
			return "", false
		}
	}
	for content = range s.watched[path] {
	}
	return content, true
}

// everNoFolder tells whether a path has been a file or a link in this session.
func (s *session) everNoFolder(path string) bool {
	for content := range s.watched[path] {
		if content != "" && content != "dir" {
			return true
		}
	}
	return false
}

// failed are the device's paths that the report names as skipped, with the reason.
func (s *session) failed() map[string]string {
	failed := map[string]string{}
	if s.rep == nil {
		return failed
	}
	for _, e := range s.rep.Skipped {
		failed[e.Path] = e.Reason
	}
	return failed
}

// path is the source's path of one of the device's.
func (s *session) path(at string) (path string, ours bool) {
	if s.src.as == "" {
		return at, true
	}
	if !within(s.src.as, at) || at == s.src.as {
		return "", false
	}
	return at[len(s.src.as)+1:], true
}

// load is one session with the first source. Where nothing tells its medium from others
// and what had been loaded of it has changed, it may be refused as another one; the
// operator gives the load before up.
func (l *life) load(ctx context.Context, disks []appliance.Disk) (*appliance.LoadReport, error) {
	rep, err := l.loadFrom(ctx, l.state, disks, l.model)
	if !errors.Is(err, appliance.ErrUnfinished) || l.model.tree.Volume().ID != "" || !l.model.changedSince(l.promises) {
		return rep, err
	}
	l.met[NotRecognised]++
	l.say("given up: %v", err)
	left, err := l.left()
	if err != nil || len(left) != 1 {
		return nil, fmt.Errorf("%w: refused as unfinished, and left are %v: %w", errUntold, left, orDone(err))
	}
	if err := l.abandon(&left[0]); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotBorne, err)
	}
	return l.loadFrom(ctx, l.state, disks, l.model)
}

// changedSince tells whether a file that is safe is not in the source as it was.
func (m *model) changedSince(p *promises) bool {
	for _, path := range slices.Sorted(maps.Keys(m.ever)) {
		pr := p.safe[m.at(path)]
		if pr != nil && pr.of == m.name() && !pr.may["dir"] && !pr.may[m.now[path]] {
			return true
		}
	}
	return false
}

// loadFrom is one of any source, with a state folder of its own. Its error may be a
// finding: see isFinding.
func (l *life) loadFrom(ctx context.Context, state vfs.FS, disks []appliance.Disk, src *model) (*appliance.LoadReport, error) {
	return l.loadWithOptions(ctx, state, disks, src, appliance.LoadOptions{Replace: src.moved})
}

func (l *life) loadWithOptions(ctx context.Context, state vfs.FS, disks []appliance.Disk, src *model, o appliance.LoadOptions) (*appliance.LoadReport, error) {
	held, err := firmware.Lock(state, "load")
	if err != nil {
		return nil, err
	}
	defer held.Close()
	d, err := l.open(disks)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	s := &session{src: src, mtimes: map[string]int64{}, ctimes: map[string]int64{}}
	o.Tree, o.As, o.AcceptFindings = src.tree, src.as, true
	o.Progress = func(p appliance.Progress) { s.said = p.SafeEntries }
	o.Begin = src.begin
	src.watch()
	s.rep, s.err = d.Load(ctx, src.root, o)
	s.watched, s.attrs = src.unwatch(), maps.Clone(src.attrs)
	for _, what := range src.refusals {
		l.met[what]++
	}
	s.refused, s.names = src.refused, map[string][]string{}
	for path := range src.linked {
		s.names[path] = src.names(path)
	}
	for path := range s.watched {
		if info, ok := src.tree.Look(path); ok {
			s.mtimes[path], s.ctimes[path] = info.Mtime.UnixNano(), info.Ctime.UnixNano()
		}
	}
	if l.promises == nil {
		return s.rep, s.err
	}
	if s.err != nil {
		if s.rep != nil { // one that was refused has changed nothing
			l.promises.open = s
		}
		return s.rep, s.err
	}
	was := l.promises.clone()
	l.promises.loaded(s)
	h, err := l.holdings(d)
	if err != nil {
		return s.rep, err
	}
	l.promises.adopt(s, h)
	if err := l.promises.compare(h); err != nil {
		return s.rep, err
	}
	s.uncounted = s.rep.Status.Uncounted != ""
	if l.scarce.met() && s.rep.Status.Uncounted != "" {
		s.rep.Status = h.status
	}
	return s.rep, s.report(was, l.promises, h)
}

// holdings are what a device says that it has, by path.
type holdings struct {
	safe    map[string]appliance.Holding
	skipped map[string]string // reasons
	left    uint64            // entries that unfinished loads have still to do
	status  appliance.Status
}

// holdings asks the device, and compares its counts with a count of them.
func (l *life) holdings(d *appliance.Device) (*holdings, error) {
	h := &holdings{safe: map[string]appliance.Holding{}, skipped: map[string]string{}}
	var twice []string
	var remarked uint64
	var bytes int64
	err := d.Holdings(context.Background(), func(e appliance.Holding) error {
		_, once := h.safe[e.Path]
		switch e.State {
		case appliance.HoldingNotLoaded:
			h.left++
			return nil
		case appliance.HoldingSkipped:
			h.skipped[e.Path] = e.Reason
			return nil
		case appliance.HoldingRemarked:
			remarked++
		}
		if once {
			twice = append(twice, fmt.Sprintf("%q is held twice", e.Path))
		}
		h.safe[e.Path] = e
		if e.Kind != manifest.KindDir {
			bytes += e.Size
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	h.status = d.Status()
	s, bad := h.status, append(twice, h.displaced()...)
	if l.scarce.met() && s.Uncounted != "" { // it says so
		s = appliance.Status{Entries: uint64(len(h.safe)), Skipped: uint64(len(h.skipped)), Remarked: remarked, Bytes: bytes}
		h.status = s
	}
	if s.Uncounted != "" || s.Entries != uint64(len(h.safe)) || s.Skipped != uint64(len(h.skipped)) || s.Remarked != remarked || s.Bytes != bytes {
		bad = append(bad, fmt.Sprintf("status says %d entries, %d skipped, %d remarks, %d bytes (%s); there are %d, %d, %d, %d", s.Entries, s.Skipped, s.Remarked, s.Bytes, s.Uncounted, len(h.safe), len(h.skipped), remarked, bytes))
	}
	if l.promises != nil {
		l.status = s
	}
	return h, untold(bad)
}

// displaced are entries below what is no folder: nobody could write them anywhere.
func (h *holdings) displaced() (bad []string) {
	for path := range h.safe {
		for dir := parentOf(path); dir != ""; dir = parentOf(dir) {
			if e, here := h.safe[dir]; here && e.Kind != manifest.KindDir {
				bad = append(bad, fmt.Sprintf("%q is held, and %q above it is a %s", path, dir, e.Kind))
			}
		}
	}
	return bad
}

// matches tells whether a holding may be a content.
func matches(content string, e appliance.Holding) bool {
	switch e.Kind {
	case manifest.KindDir:
		return content == "dir"
	case manifest.KindSymlink:
		return content != "dir" && !isFile(content) && bytesOf(content) == e.Size
	}
	return isFile(content) && bytesOf(content) == e.Size
}

// kept is called with every device that was opened: what was acknowledged has to be
// there, path by path, and of a load that did not end well it tells what became of it.
func (l *life) kept(d *appliance.Device) error {
	if l.promises == nil {
		return nil
	}
	h, err := l.holdings(d)
	if err != nil {
		return err
	}
	if s := l.promises.open; s != nil {
		l.promises.open = nil
		if here := s.safeHere(l.promises, h); here < s.said {
			return fmt.Errorf("%w: %d entries of a load were called safe, and at most %d of it are held", errForgotten, s.said, here)
		}
		l.promises.adopt(s, h)
		if err := l.said(d, s); err != nil {
			return err
		}
	}
	return l.promises.compare(h)
}

// safeHere counts the entries that a load may have made safe: those that are held as
// the source has them now, but for those that surely were not on its list. Of a medium
// without an identity all are.
func (s *session) safeHere(was *promises, h *holdings) (n uint64) {
	for at, e := range h.safe {
		path, ours := s.path(at)
		if !ours {
			continue
		}
		pr := was.safe[at]
		if pr != nil && !s.src.moved && pr.of == s.src.name() && pr.remark == no && pr.mtime != 0 && pr.mtime == s.mtimes[path] && pr.ctime == s.ctimes[path] && len(s.names[path]) == 0 {
			continue
		}
		if pr != nil && pr.mtime == 0 || s.watched[path] == nil || s.may(path, e) { // of an earlier call, or of this one
			n++
		}
	}
	return n
}

// may tells whether a holding is what a path was in this session.
func (s *session) may(path string, e appliance.Holding) bool {
	for content := range s.watched[path] {
		if content != "" && matches(content, e) {
			return true
		}
	}
	return false
}

// said holds the last word of an interrupted load's progress against what is left of
// it to do.
func (l *life) said(d *appliance.Device, s *session) error {
	left, err := d.Unfinished()
	if err != nil {
		return err
	}
	for _, u := range left {
		if u.Root == s.src.root && u.As == s.src.as && u.Done < s.said {
			return fmt.Errorf("%w: %d entries of a load were safe, %d are", errForgotten, s.said, u.Done)
		}
	}
	return nil
}
