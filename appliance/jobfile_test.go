package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	mrand "math/rand"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// expire moves the clock behind the job's end.
func (r *memRig) expire() { r.clock = r.cfg.Job.Expires.Add(time.Hour) }

// jobFile signs a change of the rig's job.
func (r *memRig) jobFile(change func(*manifest.Job)) (*manifest.Job, []byte) {
	r.t.Helper()
	job := *r.cfg.Job
	change(&job)
	file, err := job.Sign(r.signer)
	if err != nil {
		r.t.Fatal(err)
	}
	return &job, file
}

// extend gives the rig's device the job's next file; the disks know nothing of it.
func (r *memRig) extend() {
	r.cfg.Job, r.cfg.JobFile = r.jobFile(func(j *manifest.Job) { j.Serial, j.Expires = j.Serial+1, j.Expires.AddDate(20, 0, 0) })
}

// TestExpired: the expiry stops new loads and the unlock of a device that holds
// nothing. What is loaded can be sealed, also after a reboot.
func TestExpired(t *testing.T) {
	src := smallTree(t, 1, 100<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	r.expire()
	d, err := r.device() // as after a reboot
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Load(context.Background(), src, LoadOptions{}); !errors.Is(err, ErrExpired) {
		t.Errorf("load: %v", err)
	}
	res, err := d.Seal(context.Background(), r.sealOptions())
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	if err := r.check(readTree(t, src), res.Label); err != nil {
		t.Error(err)
	}
	if _, err := Prepare(r.cfg, r.root); !errors.Is(err, ErrSealed) {
		t.Errorf("unlock of a sealed device: %v", err)
	}
	for name, prepared := range map[string]bool{"first unlock": false, "nothing loaded": true} {
		r := small32(t)
		if prepared {
			r.mustDevice().Close()
		}
		r.expire()
		if _, err := Prepare(r.cfg, r.root); !errors.Is(err, ErrExpired) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestExtend cuts the power at every operation of the unlock of a device that took a
// later file of its job, and unlocks it again: no disk is a dead end, and then log,
// statement, label and disks are of the later file.
func TestExtend(t *testing.T) {
	src := t.TempDir()
	if err := os.WriteFile(filepath.Join(src, "a"), []byte("content"), 0o644); err != nil {
		t.Fatal(err)
	}
	want := readTree(t, src)
	rng := mrand.New(mrand.NewSource(seedOf(t)))
	for n, done := int64(1), false; !done; n++ {
		for _, percent := range []int{0, 50, 100} {
			r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096, packSize: 32 << 10})
			r.loadAll(src, LoadOptions{})
			r.expire()
			r.extend()
			r.haltAt(n)
			d, err := r.device()
			if done = err == nil; done {
				d.Close()
			}
			r.use(r.clone(rng, percent))
			res, _, err := r.run(src)
			if err != nil {
				t.Fatalf("op %d, %d %%: %v", n, percent, err)
			}
			if err := errors.Join(r.ofJob(res), r.check(want, res.Label)); err != nil {
				t.Fatalf("op %d, %d %%: %v", n, percent, err)
			}
		}
	}
}

// ofJob tells whether everything that a seal leaves is of the device's job file.
func (r *memRig) ofJob(res *seal.Result) error {
	sum := crypto.SumSHA256(r.cfg.JobFile)
	label, err := manifest.ParseLabel(res.Label)
	if err != nil {
		return err
	}
	if label.JobSerial != r.cfg.Job.Serial || label.JobSHA256 != sum || res.Statement.JobSerial != r.cfg.Job.Serial || res.Statement.JobSHA256 != fmt.Sprintf("%x", sum) {
		return fmt.Errorf("label of serial %d, statement of serial %d, want %d", label.JobSerial, res.Statement.JobSerial, r.cfg.Job.Serial)
	}
	for i, m := range r.mems {
		if file, err := vfs.ReadFile(m, disk.JobName, manifest.MaxStatement); err != nil || string(file) != string(r.cfg.JobFile) {
			return fmt.Errorf("disk %d has another job file, %v", i, err)
		}
	}
	s, err := OpenSet(r.cfg.Disks, r.signer.Public().(ed25519.PublicKey), res.Label)
	if err == nil && s.Start.JobSHA256 != sum {
		err = errors.New("the log is of another job file")
	}
	return err
}

// TestJobFiles: which job files of a disk give way to the device's.
func TestJobFiles(t *testing.T) {
	src := smallTree(t, 3, 10<<10)
	for name, c := range map[string]struct {
		disk func(r *memRig) []byte
		want error
	}{
		"later": {func(r *memRig) []byte { _, f := r.jobFile(func(j *manifest.Job) { j.Serial = 9 }); return f }, ErrOlderJob},
		"changed": {func(r *memRig) []byte {
			_, f := r.jobFile(func(j *manifest.Job) { j.Serial, j.Site = 1, "x" })
			return f
		}, ErrForeign},
		"same serial": {func(r *memRig) []byte {
			_, f := r.jobFile(func(j *manifest.Job) { j.Expires = j.Expires.Add(time.Hour) })
			return f
		}, ErrForeign},
		"another signer's": {func(r *memRig) []byte {
			_, r.signer, _ = ed25519.GenerateKey(nil)
			_, f := r.jobFile(func(j *manifest.Job) { j.Serial = 1 })
			return f
		}, ErrForeign},
		"damaged": {func(r *memRig) []byte { return []byte("{}") }, ErrForeign},
		"earlier": {func(r *memRig) []byte { _, f := r.jobFile(func(j *manifest.Job) { j.Serial = 1 }); return f }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			r := small32(t)
			r.cfg.Job, r.cfg.JobFile = r.jobFile(func(j *manifest.Job) { j.Serial = 5 })
			r.loadAll(src, LoadOptions{})
			k, err := Prepare(r.cfg, r.root)
			if err != nil {
				t.Fatal(err)
			}
			file := c.disk(r)
			if err := durable.WriteFile(r.mems[2], disk.JobName, file); err != nil {
				t.Fatal(err)
			}
			if _, err := Prepare(r.cfg, r.root); !errors.Is(err, c.want) {
				t.Errorf("unlock: %v", err)
			}
			if err := durable.WriteFile(r.mems[2], disk.JobName, file); err != nil {
				t.Fatal(err)
			}
			d, err := Open(r.cfg, k)
			if !errors.Is(err, c.want) {
				t.Errorf("open: %v", err)
			}
			if err == nil {
				d.Close()
			}
			got, err := vfs.ReadFile(r.mems[2], disk.JobName, manifest.MaxStatement)
			if err != nil || (string(got) == string(r.cfg.JobFile)) != (c.want == nil) {
				t.Errorf("the disk's job file was replaced: %v, %v", string(got) == string(r.cfg.JobFile), err)
			}
		})
	}
}

