package simulator

import (
	"fmt"
	"slices"
)

// report holds what a load that ended well said of itself against what the device had
// before and has now.
func (s *session) report(was, now *promises, h *holdings) error {
	bad := s.skips(now, h)
	bad = append(bad, s.counts(h)...)
	replaced, gone, dropped := s.changes(was)
	more := s.rep.Resumed // an earlier call has done some of it
	bad = append(bad, differ("replaced", s.rep.Scan.ReplacedPaths, s.rep.Scan.Replaced, replaced, more)...)
	bad = append(bad, differ("gone", s.rep.Scan.GonePaths, s.rep.Scan.Gone, gone, more)...)
	bad = append(bad, differ("dropped", s.rep.Scan.DroppedPaths, s.rep.Scan.Dropped, dropped, more)...)
	st := s.rep.Status
	if st.Entries != h.status.Entries || st.Skipped != h.status.Skipped || st.Bytes != h.status.Bytes || st.Remarked != h.status.Remarked {
		bad = append(bad, fmt.Sprintf("the report's status %+v is not the device's %+v", st, h.status))
	}
	return untold(bad)
}

// skips: what is told as skipped failed, and stands on the device as it was told; and
// nothing stands there untold.
func (s *session) skips(now *promises, h *holdings) (bad []string) {
	failed := s.failed()
	if uint64(len(s.rep.Skipped)) != s.rep.SkippedCount || len(failed) != len(s.rep.Skipped) {
		bad = append(bad, fmt.Sprintf("%d skipped, %d are named, %d paths", s.rep.SkippedCount, len(s.rep.Skipped), len(failed)))
	}
	for at, reason := range failed {
		path, _ := s.path(at)
		_, steady := s.only(path)
		_, old := h.safe[at] // what has attributes is not replaced by what lacks them
		bare := old && s.attrsFailed(path)
		if steady && !bare && !s.lookFailed(path) {
			bad = append(bad, fmt.Sprintf("%q was skipped (%s), and nothing was wrong with it", at, reason))
		}
		if e, safe := h.safe[at]; safe && e.Reason != reason {
			bad = append(bad, fmt.Sprintf("%q was skipped (%s), and has the remark %q", at, reason, e.Reason))
		}
		_, safe := h.safe[at]
		withdrawn := s.src.now[path] == "" && h.skipped[at] == "" // it is not in the source any more
		if !safe && !withdrawn && h.skipped[at] != reason {
			bad = append(bad, fmt.Sprintf("%q was skipped (%s), and is %q", at, reason, h.skipped[at]))
		}
	}
	for _, e := range s.rep.Skipped {
		if _, safe := h.safe[e.Path]; safe != e.Kept {
			bad = append(bad, fmt.Sprintf("%q was skipped, its older version is here: %v; told was %v", e.Path, safe, e.Kept))
		}
	}
	for path := range s.watched {
		at := s.src.at(path)
		_, told := failed[at]
		if _, steady := s.only(path); !steady || told || under(failed, at) {
			continue
		}
		if o, skipped := now.skipped[at]; skipped && o.of == s.src.name() {
			bad = append(bad, fmt.Sprintf("%q is left out, and this load's report does not name it", at))
		}
	}
	return bad
}

// counts: every entry of the source is unchanged (also a folder that another source
// brought), loaded or skipped, and each is one of these.
func (s *session) counts(h *holdings) (bad []string) {
	failed := s.failed()
	entries := uint64(0)
	for path := range s.watched {
		if _, steady := s.only(path); !steady {
			return nil
		}
		if !under(failed, s.src.at(path)) {
			entries++
		}
	}
	r := s.rep
	if r.Scan.Root == "" {
		return []string{"a report without a scan"}
	}
	if r.Scan.Entries < entries || r.Scan.Entries > uint64(len(s.watched)) {
		bad = append(bad, fmt.Sprintf("the scan says %d entries, %d of %d could be seen", r.Scan.Entries, entries, len(s.watched)))
	}
	if r.Resumed && s.uncounted {
		return bad
	}
	sum, least, most := r.Scan.Unchanged+r.Entries+r.Lost+r.SkippedCount, r.Scan.Entries, r.Scan.Entries
	if r.Resumed {
		away, safe := s.unmet(h)
		least, most = least+away, most+away+safe
	}
	if sum < least || sum > most {
		bad = append(bad, fmt.Sprintf("%d unchanged, %d loaded, %d skipped; the source has %d, so %d to %d are to be told", r.Scan.Unchanged, r.Entries, r.SkippedCount, r.Scan.Entries, least, most))
	}
	return bad
}

