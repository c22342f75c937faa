package firmware

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Names in the state folder.
const (
	keyName      = "device.key"
	publicName   = "device.pub"
	stateName    = "state.json"
	counterName  = "state.counter"
	tamperedName = "tampered"
	jobsFolder   = "jobs"
)

const (
	maxKeyFile = 4 << 10
	maxJobFile = 1 << 20
)

// SoftwareKey is how a device key in a file is reported everywhere.
const SoftwareKey = "software key, unprotected"

// Device is a device's state folder. One command at a time changes it: the
// caller holds a lock; a change under another's feet is ErrConcurrent.
type Device struct {
	fs     vfs.FS
	key    ed25519.PrivateKey
	signer ed25519.PublicKey
	record Record
	reason string // tampered: why

	readOnly bool // read without the lock
}

// deviceID is the first half of the key's fingerprint, as the format says.
func deviceID(key ed25519.PrivateKey) ID {
	var id ID
	sum, err := hex.DecodeString(crypto.KeyID(key.Public().(ed25519.PublicKey)))
	if err != nil {
		panic("firmware: key id is not hexadecimal")
	}
	copy(id[:], sum)
	return id
}

// Reason says why a tampered device is.
func (d *Device) Reason() string {
	if d.reason != "" {
		return d.reason
	}
	for _, p := range slices.Backward(d.record.History) {
		if p.Event == EventTamper {
			return p.Detail
		}
	}
	return ""
}

// Key is the device's signing key.
func (d *Device) Key() ed25519.PrivateKey { return d.key }

// PublicKey is its public half.
func (d *Device) PublicKey() ed25519.PublicKey { return d.key.Public().(ed25519.PublicKey) }

// ID is the device's id: the first half of its key's SHA-256.
func (d *Device) ID() ID { return d.record.Device }

// Signer is the job signer that the device obeys.
func (d *Device) Signer() ed25519.PublicKey { return d.signer }

// Record is a copy of what state.json says.
func (d *Device) Record() Record { return d.record.clone() }

// State is the device's state.
func (d *Device) State() State { return d.record.State }

// Allows says whether an event would be accepted by the state alone.
func (d *Device) Allows(e EventKind) error {
	_, err := next(d.record.State, e)
	if errors.Is(err, ErrTampered) {
		return fmt.Errorf("%w: %s", ErrTampered, d.Reason())
	}
	return err
}

// SealBegun tells whether a checkpoint of the job at hand is on record: its log
// is final, and only the seal may go on.
func (d *Device) SealBegun() bool {
	_, begun := d.record.checkpoint()
	return begun
}

// Apply changes the state by one event. Returned nil means that the change is
// durable. After an error of the disk the state there is the old or the new one:
// open the folder again.
func (d *Device) Apply(e Event) error {
	to, err := next(d.record.State, e.Kind)
	if err != nil {
		return d.Allows(e.Kind)
	}
	r := d.record.clone()
	r.State = to
	switch e.Kind {
	case EventAdoptJob:
		err = d.adopt(&r, e)
	case EventExtendJob:
		err = d.extend(&r, e)
	case EventUnlock:
		if r.FirstUnlock.IsZero() {
			r.FirstUnlock = e.Time.UTC().Round(0)
		}
	case EventLoadStart:
		if _, begun := r.checkpoint(); begun {
			err = fmt.Errorf("the seal of job %s has begun: %w", r.Job, ErrForbidden)
		}
	case EventSealDone:
		if _, begun := r.checkpoint(); !begun {
			err = fmt.Errorf("no checkpoint of job %s was signed: %w", r.Job, ErrForbidden)
		}
	case EventTamper:
		if e.Detail == "" {
			e.Detail = "reported by the device"
		}
	}
	if err != nil {
		return err
	}
	r.remember(e)
	return d.write(r)
}

// RecordCheckpoint is called before a checkpoint is signed. Returned nil means:
// it is durable that this device signs size and root for origin, and nothing
// else was recorded for it before. The same values again are nil. plan is the digest of
// what the seal statement will say.
func (d *Device) RecordCheckpoint(origin string, size uint64, root, plan [32]byte) error {
	if d.record.State == Tampered {
		return d.Allows(EventSealDone)
	}
	if c, ok := d.recorded(origin); ok {
		if c.Size == size && c.Root == root && c.plan() == plan {
			return nil
		}
		return fmt.Errorf("%s: size %d is recorded, %d is asked for: %w", origin, c.Size, size, ErrSecondCheckpoint)
	}
	if len(d.record.Checkpoints) >= maxJobs {
		return fmt.Errorf("this device has signed %d checkpoints, which is its limit: provision it anew", maxJobs)
	}
	r := d.record.clone()
	r.Checkpoints = append(r.Checkpoints, newCheckpoint(origin, size, root, plan))
	return d.write(r)
}

// RecordedCheckpoint gives what RecordCheckpoint made durable for an origin.
func (d *Device) RecordedCheckpoint(origin string) (size uint64, root [32]byte, ok bool) {
	c, ok := d.recorded(origin)
	return c.Size, c.Root, ok
}

func (d *Device) recorded(origin string) (c Checkpoint, ok bool) {
	i := slices.IndexFunc(d.record.Checkpoints, func(c Checkpoint) bool { return c.Origin == origin })
	if i < 0 {
		return c, false
	}
	return d.record.Checkpoints[i], true
}

// RecordedPlan gives the digest that RecordCheckpoint made durable; zeros where there is
// none.
func (d *Device) RecordedPlan(origin string) (plan [32]byte) {
	c, _ := d.recorded(origin)
	return c.plan()
}

// write makes a record the device's: state.json first, then state.counter. A
// crash between the two leaves the new state with the old counter, which Open
// accepts, and nothing else does.
func (d *Device) write(r Record) error {
	if d.readOnly {
		return errReadOnly
	}
	if err := d.unchanged(); err != nil {
		return err
	}
	r.Counter = d.record.Counter + 1
	b, err := r.encode(d.key)
	if err != nil {
		return err
	}
	// A crash between state.json and state.counter left the counter one behind:
	// it has to catch up before state.json goes on.
	if d.record.Counter > 0 {
		if err := d.writeCounter(d.record.Counter); err != nil {
			return err
		}
	}
	if err := durable.Sweep(d.fs, "."); err != nil {
		return fmt.Errorf("device state: %w", err)
	}
	if d.record.Counter > 0 { // Provision has ended
		if err := endProvision(d.fs); err != nil {
			return err
		}
	}
	if err := durable.WriteFile(d.fs, stateName, b); err != nil {
		return fmt.Errorf("device state: %w", err)
	}
	if err := d.writeCounter(r.Counter); err != nil {
		return err
	}
	d.record = r
	return nil
}

// writeCounter writes state.counter unless it says n already.
func (d *Device) writeCounter(n uint64) error {
	want := encodeCounter(n, d.key)
	if have, err := vfs.ReadFile(d.fs, counterName, maxCounterFile); err == nil && string(have) == string(want) {
		return nil
	}
	if err := durable.WriteFile(d.fs, counterName, want); err != nil {
		return fmt.Errorf("device state: %w", err)
	}
	return nil
}

// unchanged tells whether the state on disk is still the one that was read.
func (d *Device) unchanged() error {
	b, err := vfs.ReadFile(d.fs, stateName, maxStateFile)
	if errors.Is(err, fs.ErrNotExist) && d.record.Counter == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("device state: %w", err)
	}
	r, err := decodeRecord(b, d.key)
	if err != nil {
		return d.mark(err.Error())
	}
	if r.Counter != d.record.Counter {
		return ErrConcurrent
	}
	return nil
}
