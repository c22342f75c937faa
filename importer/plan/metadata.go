package plan

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
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

	// MetaEntry names the record that the object was made from, MetaRun the run
	// that stored it: what tells our own object after a lost reply.
	MetaEntry = "sledge-entry"
	MetaRun   = "sledge-run"
	metaKind  = "sledge-kind" // symlink, hard link; absent for files and directories
)

// File types of st_mode (inode(7)).
const (
	typeRegular   = 0o100000
	typeDirectory = 0o040000
	typeSymlink   = 0o120000
)

// ownMetadata is more than all names and values of an entry's own metadata take.
const ownMetadata = 512

// checkMetadata refuses metadata that would leave no room for what describes the files.
func (r Rules) CheckMetadata(p target.Profile) error {
	for i, o := range r.Objects {
		if n, most := o.Size(), max(0, p.MaxMeta-ownMetadata); n > most {
			return r.OfRule(i, &target.Misgiven{Name: "metadata", Err: fmt.Errorf("of %d bytes: the target takes %d beside what describes a file", n, most)})
		}
	}
	return nil
}

// metadata returns the object's user metadata and the names of what does not fit. What
// identifies the object always goes, then names go in a fixed order while there is room:
// DataSync's, then rclone's. given is the size of what the rules add.
func metadata(r *manifest.Record, entryID, runID string, limit, given int) (meta map[string]string, leftOut []string) {
	meta = map[string]string{MetaEntry: entryID, MetaRun: runID}
	size := given
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
	mode, uid, gid := strconv.FormatUint(uint64(fileType(r.Kind)|r.Mode), 8), strconv.FormatUint(uint64(r.UID), 10), strconv.FormatUint(uint64(r.GID), 10)
	add(metaPermissions, "0"+mode)
	add(metaOwner, uid)
	add(metaGroup, gid)
	if kind := markedKind(r.Kind); kind != "" {
		add(metaKind, kind)
	}
	ns, known := nanoseconds(r.Mtime)
	switch {
	case known:
		add(metaMtime, fmt.Sprintf("%dns", ns))
		add(target.MetaRcloneMtime, decimalSeconds(ns))
	case !r.Mtime.IsZero():
		leftOut = append(leftOut, metaMtime, target.MetaRcloneMtime)
	}
	add(target.MetaRcloneMode, mode)
	add(target.MetaRcloneUID, uid)
	add(target.MetaRcloneGID, gid)
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

// nanoseconds is a time since 1970 as far as 64 bits hold it (1677…2262), and whether
// they do. No time is not known.
func nanoseconds(t time.Time) (ns int64, known bool) {
	const last = math.MaxInt64/1_000_000_000 - 1
	if s := t.Unix(); t.IsZero() || s > last || s < -last {
		return 0, false
	}
	return t.UnixNano(), true
}

// decimalSeconds writes nanoseconds as seconds. A fraction has all nine digits: s3fs takes
// its digits for a number of nanoseconds.
func decimalSeconds(ns int64) string {
	sign, n := "", uint64(ns)
	if ns < 0 {
		sign, n = "-", -n
	}
	if n%1e9 == 0 {
		return fmt.Sprintf("%s%d", sign, n/1e9)
	}
	return fmt.Sprintf("%s%d.%09d", sign, n/1e9, n%1e9)
}

// entryID names a record by its place: what it stands in is signed.
func entryID(s manifest.Scope, raw entry.RawRecord) string {
	return fmt.Sprintf("%s%d/%d", ScopeID(s), raw.Page, raw.Index)
}

// ScopeID is what the names of a device's records begin with.
func ScopeID(s manifest.Scope) string {
	return fmt.Sprintf("%s/%s/%d/", s.Job, s.Device, s.Generation)
}
