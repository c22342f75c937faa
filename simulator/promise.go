package simulator

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/appliance"
)

// promises are what the device has told to be safe, and what it has told that it could
// not read, by the device's paths. What becomes of them at each load is decided here
// by a naive rule, which shares nothing with the program's: a map of paths.
type promises struct {
	safe    map[string]*promise
	skipped map[string]omission
	open    *session // a load that did not end well: what it did is not known yet
}

// promise is one path's.
type promise struct {
	may    map[string]bool // contents that it may come back with: one, or two after an interruption
	of     string          // the source, by name
	mtime  int64           // of the newest good look; 0: not known
	ctime  int64           // likewise
	attrs  string          // extended attributes at that look
	sure   bool            // attrs are known
	bare   bool            // it may lack attributes, if it has a remark
	remark whether         // whether a later look has failed
}

// omission is what was told of a path that could not be read.
type omission struct{ of, reason string }

// whether may be open after an interruption.
type whether int

const (
	no whether = iota
	yes
	maybe
)

func newPromises() *promises {
	return &promises{safe: map[string]*promise{}, skipped: map[string]omission{}}
}

// errForgotten is a finding: what was acknowledged is gone.
var errForgotten = errors.New("acknowledged, and gone")

// errUntold is a finding: what the device tells is not what it has.
var errUntold = errors.New("not as it was told")

func (p *promises) clone() *promises {
	c := newPromises()
	for path, pr := range p.safe {
		copied := *pr
		copied.may = maps.Clone(pr.may)
		c.safe[path] = &copied
	}
	c.skipped = maps.Clone(p.skipped)
	return c
}

// only is the one content that a promise has, if there is one.
func (p *promise) only() (content string, ok bool) {
	if len(p.may) != 1 {
		return "", false
	}
	for content = range p.may {
	}
	return content, true
}

// loaded takes a load that has ended well: every path of the source was looked at.
func (p *promises) loaded(s *session) {
	failed := s.failed()
	for _, path := range slices.Sorted(maps.Keys(s.watched)) {
		content, sure := s.only(path)
		at := s.src.at(path)
		switch reason, bad := failed[at]; {
		case !sure:
		case bad && p.safe[at] != nil:
			p.safe[at].remark = yes
		case bad && s.attrsFailed(path) && !s.lookFailed(path): // the first list has loaded it without them, the second one could not mend that
			p.good(s, path, content)
			p.safe[at].remark = yes
		case bad && s.rep.Resumed: // the first list may have loaded it: see adopt
		case bad:
			p.skipped[at] = omission{s.src.name(), reason}
		case under(failed, at): // it was looked at, or not: see adopt
		default:
			p.good(s, path, content)
		}
	}
	for at := range failed { // on an earlier list, and gone from the source before this call
		if path, ours := s.path(at); ours && s.watched[path] == nil && p.safe[at] != nil {
			p.safe[at].remark = maybe
		}
	}
}

// good is a look that has seen content under a path.
func (p *promises) good(s *session, path, content string) {
	at := s.src.at(path)
	delete(p.skipped, at)
	if old := p.safe[at]; content == "dir" && old != nil && old.may["dir"] && old.of != s.src.name() {
		return // a folder of two sources
	}
	if content != "dir" {
		p.drop(at)
	}
	p.safe[at] = &promise{may: map[string]bool{content: true}, of: s.src.name(), mtime: s.mtimes[path], ctime: s.ctimes[path], attrs: s.attrs[path], sure: true}
	if s.attrsFailed(path) {
		p.safe[at].bare, p.safe[at].remark = true, maybe
	}
}

// imperfect tells whether anything was left out, or has a remark.
func (p *promises) imperfect() bool {
	for _, pr := range p.safe {
		if pr.remark == yes {
			return true
		}
	}
	return len(p.skipped) > 0
}

// drop ends what is below a path.
func (p *promises) drop(at string) {
	below := func(path string) bool { return path != at && within(at, path) }
	maps.DeleteFunc(p.safe, func(path string, _ *promise) bool { return below(path) })
	maps.DeleteFunc(p.skipped, func(path string, _ omission) bool { return below(path) })
}

// under tells whether a folder above a path could not be read.
func under[T any](failed map[string]T, at string) bool {
	for dir := parentOf(at); dir != ""; dir = parentOf(dir) {
		if _, bad := failed[dir]; bad {
			return true
		}
	}
	return false
}

