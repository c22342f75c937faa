package disks

import (
	"context"
	"io/fs"
	"strconv"
	"strings"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

var rootNames = map[string]bool{
	"disk.header": true, "rebuilding": true, "job.dsse": true, "wraps": true, "packs": true, "log": true, "statements": true, "journal": true, "tmp": true,
}

// leftovers names what a sealed device must not have any more, and files that
// the format does not know.
func (v *Check) leftovers() {
	const hint = "destroy it: resume the seal on the device"
	for _, d := range v.use {
		if v.count(d, "wraps", func(name string) bool { return isUnlockWrap(d, name) }) > 0 {
			v.f.Add(findings.Warning, "leftover", findings.OnDisk(d), hint, "wraps/unlock is still there, or a copy of it in wraps/: with the unlock code it opens the device")
		}
		if count := v.count(d, "journal", func(string) bool { return true }); count > 0 {
			v.f.Add(findings.Warning, "leftover", findings.OnDisk(d), hint, "journal/ still has %d files", count)
		}
		v.unknownIn(d, ".", func(name string) bool { return rootNames[name] })
		v.unknownIn(d, "statements", func(name string) bool { return name == "seal.dsse" })
		v.unknownIn(d, "log", func(name string) bool { return name == "checkpoint" || name == "tile" })
	}
}

func (v *Check) unknownIn(d *disk.Seen, dir string, known func(string) bool) {
	_ = v.inFolder(d, dir, func(e fs.DirEntry) error {
		if !known(e.Name()) {
			v.nameUnknown(d, join(dir, e.Name()))
		}
		return nil
	})
}

// count is how many names of a folder are of a kind.
func (v *Check) count(d *disk.Seen, dir string, is func(string) bool) (n int) {
	_ = v.inFolder(d, dir, func(e fs.DirEntry) error {
		if is(e.Name()) {
			n++
		}
		return nil
	})
	return n
}

// inFolder lists a folder of a disk and returns fn's error. A folder that cannot be
// listed is damage of that disk.
func (v *Check) inFolder(d *disk.Seen, dir string, fn func(fs.DirEntry) error) error {
	var stopped error
	err := disk.EachEntry(d.Fsys, dir, func(e fs.DirEntry) error {
		stopped = fn(e)
		return stopped
	})
	if err != nil && stopped == nil {
		v.f.Repeat(findings.Repairable, "folder-unreadable", findings.OnDisk(d), findings.HintRebuild, "%s: %v", findings.QuoteName(dir), err)
	}
	return stopped
}

func (v *Check) nameUnknown(d *disk.Seen, path string) {
	v.f.Repeat(findings.Note, "unknown-file", findings.OnDisk(d), "", "%s is not part of the format", findings.QuoteName(path))
}

func join(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}

// listing walks the folders of packs and of the log on every disk.
func (v *Check) listing(ctx context.Context) error {
	for _, d := range v.use {
		if err := v.listPacks(ctx, d); err != nil {
			return err
		}
		if v.log != nil {
			if err := v.listLog(ctx, d, "log/tile", 0); err != nil {
				return err
			}
		}
	}
	return nil
}

func (v *Check) listPacks(ctx context.Context, d *disk.Seen) error {
	return v.inFolder(d, "packs", func(e fs.DirEntry) error {
		dir := "packs/" + e.Name()
		if !e.IsDir() || len(e.Name()) != 2 || !wire.LowerHex(e.Name()) {
			v.nameUnknown(d, dir)
			return nil
		}
		return v.inFolder(d, dir, func(file fs.DirEntry) error {
			if err := ctx.Err(); err != nil {
				return err
			}
			v.judgePackFile(d, e.Name(), file)
			return nil
		})
	})
}

func (v *Check) judgePackFile(d *disk.Seen, folder string, e fs.DirEntry) {
	name := e.Name()
	pack, ok := packFileID(name)
	if !ok || e.IsDir() || name[:2] != folder {
		v.nameUnknown(d, "packs/"+folder+"/"+name)
		return
	}
	if !v.packIDs.has(pack) {
		v.f.Repeat(findings.Note, "unknown-pack", findings.OnDisk(d), "", "packs/%s/%s is of a pack that is not in the log", folder, name)
	}
}

// packFileID takes "<pack id>.NN.shard", "….NN.piece" or "….hashes" apart.
func packFileID(name string) (wire.ID, bool) {
	if len(name) < 33 || name[32] != '.' {
		return wire.ID{}, false
	}
	pack, err := wire.ParseID(name[:32])
	if err != nil {
		return wire.ID{}, false
	}
	rest := name[33:]
	if rest == "hashes" {
		return pack, true
	}
	number, kind, _ := strings.Cut(rest, ".")
	n, err := strconv.Atoi(number)
	return pack, err == nil && len(number) == 2 && n >= 0 && n < wire.MaxShards && (kind == "shard" || kind == "piece")
}

const maxFolderDepth = 12

func (v *Check) listLog(ctx context.Context, d *disk.Seen, dir string, depth int) error {
	return v.inFolder(d, dir, func(e fs.DirEntry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		path := dir + "/" + e.Name()
		if e.IsDir() && depth < maxFolderDepth {
			return v.listLog(ctx, d, path, depth+1)
		}
		if !v.log.Expects(path) {
			v.nameUnknown(d, path)
		}
		return nil
	})
}
