package vfs

import (
	"path"
	"strconv"
	"strings"
)

// mountEntry is one line of /proc/self/mountinfo (proc(5)).
type mountEntry struct {
	id     string
	device string // major:minor
	root   string // the mount's root within the file system
	point  string // where it is mounted
	kind   string
	source string
}

// findMount returns the mount of this id.
func findMount(mountinfo, id string) (mountEntry, bool) {
	for line := range strings.Lines(mountinfo) {
		if m, ok := parseMount(strings.TrimSuffix(line, "\n")); ok && m.id == id {
			return m, true
		}
	}
	return mountEntry{}, false
}

func parseMount(line string) (mountEntry, bool) {
	head, tail, ok := strings.Cut(line, " - ")
	left, right := strings.Split(head, " "), strings.Split(tail, " ")
	if !ok || len(left) < 6 || len(right) < 2 {
		return mountEntry{}, false
	}
	return mountEntry{id: left[0], device: left[2], root: unescapeMount(left[3]), point: unescapeMount(left[4]),
		kind: right[0], source: unescapeMount(right[1])}, true
}

// unescapeMount takes back the octal escapes of space, tab, newline and backslash.
func unescapeMount(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		if len(s) >= 4 && s[0] == '\\' {
			if c, err := strconv.ParseUint(s[1:4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				s = s[4:]
				continue
			}
		}
		b.WriteByte(s[0])
		s = s[1:]
	}
	return b.String()
}

// within gives the place of a path in the file system itself, whatever part of it
// is mounted.
func (m *mountEntry) within(full string) (string, bool) {
	rel, ok := strings.CutPrefix(full, strings.TrimSuffix(m.point, "/"))
	if !ok || rel != "" && rel[0] != '/' {
		return "", false
	}
	return path.Join("/", m.root, rel), true
}
