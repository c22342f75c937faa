package firmware

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

const reinstatedFolder = "reinstated"

// ErrNoWayBack: what must never be forgotten is not known, as key, state.json and
// state.counter do not fit together. Only a new device helps.
var ErrNoWayBack = errors.New("no statement can give this device back")

// Evidence is a tampered device's state folder as it is, by the SHA-256 of its files in
// hexadecimal, or "none".
type Evidence struct {
	Device   string `json:"device"`
	State    string `json:"state.json"`
	Counter  string `json:"state.counter"`
	Tampered string `json:"tampered"`
}

// Digest is one number for all of it (docs/format.md section 8.5).
func (e Evidence) Digest() string {
	text := fmt.Sprintf("sledge evidence 1\ndevice %s\nstate.json %s\nstate.counter %s\ntampered %s\n", e.Device, e.State, e.Counter, e.Tampered)
	sum := crypto.SumSHA256([]byte(text))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Evidence reads what a statement that gives a tampered device back must name.
func (d *Device) Evidence() (Evidence, error) {
	e := Evidence{Device: d.ID().String()}
	for name, sum := range map[string]*string{stateName: &e.State, counterName: &e.Counter, tamperedName: &e.Tampered} {
		b, err := vfs.ReadFile(d.fs, name, maxStateFile)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			*sum = "none"
		case err != nil:
			return e, err
		default:
			hash := crypto.SumSHA256(b)
			*sum = hex.EncodeToString(hash[:])
		}
	}
	return e, nil
}

// Reinstatement is the data centre's word that a device was branded by mistake. The
// caller has verified File with the device's Signer.
type Reinstatement struct {
	Device   ID
	Evidence string // Digest of the Evidence
	Reason   string // one line, for the history
	File     []byte // exact bytes of the statement
	Time     time.Time
}

// Reinstate gives a tampered device back, locked if it was unlocked. Its floors and
// checkpoints stay as state.json has them. The statement fits one state of the folder
// and is good once.
//
// Order: the statement, state.json, state.counter, then the file tampered goes beside
// the statement. After a crash anywhere the same call goes on.
func Reinstate(fsys vfs.FS, g Reinstatement) (*Device, error) {
	d, err := readBranded(fsys)
	if err != nil {
		return nil, err
	}
	hash := crypto.SumSHA256(g.File)
	sum := hex.EncodeToString(hash[:])
	begun, err := d.checkReinstatement(&g, sum)
	if err != nil {
		return nil, err
	}
	if err := durable.MkdirAll(fsys, reinstatedFolder); err != nil {
		return nil, err
	}
	if err := durable.WriteFile(fsys, reinstatedFolder+"/"+sum+".dsse", g.File); err != nil {
		return nil, fmt.Errorf("statement: %w", err)
	}
	if !begun {
		// A crash may have left the counter one behind; it must not be two.
		if err := d.writeCounter(d.record.Counter); err != nil {
			return nil, err
		}
		r := d.record.clone()
		r.State, r.Counter = r.before(), r.Counter+1
		r.remember(Event{Kind: EventReinstate, Time: g.Time, Detail: reinstated(sum) + g.Reason})
		b, err := r.encode(d.key)
		if err != nil {
			return nil, err
		}
		if err := durable.WriteFile(fsys, stateName, b); err != nil {
			return nil, fmt.Errorf("device state: %w", err)
		}
		d.record = r
	}
	if err := d.writeCounter(d.record.Counter); err != nil {
		return nil, err
	}
	d.reason = ""
	return d, d.setAsideMark(sum)
}

// reinstated begins the history's line of a statement.
func reinstated(sum string) string { return "statement " + sum + ": " }

// readBranded reads a device whatever its mark says. One whose files cannot be
// believed, or of which one was put back, has perhaps obeyed and signed more than they say.
func readBranded(fsys vfs.FS) (*Device, error) {
	d := &Device{fs: fsys}
	err := d.read()
	var t *distrust
	if errors.As(err, &t) {
		return nil, fmt.Errorf("%w: %w", ErrNoWayBack, err)
	}
	return d, err
}

// checkReinstatement holds a statement against the folder; begun tells that a crash
// left it half done.
func (d *Device) checkReinstatement(g *Reinstatement, sum string) (begun bool, err error) {
	if g.Device != d.record.Device {
		return false, fmt.Errorf("statement is for device %s, this is %s: %w", g.Device, d.record.Device, ErrForbidden)
	}
	spent, err := exists(d.fs, reinstatedFolder+"/"+sum+".tampered")
	if err != nil {
		return false, err
	}
	if spent && !d.sameMark(sum) {
		return false, fmt.Errorf("statement was used on this device before, and is good once: %w", ErrForbidden)
	}
	if n := len(d.record.History); n > 0 && d.record.History[n-1].Event == EventReinstate && strings.HasPrefix(d.record.History[n-1].Detail, reinstated(sum)) {
		return true, nil
	}
	if _, err := look(d.fs); err == nil {
		return false, fmt.Errorf("device is not tampered with: %w", ErrForbidden)
	}
	e, err := d.Evidence()
	if err != nil {
		return false, err
	}
	have := e.Digest()
	for _, n := range []uint64{d.record.Counter - 1, d.record.Counter} { // as a crash of this call may have left it
		if e.Digest() == g.Evidence {
			return false, nil
		}
		sum := crypto.SumSHA256(encodeCounter(n, d.key))
		e.Counter = hex.EncodeToString(sum[:])
	}
	if e.Digest() != g.Evidence {
		return false, fmt.Errorf("statement is about a folder with evidence %s, this one has %s: %w", g.Evidence, have, ErrForbidden)
	}
	return false, nil
}

// sameMark tells whether the mark is the one that lies beside a statement: a crash in
// the middle of its rename left both. A later mark names a later state.
func (d *Device) sameMark(sum string) bool {
	aside, err1 := vfs.ReadFile(d.fs, reinstatedFolder+"/"+sum+".tampered", maxKeyFile)
	mark, err2 := vfs.ReadFile(d.fs, tamperedName, maxKeyFile)
	return err1 == nil && err2 == nil && bytes.Equal(aside, mark)
}

// setAsideMark ends a reinstatement: the mark goes, and what is left of it shows that
// the statement was used.
func (d *Device) setAsideMark(sum string) error {
	aside := reinstatedFolder + "/" + sum + ".tampered"
	marked, err := exists(d.fs, tamperedName)
	if err != nil {
		return err
	}
	switch {
	case !marked:
		err = durable.WriteFile(d.fs, aside, nil)
	case d.sameMark(sum): // both names of one file: a rename would do nothing
		err = durable.Remove(d.fs, tamperedName)
	default:
		err = durable.Rename(d.fs, tamperedName, aside)
	}
	if err != nil {
		return fmt.Errorf("device state: %w", err)
	}
	return nil
}

// before is the state of a device that is given back: the one before it was branded,
// without the secret.
func (r *Record) before() State {
	s := r.State
	for i := len(r.History) - 1; i >= 0 && s == Tampered; i-- {
		s = r.History[i].State
	}
	switch {
	case s == Sealed || s == Provisioned:
		return s
	case r.Job == (ID{}):
		return Provisioned
	}
	return Locked
}
