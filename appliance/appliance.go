// Package appliance is the device: it loads a site's files onto disks as
// encrypted, erasure-coded packs, seals them under a signed manifest, and reads
// such a set of disks back.
//
// Rooms below it have what needs no device: disk (bays, headers, whose fault an error is), frames
// (encrypted files on m+1 disks), journal (what frames say), pack (stripes, hash lists, reading
// from any k blocks), tail (whether a journal's last frame counts), wraps (the load key on the
// disks), scan (a site's source), known (a scan against what a
// device has), catalog (what it has of its looks), read (a sealed device), seal (what makes a
// generation final), rebuild and extract. What is a device's alone is here. The path of the bytes
// when loading
// (docs/architecture.md tells it from the command on):
//
//	List     walks the source into a saved, encrypted list       scan/scan.go, scanlist.go
//	Load     reads each entry once, digests it on the way        load.go, worker.go, reading.go
//	pack     fills FLOE segments, straight into a stripe buffer  pack.go
//	stripe   hashes, codes and writes blocks to the disks        pack/stripe.go
//	commit   fsyncs a closed pack, then its journal frame        journalcommit.go, frames/writer.go
//	Seal     sorts records into pages, writes log and checkpoint seal/seal.go, seal/index.go
//
// and when reading: read.OpenSet verifies the chain from the job signer's key down to the log,
// Set.Unlock gives a Reader over records and contents, and packs are decoded from any k of their
// k+m blocks (pack/read.go). facade*.go has the names of rooms that callers use by this package.
//
// Everything that an error could lose is decided by one rule: what was
// acknowledged has been fsynced, file and directory, on every disk that counts.
package appliance

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/appliance/wraps"
	"github.com/sledge-io/sledge/manifest"
)

// Errors by what the caller should do.
var (
	// ErrSealed: the generation is final; nothing more can be loaded.
	ErrSealed = errors.New("this generation is sealed")
	// ErrSealBegun: the checkpoint is on record; only FinishSeal may go on.
	ErrSealBegun = errors.New("the seal has begun and must be finished")
	// ErrExpired: the job's date has passed for new loads, and for the first unlock.
	ErrExpired = errors.New("job has expired")
	// ErrOtherMedium: the source's path has another file system than the one that was
	// loaded from there.
	ErrOtherMedium = errors.New("another file system or folder was loaded from this path")
	// ErrReplaces: what is on the device would be replaced, and nothing tells whether
	// it came from this source.
	ErrReplaces = errors.New("files on the device would be replaced, and nothing tells whether they came from this disk or card")
	// ErrUnfinished: a load of another source has begun and not ended.
	ErrUnfinished = errors.New("another load has not finished")
	// ErrNoPack: the wrap check needs a pack, and nothing with bytes has been loaded.
	ErrNoPack = errors.New("no file with bytes has been loaded, so there is nothing to check the load key with")
)

// Config is a device at work on one generation of a job.
type Config struct {
	Scope    manifest.Scope
	Job      *manifest.Job
	JobFile  []byte             // exact bytes of job.dsse
	Key      ed25519.PrivateKey // device key
	Disks    []disk.Disk
	Allowed  disk.Allowed     // what was let pass when the disks were prepared, or is now
	Workers  int              // packs open at once; 0 means one a core, at most 8
	Now      func() time.Time // nil means time.Now
	Rand     io.Reader        // nil means crypto/rand
	Software string           // name and version for statements
	Log      *slog.Logger     // nil discards
	Ledger   disk.Ledger      // if given, Open refuses a device whose seal has begun
	Taken    func() error     // called by Prepare when the disks have passed, before it writes to them; nil is none

	pageRecords, indexPages int // of the index, see seal.Options; tests make them small
	bufferSize              int // about how much of a pack's body a stripe buffer holds; 0 is what package pack chooses
}

func (c *Config) fill() error {
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Job == nil || len(c.JobFile) == 0 {
		return errors.New("no job file")
	}
	if c.Scope.Job != c.Job.ID || c.Scope.Generation == 0 {
		return fmt.Errorf("job %s does not belong to this generation of job %s", c.Job.ID, c.Scope.Job)
	}
	dev, ok := c.Job.Device(c.Scope.Device)
	if !ok {
		return fmt.Errorf("job %s does not name device %s", c.Job.ID, c.Scope.Device)
	}
	if c.Key != nil && !dev.PublicKey.Equal(c.Key.Public()) {
		return fmt.Errorf("device %s: key is not the one that the job file pins", c.Scope.Device)
	}
	return nil
}

// buffering is how a load buffers stripes.
func (c *Config) buffering() pack.Buffering {
	return pack.Buffering{Geometry: c.Job.Geometry.Code(), Buffer: c.bufferSize}
}

// owner is whom its disks must belong to.
func (c *Config) owner() disk.Owner {
	return disk.Owner{Scope: c.Scope, Bays: c.Job.Geometry.Disks, Allowed: c.Allowed}
}

// wraps are those of the load key, on any disks.
func (c *Config) wraps() *wraps.Job { return &wraps.Job{Scope: c.Scope, Job: c.Job} }

func (c *Config) newID() (id manifest.ID, err error) {
	_, err = io.ReadFull(c.Rand, id[:])
	return id, err
}
