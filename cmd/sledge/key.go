package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/keyfile"
	"github.com/sledge-io/sledge/manifest"
)

// shownKey is a public key in all of its forms.
type shownKey struct {
	Role        string `json:"role,omitempty"` // of a job file's keys
	File        string `json:"file"`
	Fingerprint string `json:"fingerprint"`
	DeviceID    string `json:"device_id"`              // that a device with this key has
	VerifierKey string `json:"verifier_key,omitempty"` // of C2SP signed-note, for one log
	PublicKey   string `json:"public_key"`             // PEM

	key ed25519.PublicKey
}

type keysReport struct {
	Keys   []*shownKey `json:"keys"`
	Log    string      `json:"log,omitempty"` // key name of the verifier keys
	Size   uint64      `json:"log_size,omitempty"`
	Signed bool        `json:"signed"` // the log's checkpoint is signed by the keys that have a verifier key
}

func (r *keysReport) Print(w io.Writer) {
	printIf(w, r.Signed, "log         %s, %s\n", escape(r.Log), plural(r.Size, "entry"))
	for _, k := range r.Keys {
		role := k.Role
		if role == "" {
			role = "key"
		}
		fmt.Fprintf(w, "%-11s %s  (%s)\n", role, k.Fingerprint, shownName(k.File))
		switch k.Role {
		case "":
			fmt.Fprintf(w, "  id        %s, if it is a device's\n", k.DeviceID)
		case "device":
			fmt.Fprintf(w, "  id        %s\n", k.DeviceID)
		}
		printIf(w, k.VerifierKey != "", "  verifier  %s\n", escape(k.VerifierKey))
	}
	printIf(w, r.Log == "", "\nA verifier key has the name of a log: name a label, a disk or a receipts folder with --log.\n")
}

type keyShowFlags struct{ trust, log, name string }

func (a *app) keyShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show FILE...",
		Short: "show fingerprints of public keys, and their verifier keys for a log",
		Long: `Show public keys: of devices, signers, importers and acceptors (FILE.pub), or those
that a job file names (job.dsse, with --trust). The fingerprint is what people compare
by telephone, and what --trust takes.

Other tools for transparency logs, such as Tessera's fsck, take a verifier key (vkey) of
C2SP signed-note: NAME+HASH+KEY. Its name is the log's origin. With --log the name comes
from the log's checkpoint, whose signature is checked with the key: a label, a disk's
mount point, a receipts folder, or the checkpoint's file.`,
		Example: `  sledge key show device.pub
  sledge key show /srv/site/*.pub
  sledge key show device.pub --log device.label
  sledge key show job.dsse --trust signer.pub --log /srv/import/job1/receipts`,
	}
	var f keyShowFlags
	cmd.Flags().StringVar(&f.trust, "trust", "", "for a job file: the job signer's public key (signer.pub) or fingerprint (sha256:…)")
	cmd.Flags().StringVar(&f.log, "log", "", "give the verifier key for this log: its `CHECKPOINT`, a label, a disk or a receipts folder")
	cmd.Flags().StringVar(&f.name, "name", "", "give the verifier key under this `NAME`; nothing is checked")
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) {
		if f.log != "" && f.name != "" {
			return nil, usagef("--log and --name exclude each other")
		}
		r := &keysReport{Log: f.name}
		for _, name := range args {
			keys, err := f.read(name)
			if err != nil {
				return nil, err
			}
			r.Keys = append(r.Keys, keys...)
		}
		if f.name != "" {
			return r, r.underName()
		}
		if f.log != "" {
			return r, r.ofLog(f.log)
		}
		return r, nil
	})
}

// read takes the keys of a file: a .pub file has one, a job file several.
func (f *keyShowFlags) read(name string) ([]*shownKey, error) {
	text, err := files.Read(name, manifest.MaxStatement)
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(bytes.TrimSpace(text), []byte("{")) {
		pub, err := keyfile.ReadPublic(name)
		if err != nil {
			return nil, err
		}
		k, err := showKey("", name, pub)
		return []*shownKey{k}, err
	}
	if f.trust == "" {
		return nil, hint(fmt.Errorf("%s: %w", name, errUnproven), "give the job signer's public key, which you have by another channel: --trust signer.pub")
	}
	signer, err := trustedKey(f.trust, text)
	if err != nil {
		return nil, err
	}
	job, err := manifest.OpenJob(text, signer)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, &jobFileError{err})
	}
	return jobKeys(name, signer, job)
}

func jobKeys(name string, signer ed25519.PublicKey, job *manifest.Job) (all []*shownKey, err error) {
	add := func(role string, pub ed25519.PublicKey) {
		k, e := showKey(role, name, pub)
		all, err = append(all, k), errors.Join(err, e)
	}
	add("signer", signer)
	for _, d := range job.Devices {
		add("device", d.PublicKey.PublicKey)
	}
	for _, p := range job.Roles.Importer {
		add("importer", p.PublicKey)
	}
	for _, p := range job.Roles.Acceptor {
		add("acceptor", p.PublicKey)
	}
	return all, err
}

func showKey(role, file string, pub ed25519.PublicKey) (*shownKey, error) {
	id, err := manifest.DeviceID(pub)
	if err != nil {
		return nil, err
	}
	text, err := crypto.EncodePublicKey(pub)
	return &shownKey{Role: role, File: file, Fingerprint: crypto.Fingerprint(pub), DeviceID: id.String(), PublicKey: string(text), key: pub}, err
}

// underName gives each key its verifier key under the operator's name.
func (r *keysReport) underName() (err error) {
	for _, k := range r.Keys {
		if k.VerifierKey, err = crypto.NoteKey(r.Log, k.key); err != nil {
			return &usageError{Err: err}
		}
	}
	return nil
}

// ofLog gives the keys that have signed a log's checkpoint their verifier key.
func (r *keysReport) ofLog(place string) error {
	text, err := checkpointAt(place)
	if err != nil {
		return err
	}
	origin, _, _ := strings.Cut(string(text), "\n")
	for _, k := range r.Keys {
		cp, e := manifest.OpenCheckpoint(text, origin, k.key)
		if e != nil {
			err = e
			continue
		}
		r.Log, r.Size, r.Signed = origin, cp.Size, true
		if k.VerifierKey, e = crypto.NoteKey(origin, k.key); e != nil {
			return e
		}
	}
	if !r.Signed {
		return hint(fmt.Errorf("%s: none of these keys has signed it: %w", place, err), "a device's log is signed by its device.pub, receipts by importer.pub; if this should be the key, do not use the log")
	}
	return nil
}

// checkpointAt is the signed checkpoint of a label, a disk, a receipts folder or a file.
func checkpointAt(place string) ([]byte, error) {
	info, err := os.Stat(place)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		text, err := files.Read(place, manifest.MaxCheckpoint)
		if err != nil || !strings.HasPrefix(string(text), "sledge label ") {
			return text, err
		}
		l, err := manifest.ParseLabel(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", place, err)
		}
		return l.Checkpoint, nil
	}
	text, err := files.ReadIn(place, appliance.Root+"/log/checkpoint", manifest.MaxCheckpoint)
	if errors.Is(err, os.ErrNotExist) {
		text, err = files.ReadIn(place, "log/checkpoint", manifest.MaxCheckpoint)
	}
	if err != nil {
		return nil, hint(fmt.Errorf("%s: no log: %w", place, err), "name a sealed disk, a receipts folder, a label or a checkpoint's file")
	}
	return text, nil
}
