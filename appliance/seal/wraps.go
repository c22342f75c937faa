package seal

import (
	"bytes"
	"maps"
	"path"
	"slices"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/wraps"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// sealWraps makes the wraps that go on record and writes them to every disk, by name.
// They are made anew from the load key, so that none is believed for its name and the
// number of its copies. The one that the site has opened stays: its answer proves it.
func (d *sealing) sealWraps(answered bool) (list []wraps.File, err error) {
	job := wraps.Job{Scope: d.cfg.Scope, Job: d.cfg.Job}
	files, err := job.New(d.open.LoadKey)
	if err != nil {
		return nil, err
	}
	if answered {
		checked, err := d.open.CheckedWrap()
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(files, func(_ string, file []byte) bool {
			id, ok := job.SiteOf(file)
			return ok && id == checked.Entry.Recipients[0]
		})
		files[checked.Name] = checked.Data
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		list = append(list, job.File(name, files[name], d.open.Keys.Check()))
	}
	return list, d.bays.EachWithRoom(func(b *disk.Bay) error { return replaceWraps(b.Disk.FS, files) })
}

// replaceWraps writes a disk's wraps, then removes all others but the unlock wrap.
func replaceWraps(fsys vfs.FS, files map[string][]byte) error {
	for name, file := range files {
		if have, err := vfs.ReadFile(fsys, disk.WrapsDir+"/"+name, manifest.MaxWrap); err == nil && bytes.Equal(have, file) {
			continue
		} else if disk.OwnFault(err) {
			return err
		}
		if err := durable.WriteFile(fsys, disk.WrapsDir+"/"+name, file); err != nil {
			return err
		}
	}
	list, err := fsys.ReadDir(disk.WrapsDir)
	if err != nil {
		return err
	}
	for _, e := range list {
		kind := path.Ext(e.Name())
		if _, ok := files[e.Name()]; ok || e.IsDir() || kind != ".wrap" && kind != ".age" {
			continue
		}
		if err := durable.Remove(fsys, disk.WrapsDir+"/"+e.Name()); err != nil {
			return err
		}
	}
	return nil
}
