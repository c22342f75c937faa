package main

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/custody/event"
	"github.com/sledge-io/sledge/internal/custody/log"
	"github.com/sledge-io/sledge/internal/custody/witness"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/fsck/custody"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// custodyFlags name a custody log and who is at work on it: a custodian by his folder, or the
// device by --device.
type custodyFlags struct{ log, custodian, trust string }

func (f *custodyFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.log, "log", os.Getenv("SLEDGE_CUSTODY"), "the custody log's folder `DIR` (default: the device's own; env SLEDGE_CUSTODY)")
	flags.StringVar(&f.custodian, "custodian", os.Getenv("SLEDGE_CUSTODIAN"), "the custodian's folder `DIR`; without it the device signs (env SLEDGE_CUSTODIAN)")
	flags.StringVar(&f.trust, "trust", "", "the job signer's public key (signer.pub) or fingerprint (sha256:…); a device knows its own")
}

// custodyWork is a log that is held for a change.
type custodyWork struct {
	dir     string
	log     *log.Log
	fs      vfs.FS
	job     *manifest.Job
	jobFile []byte
	scope   manifest.Scope
	state   *custodyState // as verified before the change; nil of a log that begins
	key     ed25519.PrivateKey
	actor   event.Actor
	card    manifest.CosignerKey // of a custodian; nobody's of a device
	app     *app
	trust   *fsck.Trust
	own     *witness.Custodian // the custodian with his memory; nil of a device
	closers []io.Closer
}

// custodyState is what the verifier says of a log.
type custodyState = custody.Report

// input is what a log is verified with before a change.
// What a custodian remembers of the log counts as seen: he forks no log that was put back.
func (w *custodyWork) input() (in custody.Input, err error) {
	in.Trust = w.trust
	if w.own != nil {
		in.Seen, err = memoryOf(w.own, w.dir)
	}
	return in, err
}

func (w *custodyWork) close() {
	for i := len(w.closers) - 1; i >= 0; i-- {
		w.closers[i].Close()
	}
}

type closeFunc func()

func (f closeFunc) Close() error { f(); return nil }

const custodyFolder = "custody"

// deviceCustody is the folder of a device's own log.
func deviceCustody(device string, s manifest.Scope) string {
	return filepath.Join(device, custodyFolder, fmt.Sprintf("%s-%d", s.Job, s.Generation))
}

// openCustody opens a log for a change: it is verified, and whose turn it is. With begin a
// device's log that is not there yet is made.
func (a *app) openCustody(f *custodyFlags, begin bool) (*custodyWork, error) {
	if f.custodian == "" && a.device == "" {
		return nil, usagef("who signs? --custodian names the custodian's folder, --device the device's")
	}
	if f.custodian == "" {
		d, err := a.openDevice(false)
		if err != nil {
			return nil, err
		}
		defer d.close()
		return a.openDeviceCustody(d, f.log, begin)
	}
	c, card, done, err := openCustodian(f.custodian)
	if err != nil {
		return nil, err
	}
	w := &custodyWork{app: a, dir: f.log, own: c, key: c.Key, card: card.Vkey, closers: []io.Closer{closeFunc(done)}}
	w.actor = event.Actor{Name: card.Name, Organisation: card.Organisation, Role: "custodian", KeyID: crypto.KeyID(publicOf(c.Key))}
	if f.log == "" || f.trust == "" {
		w.close()
		return nil, usagef("--log names the custody log, --trust the job's signer")
	}
	if err := w.open(f.trust, nil); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// openDeviceCustody is the log of the device's job, signed by the device.
func (a *app) openDeviceCustody(d *device, dir string, begin bool) (*custodyWork, error) {
	job, file, err := d.job()
	if err != nil {
		return nil, err
	}
	w := &custodyWork{app: a, dir: dir, key: d.Key(), scope: d.scope()}
	w.actor = event.Actor{Name: "device " + d.ID().String(), Role: "device", KeyID: crypto.KeyID(d.PublicKey())}
	if dir == "" {
		w.dir = deviceCustody(d.name, d.scope())
	}
	if begin {
		if err := w.begin(job, file); !errors.Is(err, log.ErrExists) {
			if err != nil {
				w.close()
				return nil, err
			}
			return w, nil
		}
	}
	if err := w.open("", d.Signer()); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

// begin makes a new log, which its first entry makes durable.
func (w *custodyWork) begin(job *manifest.Job, file []byte) (err error) {
	if w.fs, err = makeFolder(w.dir); err != nil {
		return err
	}
	if err = w.lock(); err != nil {
		return err
	}
	w.job, w.jobFile = job, file
	w.log, err = log.Create(w.fs, w.scope.CustodyOrigin(), file)
	if err != nil {
		w.close()
		w.closers = nil
	}
	return err
}

func (w *custodyWork) lock() error {
	folder := w.fs
	w.closers = append(w.closers, closeFunc(func() { vfs.Close(folder) }))
	held, err := vfs.Lock(w.fs, ".")
	if err != nil {
		return fmt.Errorf("custody log %s: %w", w.dir, err)
	}
	w.closers = append(w.closers, held)
	return nil
}

// open reads the log that is there, verifies it, and looks whose turn it is.
func (w *custodyWork) open(trust string, signer ed25519.PublicKey) (err error) {
	if w.fs, err = openFolder(w.dir); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %w", custody.ErrNoLog, err)
		}
		return err
	}
	if err = w.lock(); err != nil {
		return err
	}
	w.trust = &fsck.Trust{Key: signer}
	if signer == nil {
		if w.trust, err = keyless.Trust(trust); err != nil {
			return err
		}
	}
	in, err := w.input()
	if err != nil {
		return err
	}
	if w.state, err = w.app.checkCustody(w.dir, in); err != nil {
		return err
	}
	if f := w.state.Refused(); f != nil {
		return fmt.Errorf("custody log %s: %w: %s", w.dir, errRefused, f.Text)
	}
	if w.log, err = log.Open(w.fs); err != nil {
		return err
	}
	if w.jobFile, err = w.log.JobFile(); err != nil {
		return err
	}
	if w.job, err = manifest.PeekJob(w.jobFile); err != nil { // verified by checkCustody
		return err
	}
	for _, d := range w.job.Devices {
		if d.ID.String() == w.state.Device {
			w.scope = manifest.Scope{Job: w.job.ID, Device: d.ID, Generation: uint32(w.state.Generation)}
		}
	}
	return w.log.Settle()
}