// TestExtendWithout: a disk that was away when the job was extended and at the seal
// has its earlier file; wherever it is given, the file that the log names counts.
func TestExtendWithout(t *testing.T) {
	src := smallTree(t, 1, 100<<10)
	r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 4, block: 4096, packSize: 1 << 20})
	r.loadAll(src, LoadOptions{})
	all := append([]*vfs.Mem(nil), r.mems...)
	r.without(0)
	r.extend()
	d := r.mustDevice()
	o := r.sealOptions()
	o.Absent = []int{0}
	res, err := d.Seal(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	d.Close()
	r.use(all)
	for _, label := range [][]byte{res.Label, nil} {
		if err := r.check(readTree(t, src), label); err != nil {
			t.Errorf("label %v: %v", label != nil, err)
		}
		// Of two disks the first has the earlier file.
		s, err := OpenSet(r.cfg.Disks[:2], r.signer.Public().(ed25519.PublicKey), label)
		if err != nil || s.Job.Serial != r.cfg.Job.Serial {
			t.Errorf("two disks, label %v: %v", label != nil, err)
		}
	}
}

// TestCheckDisks: disks of another job are told before anything is written.
func TestCheckDisks(t *testing.T) {
	r := small32(t)
	if err := CheckDisks(r.cfg); err != nil {
		t.Errorf("unused disks: %v", err)
	}
	r.mustDevice().Close()
	if err := CheckDisks(r.cfg); err != nil {
		t.Errorf("disks of this job: %v", err)
	}
	other := r.cfg
	other.Job, other.JobFile = r.jobFile(func(j *manifest.Job) { j.ID[0]++ })
	other.Scope.Job = other.Job.ID
	if err := CheckDisks(other); !errors.Is(err, ErrForeign) {
		t.Errorf("disks of another job: %v", err)
	}
	other.Disks = other.Disks[1:]
	if err := CheckDisks(other); !errors.Is(err, ErrTooFewDisks) {
		t.Errorf("too few disks: %v", err)
	}
}

// TestExtendFullDisk: a disk without room for the later file is neither failed, nor does
// it keep the device from being opened; the seal waits for room, and gives it the file.
func TestExtendFullDisk(t *testing.T) {
	src := smallTree(t, 2, 100<<10)
	for _, op := range []vfs.OpKind{vfs.OpCreate, vfs.OpWrite, vfs.OpRename} {
		r := small32(t)
		r.loadAll(src, LoadOptions{})
		r.expire()
		r.extend()
		fault := r.noRoom(2, op, disk.JobName+"*", 0)
		d, err := r.device()
		if err != nil {
			t.Errorf("%v: %v", op, err)
			continue
		}
		if lost := d.bays.Missing(); len(lost) > 0 {
			t.Errorf("%v: failed: %v", op, lost)
		}
		if _, err := d.Seal(t.Context(), r.sealOptions()); !errors.Is(err, ErrFull) || errors.Is(err, ErrDiskFailed) {
			t.Errorf("%v: sealed: %v", op, err)
		}
		d.Close()
		fault.Clear()
		res, err := r.finish(src)
		if err != nil {
			t.Errorf("%v: with room: %v", op, err)
			continue
		}
		if err := errors.Join(r.ofJob(res), r.check(readTree(t, src), res.Label)); err != nil {
			t.Errorf("%v: %v", op, err)
		}
	}
}

// TestUnreadableJobFile: a disk that gives errors where its job file is fails, and the
// others go on.
func TestUnreadableJobFile(t *testing.T) {
	r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 4, block: 4096, packSize: 1 << 20})
	r.loadAll(smallTree(t, 2, 10<<10), LoadOptions{})
	r.cfg.Disks[1].FS = vfs.NewFault(r.mems[1], vfs.Rule{Op: vfs.OpOpen, Path: disk.JobName, Err: syscall.EIO})
	d, err := r.device()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if lost := d.bays.Missing(); len(lost) != 1 || lost[0] != 1 {
		t.Errorf("failed: %v", lost)
	}
}
