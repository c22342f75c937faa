package firmware

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Open reads a device for a command that holds the folder's lock. A folder without a
// device is ErrNotProvisioned. If what it holds cannot be believed, that is written
// down, and the Device comes back together with ErrTampered, so that its id can
// still be told; it applies no event.
func Open(fsys vfs.FS) (*Device, error) {
	d, err := look(fsys)
	var t *distrust
	if errors.As(err, &t) {
		return d, noWayBack(d.mark(t.Error()))
	}
	return d, err
}

// noWayBack adds to the error of a device whose files do not fit together now that no
// reinstatement is taken for it.
func noWayBack(err error) error { return fmt.Errorf("%w; %w", err, ErrNoWayBack) }

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
		told := fmt.Errorf("%w: %s", ErrTampered, d.reason)
		if err != nil {
			return d, noWayBack(told)
		}
		return d, told
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

// read loads key, state and counter.
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
