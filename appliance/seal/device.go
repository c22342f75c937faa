package seal

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"time"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/frames"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/appliance/wraps"
	"github.com/sledge-io/sledge/internal/erasure"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Config is what is sealed, by whom.
type Config struct {
	Scope    manifest.Scope
	Job      *manifest.Job
	JobFile  []byte             // exact bytes of job.dsse
	Key      ed25519.PrivateKey // device key
	Disks    []disk.Disk
	Allowed  disk.Allowed // what was let pass
	Now      func() time.Time
	Software string // name and version for statements
	Log      *slog.Logger
}

// Opened is an open device that is to be sealed.
type Opened struct {
	Bays    disk.Bays
	LoadKey []byte
	Keys    *manifest.Keys
	Code    *erasure.Code
	Device
}

// Device is what a seal asks of an open device. Nothing else works on it meanwhile.
type Device interface {
	// Broken is why the journal could not be written; nil if it can be.
	Broken() error
	// Complete is ErrIncomplete where nothing was loaded, or a load has not ended.
	Complete() error
	// WrapCheck is the bundle that the site answers, about the wrap of CheckedWrap.
	WrapCheck() ([]byte, error)
	CheckedWrap() (*wraps.File, error)

	// ReadRest reads the shards that nobody has read. One that does not come back is a lost
	// shard of a disk that is believed otherwise if degraded, else it condemns its disk.
	ReadRest(ctx context.Context, degraded bool, progress func(done, total int64)) error
	// ReadIndex reads index packs, and then a sample of each disk.
	ReadIndex(ctx context.Context, packs []*manifest.Pack) error
	// Pardon lets condemned disks be written to.
	Pardon()
	PacksRead() uint64
	// Unsettled lists the bays whose disk was written to since its sample was read.
	Unsettled() []int
	// LostPacks lists the packs that cannot be given back, as far as is known.
	LostPacks() []uint64
	// Unreadable lists the shards of a pack that are lost, or that nobody has read since.
	Unreadable(p *manifest.Pack) []byte

	// Start makes what packs are written with, one at a time; Stop gives it back.
	Start()
	Stop()
	// NewStripes begins a pack under a fresh id; EmptyPack writes one of so many zeros.
	NewStripes() (*pack.Writer, error)
	EmptyPack(zeros int) (*manifest.Pack, error)
	// Sweep removes packs that were never committed, and scratch files.
	Sweep() error
	// Scratch is the disk with the most room.
	Scratch() (vfs.FS, error)

	CloseJournal() error
	// EachFrame calls f for every frame of the journal, in order.
	EachFrame(f func(frames.Frame) error) error
	Committed() Committed
	// Imply says of the folders that have no records that they are folders.
	Imply(a *catalog.Adder) error
	// LeftOut counts what scans have found and no record names.
	LeftOut() (LeftOut, error)
}

// Committed is what the journal says has been committed.
type Committed struct {
	Packs  uint64
	Body   int64 // bodies of packs
	Lists  int   // scan lists
	Events [][]byte
}

// LeftOut counts entries that are not on the device, by the lists of their loads.
type LeftOut struct {
	Entries uint64 // of unfinished loads
	Bytes   int64  // of them
	GivenUp uint64 // entries of loads that were given up
}

// sealing is the work on one seal.
type sealing struct {
	cfg     Config
	bays    disk.Bays
	open    *Opened  // nil for the end of a seal
	planned [32]byte // digest of the seal's plan that is on record; zeros: none
}

// owner is whom the disks must belong to.
func (c *Config) owner() disk.Owner {
	return disk.Owner{Scope: c.Scope, Bays: c.Job.Geometry.Disks, Allowed: c.Allowed}
}
