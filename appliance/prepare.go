package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// CheckExpiry refuses new loads, and the unlock of a device that holds no data yet,
// after the job's date. It says nothing about the seal of what is loaded, nor about
// import.
func CheckExpiry(c Config) error {
	if err := c.fill(); err != nil {
		return err
	}
	if now := c.Now(); !c.Job.Expires.IsZero() && now.After(c.Job.Expires) {
		return fmt.Errorf("%w: on %s (this device's clock says %s)", ErrExpired, c.Job.Expires.Format("2006-01-02 15:04 MST"), now.UTC().Format("2006-01-02 15:04 MST"))
	}
	return nil
}

// Prepare returns the load key of the generation. root is the KDF's output for
// the unlock code, already compared with the job file's verifier. The first time
// it makes the key and writes header, job file and wraps to every disk; later it
// opens the disks' unlock wraps. It may be called again after a crash at any
// moment: disks that were not finished are finished with the same key. Disks with an
// earlier file of the same job get the present one.
func Prepare(c Config, root []byte) ([]byte, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	held, err := disk.Lock(c.Disks)
	if err != nil {
		return nil, err
	}
	defer held.Release()
	if err := mayBegin(c); err != nil {
		return nil, err
	}
	k, err := prepare(c, root)
	if err != nil {
		return nil, err
	}
	for _, d := range c.Disks {
		err := updateJob(&c, d)
		if errors.Is(err, disk.ErrForeign) || errors.Is(err, ErrOlderJob) {
			clear(k)
			return nil, err
		}
		if err != nil { // a disk that fails is Open's to judge, beside the others
			c.Log.Warn("the disk's job file was not compared", "err", err)
		}
	}
	return k, nil
}

func prepare(c Config, root []byte) ([]byte, error) {
	g := c.Job.Geometry
	if len(c.Disks) > g.Disks {
		return nil, fmt.Errorf("%w: %d given, the job is for %d", ErrManyDisks, len(c.Disks), g.Disks)
	}
	k, fresh, err := findKey(c, root)
	if err != nil {
		return nil, err
	}
	if k == nil {
		if err := noUnlock(c); err != nil {
			return nil, err
		}
		if len(c.Disks) != g.Disks {
			return nil, fmt.Errorf("%w: the first unlock needs all %d disks of the job, %d given", disk.ErrTooFewDisks, g.Disks, len(c.Disks))
		}
		if k, err = crypto.NewLoadKey(c.Rand); err != nil {
			return nil, err
		}
	}
	if len(fresh) == 0 {
		return k, c.taken()
	}
	if err := notInUse(c, fresh); err != nil {
		return nil, err
	}
	if _, err := disk.CheckMounts(c.Disks, c.Allowed); err != nil {
		return nil, err
	}
	return k, prepareDisks(c, fresh, root, k)
}

// ErrNoUnlock: no disk at hand has the unlock wrap, and the device has been loaded. A
// new key would make what is there unreadable.
var ErrNoUnlock = errors.New("no disk here has the unlock wrap, and the device has been loaded")

// noUnlock is ErrNoUnlock where disks without it are the device's own.
func noUnlock(c Config) error {
	used, err := disk.Loaded(c.Disks)
	if err != nil || !used {
		return err
	}
	for _, d := range c.Disks {
		if _, err := d.FS.Stat(disk.HeaderName); err != nil {
			return nil // what is wrong with that disk is said: see notPrepared
		}
	}
	return ErrNoUnlock
}

func (c *Config) taken() error {
	if c.Taken == nil {
		return nil
	}
	return c.Taken()
}

// ErrManyDisks: more disks are given than the job has bays.
var ErrManyDisks = errors.New("too many disks")

// mayBegin is ErrExpired after the job's date, unless something may have been loaded.
func mayBegin(c Config) error {
	expired := CheckExpiry(c)
	if expired == nil {
		return nil
	}
	used, err := disk.Loaded(c.Disks)
	if err != nil || used {
		return err
	}
	return expired
}

// notInUse refuses a disk that is not prepared once the device has been loaded: it was
// put in for another, or its rebuild has not ended, and only a rebuild makes it whole.
func notInUse(c Config, fresh []disk.Disk) error {
	used, err := disk.Loaded(c.Disks)
	if err != nil || !used {
		return err
	}
	return c.notPrepared(fresh[0])
}

// notPrepared says what is wrong with a disk of a loaded device that lacks the unlock
// wrap.
func (c *Config) notPrepared(d disk.Disk) error {
	_, err := d.FS.Stat(disk.HeaderName)
	switch {
	case err == nil:
		return fmt.Errorf("disk %s: %w", d.Name, disk.ErrRebuilding)
	case disk.NoAnswer(err):
		return disk.Unanswered(d.Name, err)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("disk %s: %w", d.Name, err)
	case disk.NotMounted(d, c.Allowed):
		return c.owner().NoHeader(d)
	}
	return fmt.Errorf("disk %s: %w: it is empty, and the device has been loaded already (put it in the place of a failed disk with \"sledge rebuild\")", d.Name, disk.ErrForeign)
}

