package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/keyfile"
	"github.com/sledge-io/sledge/internal/statefolder"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// device is the state folder of this call, held by a lock if it may change.
type device struct {
	*firmware.Device
	name string
	fs   vfs.FS
	lock io.Closer
}

// openDevice opens the state folder. With change it is locked against every
// other command; the lock goes with the process, however that ends. Without, it is
// read, and nothing is written.
func (a *app) openDevice(change bool) (*device, error) {
	folder, err := a.openState()
	if err != nil {
		return nil, err
	}
	d := &device{name: a.device, fs: folder}
	open := firmware.Read
	if change {
		open = firmware.Open
		if d.lock, err = a.lockFolder(folder); err != nil {
			return nil, errors.Join(err, d.close())
		}
	}
	d.Device, err = open(folder)
	if err != nil {
		return nil, errors.Join(statefolder.Unusable(a.device, fmt.Errorf("device %s: %w", a.device, err)), d.close())
	}
	return d, nil
}

// Open opens the state folder that the operator has named.
func (a *app) openState() (vfs.FS, error) {
	if a.device == "" {
		return nil, errNoDevice
	}
	folder, err := openFolder(a.device)
	if err != nil {
		return nil, statefolder.Unusable(a.device, fmt.Errorf("device: %w", err))
	}
	return folder, nil
}

// Apply changes the state, and names the folder where that cannot be written.
func (d *device) Apply(e firmware.Event) error {
	return statefolder.Unusable(d.name, d.Device.Apply(e))
}

func (d *device) close() error {
	err := vfs.Close(d.fs)
	if d.lock != nil {
		err = errors.Join(err, d.lock.Close())
	}
	return err
}

// How long a command waits for its turn with the state folder. A look at the disks
// reads their journal, which takes a while after long loads.
const (
	workPatience = 5 * time.Minute
	lookPatience = time.Second
)

// lockFolder takes the state folder's lock, and writes who holds it. A call that only
// looks gives way to every other.
func (a *app) lockFolder(folder vfs.FS) (io.Closer, error) {
	lock, patience, holder := firmware.LockPatiently, workPatience, fmt.Sprintf("process %d", os.Getpid())
	if a.looks {
		lock, patience, holder = firmware.LockBriefly, lookPatience, holder+", sledge status"
	}
	ctx, cancel := context.WithTimeout(a.ctx, patience)
	defer cancel()
	defer time.AfterFunc(2*time.Second, func() { a.note("waiting for a sledge status that reads the disks") }).Stop()
	held, err := lock(ctx, folder, holder)
	if err != nil {
		return nil, statefolder.Unusable(a.device, fmt.Errorf("%s: %w", a.device, err))
	}
	return held, nil
}

// openFolder opens an existing folder, with an error that says what is wrong.
func openFolder(name string) (vfs.FS, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s: %w", name, errNotFolder)
	}
	return vfs.OS(name)
}

// makeFolder opens a folder, and makes it with mode 0700 where it is missing.
func makeFolder(name string) (vfs.FS, error) {
	if err := os.MkdirAll(name, 0o700); err != nil {
		return nil, err
	}
	return vfs.OS(name)
}

// scope is the generation that the device is at work on.
func (d *device) scope() manifest.Scope {
	r := d.Record()
	return manifest.Scope{Job: manifest.ID(r.Job), Device: manifest.ID(r.Device), Generation: r.Generation}
}

// job is the job file that the device obeys, verified with the pinned signer.
func (d *device) job() (*manifest.Job, []byte, error) {
	file, err := d.JobFile()
	if err != nil {
		return nil, nil, err
	}
	job, err := manifest.OpenJob(file, d.Signer())
	if err != nil {
		return nil, nil, &jobFileError{err}
	}
	return job, file, nil
}

// secret is the unlocked load key. A device that should have one and has none
// was started again: it is locked now, and that is written down. Without a start in
// between the key lies where another session has put it, and nothing is written.
func (a *app) secret(d *device) ([]byte, error) {
	store, err := firmware.OpenSecrets(d.Record())
	if err != nil {
		return nil, err
	}
	s, err := store.Get(d.ID())
	unlocked := d.State() == firmware.Unlocked || d.State() == firmware.Loading
	if errors.Is(err, firmware.ErrNoSecret) && unlocked && !store.Stale(d.Record()) {
		return nil, fmt.Errorf("%w: %w: %s", err, firmware.ErrSecretElsewhere, d.WhereSecret())
	}
	if errors.Is(err, firmware.ErrNoSecret) && unlocked && d.lock != nil {
		return nil, errors.Join(err, d.Apply(firmware.Event{Kind: firmware.EventReboot, Time: a.now()}))
	}
	if err != nil {
		return nil, err
	}
	r := d.Record()
	if s.Job != r.Job || s.Generation != r.Generation || !unlocked {
		return nil, errors.Join(fmt.Errorf("%w: what is there is of another job or state", firmware.ErrNoSecret), store.Remove(d.ID()))
	}
	return s.Key, nil
}

// apply changes the device's state now.
func (a *app) apply(d *device, kind firmware.EventKind) error {
	return d.Apply(firmware.Event{Kind: kind, Time: a.now()})
}

