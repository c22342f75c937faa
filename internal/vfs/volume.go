package vfs

import (
	"strings"
	"time"
)

// Volume says which file system a tree's root lies on, and what that file system
// can be trusted with. ID and Root together name a source: the same after a
// remount, a reboot, or in another port; another one for another medium at the
// same path. FS is for people: an ext3 may be mounted as ext4.
//
// The zero Volume is of a file system of which nothing is known.
type Volume struct {
	FS   string // kind as the system names it: ext4, vfat, nfs4, fuse.sshfs, …
	ID   string // "fsid:", "uuid:" or "net:" and what follows; empty if none can be had
	Root string // "ino:N", and "@" and the time of its making if that is known, where inode numbers outlive a mount, else "path:/…" from the file system's root

	Coarse       time.Duration // tick of its times if they are known to be coarse; 0 if fine, or not known
	StableInodes bool          // inode numbers name files, so hard links can be told
	TrustHoles   bool          // what it reports as a hole has no data
	Remote       bool          // a server or another process keeps the files: stats may come from a cache, times from another clock
}

// volumeKind is what a kind of file system is known for.
type volumeKind struct {
	coarse time.Duration
	stable bool   // Volume.StableInodes, and a root by inode
	holes  bool   // Volume.TrustHoles
	remote bool   // Volume.Remote
	fsid   bool   // statfs's f_fsid derives from a UUID, not from the device's number
	source string // the mount's source names the file system: prefix of the ID
}

// volumeKinds lists what is not the zero volumeKind. XFS, FAT, exFAT and f2fs
// make an f_fsid of the device's number, so their fsid is false. A kind with a
// source has no superblock that this machine could read.
var volumeKinds = map[string]volumeKind{
	"ext2":  {stable: true, holes: true, fsid: true},
	"ext3":  {stable: true, holes: true, fsid: true},
	"ext4":  {stable: true, holes: true, fsid: true},
	"btrfs": {stable: true, holes: true, fsid: true}, // of the subvolume
	"zfs":   {stable: true, fsid: true},              // of the dataset
	"xfs":   {stable: true, holes: true},
	"f2fs":  {stable: true},
	"tmpfs": {stable: true, holes: true, fsid: true}, // random at each mount, or 0

	"vfat":    {coarse: 2 * time.Second},
	"msdos":   {coarse: 2 * time.Second},
	"exfat":   {coarse: 2 * time.Second}, // its field for 10 ms is optional
	"hfs":     {coarse: time.Second},
	"hfsplus": {coarse: time.Second},

	"nfs":            {stable: true, remote: true, source: "nfs"},
	"nfs4":           {stable: true, remote: true, source: "nfs"},
	"cifs":           {remote: true, source: "cifs", coarse: 2 * time.Second}, // servers may set times late
	"smb3":           {remote: true, source: "cifs", coarse: 2 * time.Second},
	"9p":             {remote: true, source: "9p"},
	"virtiofs":       {remote: true, source: "virtiofs"},
	"ceph":           {remote: true, source: "ceph"},
	"glusterfs":      {remote: true, source: "glusterfs"},
	"fuse.glusterfs": {remote: true, source: "glusterfs"},
	"fuse.sshfs":     {remote: true, source: "sshfs"},
	"fuse.rclone":    {remote: true, source: "rclone"},
}

// kindOf is volumeKinds with what all of FUSE has in common.
func kindOf(fs string) volumeKind {
	k, ok := volumeKinds[fs]
	if !ok {
		k.remote = fs == "fuse" || fs == "fuseblk" || strings.HasPrefix(fs, "fuse.")
	}
	return k
}

// networkID is the ID by a mount's source, or empty if that names nothing: FUSE
// servers put their own name there.
func (k volumeKind) networkID(fs, source string) string {
	if source == "" || source == "none" || strings.HasPrefix(fs, "fuse.") && !strings.Contains(source, ":") {
		return ""
	}
	return "net:" + k.source + ":" + source
}