// adopt takes from the device what could not be known: of a load that was interrupted
// every path, else those that changed while it went on, or lie below a folder that
// could not be looked at, be it when it was listed or later. A path may then have what
// it had, or any of what it was meanwhile.
func (p *promises) adopt(s *session, h *holdings) {
	failed := s.failed()
	for _, path := range slices.Sorted(maps.Keys(s.watched)) {
		at := s.src.at(path)
		_, told := failed[at]
		twice := told && s.rep != nil && s.rep.Resumed && p.safe[at] == nil // looked at for two lists
		if _, sure := s.only(path); sure && s.err == nil && !twice && (told || !under(failed, at)) {
			continue
		}
		e, here := h.safe[at]
		old := p.safe[at]
		if !here {
			if reason, skipped := h.skipped[at]; skipped && old == nil {
				p.skipped[at] = omission{s.src.name(), reason}
			} else if !skipped {
				delete(p.skipped, at)
			}
			continue
		}
		may := map[string]bool{}
		for content := range s.watched[path] {
			if content != "" && matches(content, e) {
				may[content] = true
			}
		}
		next := &promise{may: may, of: s.src.name()}
		if s.excused(path) || old != nil && old.remark != no {
			next.remark = maybe
		}
		if old != nil {
			for content := range old.may {
				if matches(content, e) {
					may[content] = true
				}
			}
			if may["dir"] && old.may["dir"] {
				next.of = old.of
			}
		}
		if len(may) == 0 {
			continue // compare says so
		}
		delete(p.skipped, at)
		p.safe[at] = next
		if !may["dir"] && s.everNoFolder(path) {
			p.dropMissing(at, h)
		}
	}
	// Never loaded, and not in the source any more: a load withdraws that if it knows
	// the source for certain.
	for at, o := range p.skipped {
		if path, ours := s.path(at); ours && o.of == s.src.name() && s.watched[path] == nil && h.skipped[at] == "" && !under(failed, at) {
			delete(p.skipped, at)
		}
	}
	for at, reason := range h.skipped { // on an earlier list, and gone from the source before this call
		if path, ours := s.path(at); ours && s.watched[path] == nil && p.safe[at] == nil && (failed[at] == reason || s.err != nil && s.src.ever[path] != nil) {
			p.skipped[at] = omission{s.src.name(), reason}
		}
	}
}

// dropMissing ends what is below a path that has become no folder, and is gone.
func (p *promises) dropMissing(at string, h *holdings) {
	maps.DeleteFunc(p.safe, func(path string, _ *promise) bool { return lacks(h.safe, at, path) })
	maps.DeleteFunc(p.skipped, func(path string, _ omission) bool { return lacks(h.skipped, at, path) })
}

// lacks tells whether a path below another one is not held.
func lacks[T any](held map[string]T, at, path string) bool {
	_, here := held[path]
	return path != at && within(at, path) && !here
}

// compare holds what the device says of each path against the promises.
func (p *promises) compare(h *holdings) error {
	var gone, bad []string
	for at, pr := range p.safe {
		e, here := h.safe[at]
		if !here {
			gone = append(gone, fmt.Sprintf("%q", at))
			continue
		}
		maps.DeleteFunc(pr.may, func(content string, _ bool) bool { return !matches(content, e) })
		if len(pr.may) == 0 {
			bad = append(bad, fmt.Sprintf("%q is held as %s of %d bytes, which it was not", at, e.Kind, e.Size))
			continue
		}
		remarked := e.State == appliance.HoldingRemarked
		switch {
		case pr.remark == yes && !remarked:
			bad = append(bad, fmt.Sprintf("%q has no remark, and its last look failed", at))
		case pr.remark == no && remarked:
			bad = append(bad, fmt.Sprintf("%q has the remark %q, and no look failed", at, e.Reason))
		case pr.remark == maybe && remarked:
			pr.remark = yes
		case pr.remark == maybe:
			pr.remark = no
		}
	}
	for at := range h.safe {
		if p.safe[at] == nil {
			bad = append(bad, fmt.Sprintf("%q is held, and was never loaded", at))
		}
	}
	for at, o := range p.skipped {
		if h.skipped[at] != o.reason {
			bad = append(bad, fmt.Sprintf("%q was told as left out (%s), and is not (%q)", at, o.reason, h.skipped[at]))
		}
	}
	for at, reason := range h.skipped {
		if _, told := p.skipped[at]; !told {
			bad = append(bad, fmt.Sprintf("%q is left out (%s), and nobody said so", at, reason))
		}
	}
	if err := list(gone); err != nil {
		return fmt.Errorf("%w: %w", errForgotten, err)
	}
	return untold(bad)
}

// keep holds what a sealed device gives back against the promises.
func (p *promises) keep(got map[string]string, remarks, attrs map[string]string) error {
	var bad []string
	for at, pr := range p.safe {
		have, here := got[at]
		switch {
		case !here:
			bad = append(bad, fmt.Sprintf("%q was acknowledged, and is gone", at))
		case !pr.may[have]:
			bad = append(bad, fmt.Sprintf("%q was acknowledged, and is %.30q now", at, have))
		case (remarks[at] != "") != (pr.remark == yes) && pr.remark != maybe:
			bad = append(bad, fmt.Sprintf("%q has the remark %q, its last look failed: %v", at, remarks[at], pr.remark == yes))
		case pr.sure && !(pr.bare && pr.remark == yes) && attrs[at] != pr.attrs:
			bad = append(bad, fmt.Sprintf("%q has the attributes %q, it had %q", at, attrs[at], pr.attrs))
		}
	}
	for at, have := range got {
		_, told := p.skipped[at]
		if p.safe[at] == nil && !(told && strings.HasPrefix(have, "skipped ")) {
			bad = append(bad, fmt.Sprintf("%q is there, and was never told: %.30q", at, have))
		}
	}
	return wrong(bad)
}

func untold(bad []string) error {
	if err := list(bad); err != nil {
		return fmt.Errorf("%w: %w", errUntold, err)
	}
	return nil
}

// bytes is what a content counts.
func bytesOf(content string) int64 {
	kind, text, _ := strings.Cut(content, " ")
	if kind == "dir" {
		return 0
	}
	return int64(len(text))
}
