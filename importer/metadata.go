package importer

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/sledge-io/sledge/manifest"
)

// The names under which AWS DataSync, Storage Gateway and FSx for Lustre keep
// POSIX metadata, so that each of them restores it from our objects. The forms
// are those of FSx ("POSIX metadata support for data repositories",
// docs.aws.amazon.com/fsx/latest/LustreGuide/posix-metadata-support.html):
// file-permissions is st_mode in octal with its file type ("0100664"), owner and
// group are decimal ids, times are nanoseconds since 1970 with the suffix "ns".
// A symlink is an object holding the target text, known by its file type; a
// directory is an empty object with a trailing slash. file-atime is left out:
// records have no time of last access.
const (
	metaPermissions = "file-permissions"
	metaOwner       = "file-owner"
	metaGroup       = "file-group"
	metaMtime       = "file-mtime"

	// metaEntry names the record that the object was made from, metaRun the run
	// that stored it: what tells our own object after a lost reply.
	metaEntry = "sledge-entry"
	metaRun   = "sledge-run"
	metaKind  = "sledge-kind" // symlink, hard link; absent for files and directories
)

// File types of st_mode (inode(7)).
const (
	typeRegular   = 0o100000
	typeDirectory = 0o040000
	typeSymlink   = 0o120000
)

// metadata returns the object's user metadata and the names of what does not fit.
func metadata(r *manifest.Record, entryID, runID string, limit int) (meta map[string]string, leftOut []string) {
	meta = map[string]string{metaEntry: entryID, metaRun: runID}
	size := 0
	for name, value := range meta {
		size += len(name) + len(value)
	}
	add := func(name, value string) {
		if size+len(name)+len(value) > limit {
			leftOut = append(leftOut, name)
			return
		}
		size += len(name) + len(value)
		meta[name] = value
	}
	add(metaPermissions, "0"+strconv.FormatUint(uint64(fileType(r.Kind)|r.Mode), 8))
	add(metaOwner, strconv.FormatUint(uint64(r.UID), 10))
	add(metaGroup, strconv.FormatUint(uint64(r.GID), 10))
	if kind := markedKind(r.Kind); kind != "" {
		add(metaKind, kind)
	}
	if !r.Mtime.IsZero() {
		if ns, ok := nanoseconds(r.Mtime); ok {
			add(metaMtime, ns)
		} else {
			leftOut = append(leftOut, metaMtime)
		}
	}
	for _, x := range r.Xattrs {
		leftOut = append(leftOut, x.Name)
	}
	return meta, leftOut
}

func fileType(k manifest.Kind) uint32 {
	switch k {
	case manifest.KindDir:
		return typeDirectory
	case manifest.KindSymlink:
		return typeSymlink
	}
	return typeRegular
}

func markedKind(k manifest.Kind) string {
	switch k {
	case manifest.KindSymlink:
		return "symlink"
	case manifest.KindHardlink:
		return "hardlink"
	}
	return ""
}

// nanoseconds is FSx's form of a time, as far as 64 bits hold it (1677…2262).
func nanoseconds(t time.Time) (string, bool) {
	const last = math.MaxInt64/1_000_000_000 - 1
	if s := t.Unix(); s > last || s < -last {
		return "", false
	}
	return fmt.Sprintf("%dns", t.UnixNano()), true
}

// entryID names a record by its place: what it stands in is signed.
func entryID(s manifest.Scope, raw RawRecord) string {
	return fmt.Sprintf("%s%d/%d", scopeID(s), raw.Page, raw.Index)
}

// scopeID is what the names of a device's records begin with.
func scopeID(s manifest.Scope) string {
	return fmt.Sprintf("%s/%s/%d/", s.Job, s.Device, s.Generation)
}