// CheckDisks tells whether disks may become those of a job that the device has not
// taken yet: each is unused, or was prepared for it before. It writes nothing, so that
// a device with the last job's disks in its bays is left as it is.
func CheckDisks(c Config) error {
	if err := c.fill(); err != nil {
		return err
	}
	if n := c.Job.Geometry.Disks; len(c.Disks) != n {
		return fmt.Errorf("%w: the first unlock needs all %d disks of the job, %d given", disk.ErrTooFewDisks, n, len(c.Disks))
	}
	if err := mayBegin(c); err != nil {
		return err
	}
	_, err := takenBays(c)
	return err
}

// prepareDisks writes what a disk holds before anything is loaded. The unlock
// wrap is written last on each disk: a disk that has one is prepared.
func prepareDisks(c Config, fresh []disk.Disk, root, k []byte) error {
	taken, err := takenBays(c)
	if err != nil {
		return err
	}
	wraps, err := makeWraps(c, k)
	if err != nil {
		return err
	}
	body, err := crypto.WrapToCode(root, k, c.Scope.Binding())
	if err != nil {
		return err
	}
	unlock := (&manifest.Wrap{Kind: manifest.WrapUnlock, Scope: c.Scope, Body: body}).Encode()
	if err := c.taken(); err != nil {
		return err
	}
	for _, d := range fresh {
		if err := prepareDisk(c, d, taken, wraps); err != nil {
			return fmt.Errorf("disk %s: %w", d.Name, err)
		}
	}
	// Only when every disk has the same wraps does one count as prepared.
	for _, d := range fresh {
		if err := durable.WriteFile(d.FS, disk.UnlockName, unlock); err != nil {
			return fmt.Errorf("disk %s: %w", d.Name, err)
		}
	}
	return nil
}

// takenBays reads the headers that are there already.
func takenBays(c Config) (map[int]disk.Disk, error) {
	taken := map[int]disk.Disk{}
	for _, d := range c.Disks {
		h, err := disk.HeaderOf(d)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if h.Scope != c.Scope {
			return nil, fmt.Errorf("disk %s: %w: it is bay %d of job %s, device %s, generation %d; nothing was overwritten", d.Name, disk.ErrForeign, h.Bay, h.Scope.Job, h.Scope.Device, h.Scope.Generation)
		}
		if other, ok := taken[h.Bay]; ok {
			return nil, fmt.Errorf("disks %s and %s: %w: both are bay %d", other.Name, d.Name, disk.ErrForeign, h.Bay)
		}
		taken[h.Bay] = d
	}
	return taken, nil
}

func prepareDisk(c Config, d disk.Disk, taken map[int]disk.Disk, wraps map[string][]byte) error {
	for _, dir := range []string{disk.WrapsDir, disk.PacksDir, disk.LogDir, disk.Root + "/statements", disk.JournalDir, disk.TempDir} {
		if err := durable.MkdirAll(d.FS, dir); err != nil {
			return err
		}
	}
	if _, err := d.FS.Stat(disk.HeaderName); errors.Is(err, fs.ErrNotExist) {
		free := 0
		for _, ok := taken[free]; ok; _, ok = taken[free] {
			free++
		}
		id, err := c.newID()
		if err != nil {
			return err
		}
		h := disk.Header{Scope: c.Scope, Bay: free, Disk: id, Bays: c.Job.Geometry.Disks, Created: c.Now().UTC()}
		if err := durable.WriteFile(d.FS, disk.HeaderName, h.Encode()); err != nil {
			return err
		}
		taken[free] = d
	}
	if err := durable.WriteFile(d.FS, disk.JobName, c.JobFile); err != nil {
		return err
	}
	if err := disk.ClearMark(d.FS); err != nil { // nothing is loaded: what it lacks is made now
		return err
	}
	if err := clearWraps(d.FS, wraps); err != nil {
		return err
	}
	for name, b := range wraps {
		if err := durable.WriteFile(d.FS, disk.WrapsDir+"/"+name, b); err != nil {
			return err
		}
	}
	return nil
}

// clearWraps removes wraps of an earlier, unfinished first unlock: their key was
// never used.
func clearWraps(fsys vfs.FS, keep map[string][]byte) error {
	list, err := fsys.ReadDir(disk.WrapsDir)
	if err != nil {
		return err
	}
	for _, e := range list {
		if e.IsDir() { // not ours
			continue
		}
		if strings.HasPrefix(e.Name(), "unlock.") {
			if err := durable.Overwrite(fsys, disk.WrapsDir+"/"+e.Name()); err != nil {
				return err
			}
			continue
		}
		if _, ok := keep[e.Name()]; !ok && e.Name() != "unlock" {
			if err := durable.Remove(fsys, disk.WrapsDir+"/"+e.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}

// makeWraps wraps the key to the site and to recovery, or takes those that the
// prepared disks of the set already have, so that all disks hold the same files.
func makeWraps(c Config, k []byte) (map[string][]byte, error) {
	var prepared []disk.Disk
	for _, d := range c.Disks {
		if _, err := d.FS.Stat(disk.UnlockName); err == nil {
			prepared = append(prepared, d)
		}
	}
	if len(prepared) > 0 {
		wraps, bad, err := c.wraps().Find(prepared)
		c.warnWraps(bad)
		return wraps, err
	}
	return c.wraps().New(k)
}
