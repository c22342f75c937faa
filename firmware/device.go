package firmware

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"time"

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

// Open reads a device for a command that holds the folder's lock. A folder without
// one is ErrNotProvisioned. If what it holds cannot be believed, that is written
// down, and the Device comes back together with ErrTampered, so that its id can
// still be told; it applies no event.
func Open(fsys vfs.FS) (*Device, error) {
	d, err := look(fsys)
	var t *distrust
	if errors.As(err, &t) {
		return d, d.mark(t.Error())
	}
	return d, err
}

// readTries bounds how often [Read] looks again behind a command that writes.
const readTries = 100

// Read reads a device for a command that only tells what it is, and needs no lock. It
// writes nothing, and its Device applies no event. Another command may be writing:
// what does not fit together is read again until state.json stands still, and is only
// then ErrDoubt. The next command that holds the lock decides about it.
func Read(fsys vfs.FS) (*Device, error) {
	var err error
	for range readTries {
		before, _ := vfs.ReadFile(fsys, stateName, maxStateFile)
		var d *Device
		d, err = look(fsys)
		if d != nil {
			d.readOnly = true
		}
		var t *distrust
		if !errors.As(err, &t) {
			return d, err
		}
		// Its numbers only rise: the same bytes before and after were there between.
		if after, _ := vfs.ReadFile(fsys, stateName, maxStateFile); bytes.Equal(before, after) {
			d.reason, d.record.State = t.Error(), Tampered
			return d, fmt.Errorf("%w: %w (read without the lock: nothing was marked)", ErrDoubt, err)
		}
	}
	return nil, fmt.Errorf("%w: it changed at each of %d looks: %w", ErrConcurrent, readTries, err)
}

// look reads a device and writes nothing.
func look(fsys vfs.FS) (*Device, error) {
	d := &Device{fs: fsys}
	if _, err := fsys.Stat(stateName); errors.Is(err, fs.ErrNotExist) {
		if _, err := fsys.Stat(counterName); errors.Is(err, fs.ErrNotExist) {
			return nil, ErrNotProvisioned
		}
	}
	if text, err := vfs.ReadFile(fsys, tamperedName, maxKeyFile); err == nil {
		reason, _, _ := strings.Cut(string(text), "\n")
		if d.reason = strings.TrimSpace(reason); d.reason == "" {
			d.reason = "no reason was written down"
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	err := d.read()
	var t *distrust
	switch {
	case d.reason != "" && (err == nil || errors.As(err, &t)):
		d.record.State = Tampered
		return d, fmt.Errorf("%w: %s", ErrTampered, d.reason)
	case err != nil && !errors.As(err, &t):
		return nil, err // the disk does not answer: that is no tampering
	case err != nil:
		return d, err
	case d.record.State == Tampered:
		return d, fmt.Errorf("%w: %s", ErrTampered, d.Reason())
	}
	return d, nil
}

var errReadOnly = errors.New("the device was read without its lock, and cannot be changed so")

// distrust is an error that makes a device tampered.
type distrust struct{ error }

func doubt(err error) error {
	if err == nil {
		return nil
	}
	return &distrust{err}
}

// read loads key, state and counter, and finishes what a crash left of the last change.
func (d *Device) read() error {
	text, err := vfs.ReadFile(d.fs, keyName, maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return doubt(fmt.Errorf("%s is missing", keyName))
	}
	if err != nil {
		return err
	}
	if d.key, err = crypto.ParsePrivateKey(text); err != nil {
		return doubt(fmt.Errorf("%s: %w", keyName, err))
	}
	d.record.Device = deviceID(d.key)
	state, err := vfs.ReadFile(d.fs, stateName, maxStateFile)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, vfs.ErrTooLarge) {
		return doubt(fmt.Errorf("%s is missing or far too long", stateName))
	}
	if err != nil {
		return err
	}
	r, err := decodeRecord(state, d.key)
	if err != nil {
		return doubt(err)
	}
	if r.Device != deviceID(d.key) {
		return doubt(fmt.Errorf("%s is another device's", stateName))
	}
	if d.signer, err = r.signer(); err != nil {
		return doubt(err)
	}
	d.record = *r
	return d.checkCounter()
}

// checkCounter compares state.json's number with state.counter, which is written
// after it: equal, or one behind after a crash. Anything else is a file that was
// put back.
func (d *Device) checkCounter() error {
	b, err := vfs.ReadFile(d.fs, counterName, maxCounterFile)
	var n uint64
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, vfs.ErrTooLarge):
		return doubt(fmt.Errorf("%s is far too long", counterName))
	case err != nil:
		return err
	default:
		if n, err = decodeCounter(b, d.key); err != nil {
			return doubt(err)
		}
	}
	have := d.record.Counter
	if have != n && have != n+1 {
		return doubt(fmt.Errorf("%s is number %d but %s says %d: one of them was put back to an earlier copy", stateName, have, counterName, n))
	}
	return nil
}

