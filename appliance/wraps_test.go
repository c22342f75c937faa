package appliance

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// badWraps are ways in which a disk's copy of the site's wrap is of no use.
var badWraps = map[string]func(t *testing.T, r *memRig, bay int, name string){
	"cannot be read": func(_ *testing.T, r *memRig, bay int, _ string) {
		r.cfg.Disks[bay].FS = vfs.NewFault(r.mems[bay], vfs.Rule{Op: vfs.OpOpen, Path: "*.wrap", Err: syscall.EIO})
	},
	"folder cannot be read": func(_ *testing.T, r *memRig, bay int, _ string) {
		r.cfg.Disks[bay].FS = vfs.NewFault(r.mems[bay], vfs.Rule{Op: vfs.OpReadDir, Path: disk.WrapsDir, Nth: 1, Err: syscall.EIO})
	},
	"rotten": func(t *testing.T, r *memRig, bay int, name string) { rot(t, r.mems[bay], name, 20) },
	"gone":   func(t *testing.T, r *memRig, bay int, name string) { removeAll(t, r.mems[bay], name) },
	"of no known kind": func(t *testing.T, r *memRig, bay int, name string) {
		removeAll(t, r.mems[bay], name)
		garbage := []byte("neither this nor that")
		if err := durable.WriteFile(r.mems[bay], fmt.Sprintf("%s/%x.wrap", disk.WrapsDir, crypto.SumSHA256(garbage)), garbage); err != nil {
			t.Fatal(err)
		}
	},
}

// TestOneGoodWrap: the wrap check and the seal take the wrap of whichever disk has it,
// name the disks whose copy is bad, and give them a good one.
func TestOneGoodWrap(t *testing.T) {
	for what, spoil := range badWraps {
		r := small32(t)
		r.loadAll(smallTree(t, 3, 100<<10), LoadOptions{})
		name := names(t, r.mems[0], ".wrap")[0]
		want, err := vfs.ReadFile(r.mems[0], name, 1<<20)
		if err != nil {
			t.Fatal(err)
		}
		var said bytes.Buffer
		r.cfg.Log = slog.New(slog.NewTextHandler(&said, nil))
		for _, bay := range []int{0, 1, 3} {
			if bay < 3 || what != "folder cannot be read" { // that disk fails when the seal looks at it
				spoil(t, r, bay, name)
			}
		}
		d := r.mustDevice()
		bundle, checked := d.WrapCheck()
		o := r.sealOptions()
		o.WrapUnchecked, o.WrapAnswer = false, manifest.WrapAnswer(d.key, bundle)
		_, err = d.Seal(t.Context(), o)
		d.Close()
		if checked != nil || err != nil {
			t.Errorf("%s: wrap check %v, seal %v", what, checked, err)
			continue
		}
		for _, disk := range []string{"disk d00", "disk d01"} {
			if !strings.Contains(said.String(), disk) {
				t.Errorf("%s: %s is not named: %s", what, disk, said.String())
			}
		}
		for bay := range r.mems { // the site has opened this one: it stays
			if got, err := vfs.ReadFile(r.mems[bay], name, 1<<20); err != nil || !bytes.Equal(got, want) || len(names(t, r.mems[bay], ".wrap")) != 1 {
				t.Errorf("%s: bay %d has no good copy, or more: %v", what, bay, err)
			}
		}
	}
}

// TestNoGoodWrap: the seal makes the wraps anew, and asks no disk for them.
func TestNoGoodWrap(t *testing.T) {
	src := smallTree(t, 3, 100<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	name := names(t, r.mems[0], ".wrap")[0]
	for _, m := range r.mems {
		rot(t, m, name, 20)
	}
	d := r.mustDevice()
	if _, err := d.WrapCheck(); !errors.Is(err, ErrLost) || !strings.Contains(err.Error(), "disk d00") || !strings.Contains(err.Error(), "disk d04") {
		t.Errorf("a wrap check without a wrap: %v", err)
	}
	d.Close()
	if err := r.check(readTree(t, src), r.sealAll().Label); err != nil {
		t.Error(err)
	}
}

// TestPrepareWithOneGoodWrap: a disk whose first unlock was cut off gets the wraps of
// whichever disk has them.
func TestPrepareWithOneGoodWrap(t *testing.T) {
	for what, spoil := range badWraps {
		r := small32(t)
		r.mustDevice().Close()
		name := names(t, r.mems[0], ".wrap")[0]
		removeAll(t, r.mems[4], disk.WrapsDir+"/")
		spoil(t, r, 0, name)
		if _, err := Prepare(r.cfg, r.root); err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		if got := names(t, r.mems[4], ".wrap"); len(got) != 1 || got[0] != name {
			t.Errorf("%s: the disk got %v", what, got)
		}
	}
}
