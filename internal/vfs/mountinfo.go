package vfs

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// mountEntry is one line of /proc/self/mountinfo (proc_pid_mountinfo(5)).
type mountEntry struct {
	id      int
	device  string // major:minor
	root    string // the mount's root within the file system
	point   string // where it is mounted
	kind    string // with subtype: fuse.sshfs
	source  string
	options string // of the file system
}

// errMountinfo reports a line that is not as the manual page says.
var errMountinfo = errors.New("mountinfo: malformed line")

// findMount returns the mount of this id; there being none is fs.ErrNotExist.
func findMount(mountinfo string, id int) (mountEntry, error) {
	for line := range strings.Lines(mountinfo) {
		if m, err := parseMount(strings.TrimSuffix(line, "\n")); err != nil || m.id == id {
			return m, err
		}
	}
	return mountEntry{}, fmt.Errorf("mountinfo: mount %d: %w", id, fs.ErrNotExist)
}

// parseMount splits at single spaces, as an empty source leaves two.
func parseMount(line string) (mountEntry, error) {
	head, tail, ok := strings.Cut(line, " - ")
	left, right := strings.Split(head, " "), strings.Split(tail, " ")
	id, err := strconv.Atoi(left[0])
	if !ok || err != nil || len(left) < 6 || len(right) < 2 {
		return mountEntry{}, fmt.Errorf("%w: %q", errMountinfo, clip(line))
	}
	return mountEntry{id: id, device: left[2], root: unescapeMount(left[3]), point: unescapeMount(left[4]),
		kind: right[0], source: unescapeMount(right[1]), options: strings.Join(right[2:], " ")}, nil
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