// mark makes distrust last and returns ErrTampered. The files at hand stay as
// they are: they are evidence.
func (d *Device) mark(reason string) error {
	first := d.reason == ""
	d.reason, d.record.State = reason, Tampered
	err := fmt.Errorf("%w: %s", ErrTampered, reason)
	if !first || d.readOnly {
		return err
	}
	// The number makes it another text than that of any mark that was taken away.
	text := fmt.Sprintf("%s\nstate.json is number %d\n", reason, d.record.Counter)
	if e := durable.WriteFile(d.fs, tamperedName, []byte(text)); e != nil {
		return errors.Join(err, e)
	}
	return err
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

// JobFile returns the job file that the device obeys, byte for byte.
func (d *Device) JobFile() ([]byte, error) {
	if d.record.JobSHA256 == "" {
		return nil, fmt.Errorf("device has no job: %w", ErrForbidden)
	}
	b, err := vfs.ReadFile(d.fs, jobName(d.record.JobSHA256), maxJobFile)
	if err != nil {
		return nil, fmt.Errorf("job file: %w", err)
	}
	if sum := crypto.SumSHA256(b); hex.EncodeToString(sum[:]) != d.record.JobSHA256 {
		return nil, fmt.Errorf("job file in the state folder was changed; adopt the right one again")
	}
	return b, nil
}

func jobName(sum string) string { return jobsFolder + "/" + sum + ".dsse" }

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

// AllowsJob says whether the device would take a job file by EventAdoptJob or
// EventExtendJob. It changes nothing.
func (d *Device) AllowsJob(e Event) error {
	if err := d.Allows(e.Kind); err != nil {
		return err
	}
	if e.Kind == EventExtendJob {
		return d.mayExtend(&e)
	}
	return d.mayAdopt(&e)
}

// mayAdopt checks a job file's place in the device's life.
func (d *Device) mayAdopt(e *Event) error {
	r := &d.record
	name, err := e.jobName()
	if err != nil {
		return err
	}
	begun := !r.FirstUnlock.IsZero() && r.State != Sealed
	switch {
	case e.Serial < r.floor(e.Job):
		return fmt.Errorf("job file has serial %d, the device has obeyed serial %d: %w", e.Serial, r.floor(e.Job), ErrRollback)
	case e.Serial == r.floor(e.Job) && e.Job == r.Job && name != r.JobSHA256:
		return fmt.Errorf("job file has serial %d like the last one, but other content: %w", e.Serial, ErrRollback)
	case begun && e.Job != r.Job:
		return fmt.Errorf("job %s has begun on this device and is not sealed: %w", r.Job, ErrForbidden)
	case begun && name != r.JobSHA256:
		return fmt.Errorf("job %s has begun: its job file is on the disks and cannot be replaced: %w", r.Job, ErrForbidden)
	}
	if _, sealed := r.checkpointOf(e.Job); sealed {
		return fmt.Errorf("job %s was sealed on this device; a second generation is not supported: %w", e.Job, ErrForbidden)
	}
	return nil
}

// mayExtend checks a later file of the job at hand.
func (d *Device) mayExtend(e *Event) error {
	r := &d.record
	if _, err := e.jobName(); err != nil {
		return err
	}
	_, sealing := r.checkpoint()
	switch {
	case e.Job != r.Job:
		return fmt.Errorf("job file is of job %s, the device is at work on job %s: %w", e.Job, r.Job, ErrForbidden)
	case e.Serial <= r.floor(e.Job):
		return fmt.Errorf("job file has serial %d, the device has obeyed serial %d: %w", e.Serial, r.floor(e.Job), ErrRollback)
	case sealing:
		return fmt.Errorf("the seal of job %s has begun, under serial %d: %w", r.Job, r.JobSerial, ErrForbidden)
	}
	return nil
}

// adopt takes another job, or another file of one that has not begun.
func (d *Device) adopt(r *Record, e Event) error {
	if err := d.mayAdopt(&e); err != nil {
		return err
	}
	if e.Job != r.Job {
		r.FirstUnlock = time.Time{}
	}
	r.Generation = 1
	return d.takeJob(r, e)
}

// extend takes a later file of the job at hand. The disks get it after the state: a
// crash between leaves disks with an earlier file, which the next unlock updates.
func (d *Device) extend(r *Record, e Event) error {
	if err := d.mayExtend(&e); err != nil {
		return err
	}
	return d.takeJob(r, e)
}

// takeJob makes a job file the device's. Its bytes are durable before the state
// names them.
func (d *Device) takeJob(r *Record, e Event) error {
	name, err := e.jobName()
	if err != nil {
		return err
	}
	if err := durable.MkdirAll(d.fs, jobsFolder); err != nil {
		return err
	}
	if err := durable.WriteFile(d.fs, jobName(name), e.JobFile); err != nil {
		return err
	}
	r.Job, r.JobSerial, r.JobSHA256 = e.Job, e.Serial, name
	return r.setFloor(e.Job, e.Serial)
}

// jobName is the SHA-256 of an event's job file.
func (e *Event) jobName() (string, error) {
	if e.Job == (ID{}) || e.Serial == 0 || len(e.JobFile) == 0 || len(e.JobFile) > maxJobFile {
		return "", fmt.Errorf("job file without id, serial or bytes")
	}
	sum := crypto.SumSHA256(e.JobFile)
	return hex.EncodeToString(sum[:]), nil
}

// RecordCheckpoint is called before a checkpoint is signed. Returned nil means:
// it is durable that this device signs size and root for origin, and nothing
// else was recorded for it before. The same values again are nil.
func (d *Device) RecordCheckpoint(origin string, size uint64, root [32]byte) error {
	if d.record.State == Tampered {
		return d.Allows(EventSealDone)
	}
	for _, c := range d.record.Checkpoints {
		if c.Origin != origin {
			continue
		}
		if c.Size == size && c.Root == root {
			return nil
		}
		return fmt.Errorf("%s: size %d is recorded, %d is asked for: %w", origin, c.Size, size, ErrSecondCheckpoint)
	}
	if len(d.record.Checkpoints) >= maxJobs {
		return fmt.Errorf("this device has signed %d checkpoints, which is its limit: provision it anew", maxJobs)
	}
	r := d.record.clone()
	r.Checkpoints = append(r.Checkpoints, Checkpoint{origin, size, root, base64.StdEncoding.EncodeToString(root[:])})
	return d.write(r)
}

// RecordedCheckpoint gives what RecordCheckpoint made durable for an origin.
func (d *Device) RecordedCheckpoint(origin string) (size uint64, root [32]byte, ok bool) {
	for _, c := range d.record.Checkpoints {
		if c.Origin == origin {
			return c.Size, c.Root, true
		}
	}
	return 0, root, false
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