// unmet counts what the last scan of a continued load has not met: entries that were
// away when the list of before was read and are told as skipped, and safe ones, which
// the load may have brought before its interruption.
func (s *session) unmet(h *holdings) (away, safe uint64) {
	failed := s.failed()
	for at := range failed {
		if path, ours := s.path(at); ours && s.watched[path] == nil {
			away++
		}
	}
	for at := range h.safe {
		path, ours := s.path(at)
		_, told := failed[at]
		if ours && !told && (s.watched[path] == nil || under(failed, at)) {
			safe++
		}
	}
	return away, safe
}

// expected is what is expected of a path: that it is named, or that it may be.
type expected map[string]whether

// changes are what the source makes of what the device had.
func (s *session) changes(was *promises) (replaced, gone, dropped expected) {
	replaced, gone, dropped = expected{}, expected{}, expected{}
	failed := s.failed()
	for at, pr := range was.safe {
		path, ours := s.path(at)
		if !ours || pr.of != s.src.name() {
			continue
		}
		above, steady := s.above(path)
		_, bad := failed[at]
		switch {
		case !steady || under(failed, at) || bad && s.watched[path] == nil:
			replaced[at], gone[at], dropped[at] = maybe, maybe, maybe
		case above != "" && s.watched[path] == nil:
			if _, bad := failed[s.src.at(above)]; bad {
				replaced[at], gone[at], dropped[at] = maybe, maybe, maybe
			} else {
				dropped[at] = yes
			}
		case s.watched[path] == nil:
			gone[at] = yes
		default:
			replaced[at] = s.replaces(pr, path, bad)
		}
	}
	return replaced, gone, dropped
}

// above is the lowest thing above a path that is there and no folder. A path is steady
// if nothing at or above it has changed meanwhile.
func (s *session) above(path string) (above string, steady bool) {
	for dir := path; dir != ""; dir = parentOf(dir) {
		if len(s.watched[dir]) > 1 {
			return "", false
		}
		if content, _ := s.only(dir); dir != path && s.watched[dir] != nil && content != "dir" {
			above = dir
		}
	}
	return above, true
}

// replaces tells whether a path that is there has become another version.
func (s *session) replaces(pr *promise, path string, failed bool) whether {
	old, sure := pr.only()
	next, _ := s.only(path)
	switch {
	case failed || !sure || pr.mtime == 0:
		return maybe
	case old == "dir" && next == "dir":
		return no
	case isFile(old) && isFile(next) && old != next && pr.mtime == s.mtimes[path]:
		return maybe // nobody but who reads both can tell
	case kindOf(old) != kindOf(next) || pr.mtime != s.mtimes[path]:
		return yes
	}
	return no
}

func kindOf(content string) string {
	if isFile(content) {
		return "file"
	}
	if content == "dir" {
		return content
	}
	return "link"
}

// differ compares what a report names with what is expected; it may name more if more
// says so.
func differ(what string, named []string, count uint64, want expected, more bool) (bad []string) {
	if uint64(len(named)) != count {
		bad = append(bad, fmt.Sprintf("%d are %s, %d are named", count, what, len(named)))
	}
	for _, at := range named {
		if want[at] == no && !more {
			bad = append(bad, fmt.Sprintf("%q was called %s, and is not", at, what))
		}
	}
	for at, a := range want {
		if a == yes && !slices.Contains(named, at) {
			bad = append(bad, fmt.Sprintf("%q is %s, and that was not told", at, what))
		}
	}
	return bad
}
