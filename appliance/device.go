package appliance

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/appliance/wraps"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/manifest"
)

// Device is an unlocked, unsealed device. Its exported methods are called one
// at a time.
type Device struct {
	cfg     Config
	key     []byte
	keys    *manifest.Keys
	code    *erasure.Code
	bays    disk.Bays
	held    disk.Locks
	told    [manifest.MaxBays]bool // by bay: its failure has been journalled
	look    bool                   // opened by Look: nothing is written
	buffers *pack.Buffers
	plains  *ingest.Pool
	turn    atomic.Uint64
	writes  writeCount

	// What was read once; calls that read it do not run at the same time.
	checked *wraps.File              // what the site is asked about
	ends    map[manifest.ID]listEnds // of scan lists

	roomMu   sync.Mutex // guards the three below; taken before mu
	room     sync.Cond
	reserved int64 // body bytes that open packs may still take
	packs    int   // that have a reservation

	mu           sync.Mutex // guards the rest: commits are ordered by it
	journal      *frames.Writer
	ordinal      uint64 // of the next frame file
	files        []*frames.File
	sizes        map[manifest.ID]int64 // acknowledged length of each earlier file
	state        loadState
	broken       error         // the journal could not be written: nothing more may be committed
	lost         int           // bays that were missing when earlier journal files were last brought to m+1 copies
	behind       *readBehind   // reads committed packs back; made by the first commit of a load
	noReadBehind bool          // the load leaves reading back to the seal
	unsaved      journal.Marks // read-backs that the journal does not know of

	found map[int]map[uint64]bool // by bay: packs whose shard was lost at the commit and is there
}

// Open takes up a prepared device: it finds the disks' bays, replays the
// journal, brings it back to m+1 copies and sweeps what was never committed. The
// disks are the caller's until Close; those of another are ErrBusy.
func Open(cfg Config, loadKey []byte) (*Device, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	held, err := disk.Lock(cfg.Disks)
	if err != nil {
		return nil, err
	}
	d, err := open(cfg, loadKey, false)
	if err != nil {
		held.Release()
		return nil, err
	}
	d.held = held
	return d, nil
}

func open(cfg Config, loadKey []byte, look bool) (*Device, error) {
	g := cfg.Job.Geometry
	if cfg.Workers <= 0 {
		cfg.Workers = defaultWorkers()
	}
	cfg.Workers = cfg.buffering().FitWorkers(cfg.Workers)
	if cfg.Ledger != nil { // what Open would sweep belongs to the seal by now
		if _, _, ok := cfg.Ledger.RecordedCheckpoint(cfg.Scope.Origin()); ok {
			return nil, ErrSealBegun
		}
	}
	set, err := cfg.owner().Match(cfg.Disks)
	if err != nil {
		return nil, err
	}
	if !look {
		if err := sameJob(&cfg, set); err != nil {
			return nil, err
		}
	}
	code, err := erasure.NewCode(g.K, g.M)
	if err != nil {
		return nil, err
	}
	d := &Device{cfg: cfg, key: loadKey, keys: manifest.NewKeys(loadKey, cfg.Scope), code: code, bays: set, look: look}
	for _, b := range set.Healthy() {
		_, err := b.Disk.FS.Stat(disk.CheckpointName)
		if err == nil {
			return nil, fmt.Errorf("disk %s: %w", b.Disk.Name, ErrSealed)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			if err := b.Refuse(err); err != nil {
				return nil, err
			}
		}
	}
	if err := d.enough(); err != nil {
		return nil, err
	}
	if err := d.replay(); err != nil {
		return nil, err
	}
	d.findLost()
	if err := d.enough(); err != nil {
		return nil, err
	}
	if look {
		return d, d.bays.Own()
	}
	if err := d.sweep(); err != nil {
		return nil, err
	}
	return d, nil
}

// start makes buffers and disk writers; stop gives them back.
func (d *Device) start(writers int) {
	if d.buffers != nil {
		return
	}
	buffers := d.cfg.buffering()
	d.buffers = buffers.New(buffers.FitBuffers(writers))
	d.plains = ingest.NewPool(crypto.PlainSegmentSize, writers)
	for _, b := range d.bays {
		if b != nil {
			b.StartWriter()
		}
	}
}

func (d *Device) stop() {
	d.stopReadBehind()
	if d.buffers == nil {
		return
	}
	for _, b := range d.bays {
		if b != nil {
			b.StopWriter()
		}
	}
	d.buffers, d.plains = nil, nil
}

// Close ends work on the device; nothing acknowledged depends on it.
func (d *Device) Close() error {
	d.stop()
	defer d.held.Release()
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.endJournal()
}

// LeastDisks is how many disks of a job a load and the seal need.
func LeastDisks(g manifest.JobGeometry) int { return max(pack.Need(g.Code()), g.Disks-g.M) }

// enough counts the disks that work. With more than m of them missing all copies
// of a journal could be; what it commits would look as if it had never been.
func (d *Device) enough() error {
	g := d.cfg.Job.Geometry
	have, least := len(d.bays.Healthy()), LeastDisks(g)
	if d.look {
		least = g.Disks - g.M
	}
	if have >= least {
		return nil
	}
	err := fmt.Errorf("%w: %d of %d are here, %d are needed; missing: %s", disk.ErrTooFewDisks, have, g.Disks, least, disk.BayList(d.bays.Missing()))
	return disk.Rebuildable(errors.Join(append([]error{err}, d.bays.Errors()...)...), have, g)
}