// mayWrite tells whether the key may sign the log's next checkpoint.
func (w *custodyWork) mayWrite(kind event.Kind) error {
	if w.state == nil {
		return nil
	}
	holder := w.state.Holders[len(w.state.Holders)-1]
	if holder.KeyID == crypto.KeyID(publicOf(w.key)) || w.state.Open && kind == event.Arrived && w.isCustodian() {
		return nil
	}
	return fmt.Errorf("%w: %s has been custodian since entry %d", errNotCustodian, holder.Name, holder.From)
}

func (w *custodyWork) isCustodian() bool {
	for _, c := range w.job.Roles.Custodian {
		if c.Vkey.Equal(w.card) {
			return true
		}
	}
	return false
}

// event is a new entry of the actor.
func (w *custodyWork) event(kind event.Kind) *event.Event {
	root := w.log.Root()
	return &event.Event{
		Job: w.scope.Job, Device: w.scope.Device, Generation: w.scope.Generation, Kind: kind, Seq: w.log.Size(), PreviousRoot: root[:],
		Time: w.app.now(), Clock: w.app.clock(), Actor: w.actor, Software: software(),
	}
}

// add signs an event by the actor's key, and the log's checkpoint by the custodian's.
func (w *custodyWork) add(e *event.Event, by ed25519.PrivateKey, more ...manifest.Subject) error {
	if err := w.mayWrite(e.Kind); err != nil {
		return err
	}
	if !e.Kind.MaySign(e.Actor.Role, by.Equal(w.key)) {
		return usagef("an event %s is signed by %s, and not by the %s", e.Kind, strings.Join(e.Kind.Signers(), " or "), e.Actor.Role)
	}
	if e.Kind == event.Sealed {
		sum := ""
		if err := e.Get("manifest_sha256", &sum); err != nil {
			return err
		}
		more = append(more, manifest.Subject{Name: "checkpoint", Digest: map[string]string{"sha256": sum}})
	}
	entry, err := e.Sign(w.jobFile, by, more...)
	if err != nil {
		return &usageError{Err: err}
	}
	if err := w.log.Append(entry, w.key); err != nil {
		return fmt.Errorf("custody log %s: %w", w.dir, err)
	}
	if w.own == nil {
		return nil
	}
	if err := w.own.Wrote(w.log.Origin, w.log.Checkpoint()); err != nil {
		return fmt.Errorf("the event is signed, and the custodian's own memory of it could not be written: %w", err)
	}
	return nil
}

// clock is what this machine's time rests on, as far as it can be known.
func (a *app) clock() event.Clock {
	c := event.Clock{Source: event.ClockRTC}
	if a.now().Year() < 2024 {
		c.Source = event.ClockUnset
	}
	if b, err := os.ReadFile("/proc/sys/kernel/random/boot_id"); err == nil {
		c.Boot = strings.TrimSpace(string(b))
	}
	return c
}

// checkCustody runs the keyless verifier over a folder.
func (a *app) checkCustody(dir string, in custody.Input) (*custody.Report, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", custody.ErrNoLog, err)
	}
	defer root.Close()
	in.Folder, in.Now = vfs.Plain(root), a.now()
	return custody.Verify(in)
}

func publicOf(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

// events are the entries as their writers know them.
func (w *custodyWork) events() (all []*event.Event, err error) {
	for _, entry := range w.log.Entries {
		e, err := event.Peek(entry)
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

func (w *custodyWork) has(kind event.Kind) bool {
	for _, e := range w.state.Events {
		if e.Kind == string(kind) {
			return true
		}
	}
	return false
}