type deviceReport struct {
	Device      string `json:"device"`
	Fingerprint string `json:"fingerprint"`
	Protection  string `json:"protection"`
	Signer      string `json:"signer"`
	State       string `json:"state"`
	PublicKey   string `json:"public_key"` // PEM
	Folder      string `json:"folder"`

	Tampered string             `json:"tampered,omitempty"` // why
	Evidence string             `json:"evidence,omitempty"` // what a reinstatement must name
	Files    *firmware.Evidence `json:"evidence_files,omitempty"`
}

func (r *deviceReport) Print(w io.Writer) {
	fmt.Fprintf(w, "device      %s\nkey         %s\nprotection  %s\nobeys       %s\nstate       %s\npublic key  %s\n",
		r.Device, r.Fingerprint, r.Protection, r.Signer, r.State, escape(filepath.Join(r.Folder, "device.pub")))
	if r.Files != nil {
		fmt.Fprintf(w, "tampered    %s\nevidence    %s\n", escape(r.Tampered), r.Evidence)
		fmt.Fprintf(w, "  state.json    %s\n  state.counter %s\n  tampered      %s\n", r.Files.State, r.Files.Counter, r.Files.Tampered)
	}
}

func (a *app) describeDevice(d *firmware.Device) (*deviceReport, error) {
	public, err := crypto.EncodePublicKey(d.PublicKey())
	if err != nil {
		return nil, err
	}
	return &deviceReport{
		Device: d.ID().String(), Fingerprint: crypto.Fingerprint(d.PublicKey()), Protection: d.Record().Protection,
		Signer: d.Record().SignerFingerprint, State: string(d.State()), PublicKey: string(public), Folder: a.device,
	}, nil
}

func (a *app) deviceInit() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init --trust signer.pub",
		Short: "set up this machine as a device that takes jobs of one site",
		Long: `Make a device in an empty state folder: a new signing key, and the site that
it will obey. A device refuses the job file of any other site.

Give the device's public key, device.pub, to the data centre, and read its
fingerprint to them by telephone: "sledge job create" pins it.`,
		Example: `  sledge device init --device /var/lib/sledge --trust signer.pub
  sledge device init --device /var/lib/sledge --trust signer.pub --expect sha256:1f0c…`,
	}
	trust := cmd.Flags().String("trust", "", "the site's public job signing key, a `FILE` such as signer.pub (required)")
	newKey := cmd.Flags().Bool("new-key", false, "put a key aside that lies in the folder without its state; no job may pin it")
	expect := cmd.Flags().String("expect", "", "the `FINGERPRINT` that the site told by another way; another key is refused")
	return a.verb(cmd, func(context.Context, []string) (report, error) {
		if a.device == "" {
			return nil, errNoDevice
		}
		if *trust == "" {
			return nil, usagef("--trust names no key: give the site's signer.pub")
		}
		signer, err := keyfile.ReadPublic(*trust)
		if err != nil {
			return nil, err
		}
		if got := crypto.Fingerprint(signer); *expect != "" && !strings.EqualFold(*expect, got) {
			return nil, hint(fmt.Errorf("%s has the fingerprint %s, not %s: %w", *trust, got, *expect, manifest.ErrUnverified),
				"this is not the site's key: get it again, and compare")
		}
		folder, err := makeFolder(a.device)
		if err != nil {
			return nil, statefolder.Unusable(a.device, err)
		}
		defer vfs.Close(folder)
		lock, err := a.lockFolder(folder)
		if err != nil {
			return nil, err
		}
		defer lock.Close()
		if *newKey {
			if err := firmware.SetAsideKey(folder); err != nil {
				return nil, fmt.Errorf("device %s: %w", a.device, err)
			}
		}
		d, err := firmware.Provision(folder, signer, rand.Reader, a.now())
		if err != nil {
			return nil, statefolder.Unusable(a.device, fmt.Errorf("device %s: %w", a.device, err))
		}
		a.warn("the device key is a %s: who copies the state folder can sign as this device", firmware.SoftwareKey)
		return a.describeDevice(d)
	})
}

func (a *app) deviceShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "show",
		Short:   "show the device's id, its key and its site",
		Example: `  sledge device show --device /var/lib/sledge`,
	}
	return a.verb(cmd, func(context.Context, []string) (report, error) { return a.showDevice() })
}

// showDevice tells of a tampered device, too, what the data centre has to know.
func (a *app) showDevice() (report, error) {
	folder, err := a.openState()
	if err != nil {
		return nil, err
	}
	defer vfs.Close(folder)
	d, err := firmware.Read(folder)
	if err != nil {
		err = statefolder.Unusable(a.device, fmt.Errorf("device %s: %w", a.device, err))
	}
	if d == nil || d.Signer() == nil {
		return nil, err
	}
	r, e := a.describeDevice(d)
	if e != nil || err == nil {
		return r, e
	}
	files, e := d.Evidence()
	if e != nil {
		return nil, errors.Join(err, e)
	}
	r.Tampered, r.Evidence, r.Files = d.Reason(), files.Digest(), &files
	return r, err
}
