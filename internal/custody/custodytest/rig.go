// Package custodytest makes a job with custodians, and a custody log of it, for tests.
package custodytest

import (
	"crypto/ed25519"
	"encoding/hex"
	"testing"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/custody/event"
	"github.com/sledge-io/sledge/internal/custody/log"
	"github.com/sledge-io/sledge/internal/custody/witness"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Rig is a job, its people and the log of its device.
type Rig struct {
	T       testing.TB
	Signer  ed25519.PrivateKey
	Device  ed25519.PrivateKey
	Import  ed25519.PrivateKey
	Accept  ed25519.PrivateKey
	Carrier *witness.Custodian
	Desk    *witness.Custodian
	Job     *manifest.Job
	JobFile []byte
	Scope   manifest.Scope
	FS      *vfs.Mem
	Log     *log.Log
	Now     time.Time
}

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// Must ends the test at an error.
func (r *Rig) Must(err error) {
	r.T.Helper()
	if err != nil {
		r.T.Fatal(err)
	}
}

// New makes a job, and an empty log in memory.
func New(t testing.TB) *Rig {
	r := &Rig{T: t, Signer: key(1), Device: key(2), Import: key(3), Accept: key(4), Now: time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC), FS: vfs.NewMem(vfs.MemOptions{})}
	r.Carrier = &witness.Custodian{Key: key(5), Name: "carrier.example/alice", FS: vfs.NewMem(vfs.MemOptions{})}
	r.Desk = &witness.Custodian{Key: key(6), Name: "desk.example/bob", FS: vfs.NewMem(vfs.MemOptions{})}
	site := make([]byte, crypto.SitePublicKeySize)
	id := crypto.SiteKeyID(site)
	device, err := manifest.DeviceID(public(r.Device))
	r.Must(err)
	r.Job = &manifest.Job{
		ID: manifest.ID{0xaa, 1}, Serial: 1, Created: r.Now, Expires: r.Now.AddDate(0, 1, 0), Direction: "import", Site: "Example",
		Devices:    []manifest.JobDevice{{ID: device, PublicKey: manifest.PublicKey{PublicKey: public(r.Device)}, Protection: "none"}},
		Geometry:   manifest.JobGeometry{K: 2, M: 1, BlockSize: 4096, Disks: 3},
		Recipients: []manifest.Recipient{{Kind: string(crypto.WrapSite), PublicKey: site, KeyID: hex.EncodeToString(id[:])}},
		Unlock:     manifest.JobUnlock{KDF: crypto.KDFParams{Kind: "pbkdf2-hmac-sha256", Salt: make([]byte, 16), Iterations: 100_000}, Verifier: make([]byte, 32)},
		Target:     manifest.JobTarget{URL: "s3://bucket/", Profile: "generic"},
		Policy:     manifest.JobPolicy{FileDigest: "whole", Symlinks: "object", Directories: "object", PackSize: 1 << 30, PackSeconds: 30},
		Roles: manifest.JobRoles{
			Importer: []manifest.PublicKey{{PublicKey: public(r.Import)}}, Acceptor: []manifest.PublicKey{{PublicKey: public(r.Accept)}},
			Custodian: []manifest.Custodian{{Vkey: r.vkey(r.Carrier), Name: "Alice", Organisation: "Carriers"}, {Vkey: r.vkey(r.Desk), Name: "Bob", Organisation: "Data centre"}},
		},
	}
	r.JobFile, err = r.Job.Sign(r.Signer)
	r.Must(err)
	r.Scope = manifest.Scope{Job: r.Job.ID, Device: device, Generation: 1}
	r.Log, err = log.Create(r.FS, r.Scope.CustodyOrigin(), r.JobFile)
	r.Must(err)
	return r
}

func (r *Rig) vkey(c *witness.Custodian) manifest.CosignerKey {
	k, err := c.Vkey()
	r.Must(err)
	return k
}

// Event is a new event of the log, an hour after the last one.
func (r *Rig) Event(kind event.Kind, role string, details map[string]any) *event.Event {
	r.T.Helper()
	r.Now = r.Now.Add(time.Hour)
	root := r.Log.Root()
	e := &event.Event{Job: r.Scope.Job, Device: r.Scope.Device, Generation: r.Scope.Generation, Kind: kind, Seq: r.Log.Size(), PreviousRoot: root[:], Time: r.Now,
		Clock: event.Clock{Source: event.ClockNTP}, Actor: event.Actor{Name: role, Role: role}, Purpose: "test", Condition: "good", Software: "test"}
	for name, value := range details {
		r.Must(e.Set(name, value))
	}
	return e
}

// Sign signs an event by a key.
func (r *Rig) Sign(e *event.Event, by ed25519.PrivateKey) []byte {
	r.T.Helper()
	e.Actor.KeyID = crypto.KeyID(public(by))
	b, err := e.Sign(r.JobFile, by)
	r.Must(err)
	return b
}

// Add appends an event that one key signs, and the checkpoint by another.
func (r *Rig) Add(kind event.Kind, role string, by, custodian ed25519.PrivateKey, details map[string]any) {
	r.T.Helper()
	r.Must(r.Log.Append(r.Sign(r.Event(kind, role, details), by), custodian))
}

// Load is the device's time: provisioned and sealed.
func (r *Rig) Load() {
	r.T.Helper()
	r.Add(event.Provisioned, "device", r.Device, r.Device, map[string]any{"device_key": "k", "protection": "none"})
	r.Add(event.Sealed, "device", r.Device, r.Device, Sealed())
	r.Add(event.SealApplied, "device", r.Device, r.Device, map[string]any{"seals": []event.Seal{{Number: "ML-100", Class: "H"}}})
}

// Sealed are the details of a manifest of 42 lines.
func Sealed() map[string]any {
	return map[string]any{"manifest_size": 42, "manifest_root": make([]byte, 32), "manifest_sha256": hex.EncodeToString(make([]byte, 32))}
}

// HandOver writes the hand-over, has the receiver cosign it, and keeps his line.
func (r *Rig) HandOver(giver ed25519.PrivateKey, role string, to *witness.Custodian) witness.Body {
	r.T.Helper()
	b := r.Ask(giver, role, to)
	line, err := to.Cosign(b, r.Log.Origin, r.Now.Add(time.Minute), public(giver))
	r.Must(err)
	r.Must(r.Log.AddSignature(r.Log.Size(), line))
	return b
}

// Ask writes the hand-over and asks for the cosignature.
func (r *Rig) Ask(giver ed25519.PrivateKey, role string, to *witness.Custodian) witness.Body {
	r.T.Helper()
	r.Add(event.HandedOver, role, giver, giver, map[string]any{"to_name": to.Name, "to_vkey": r.vkey(to)})
	return r.Body(to)
}

// Body asks a custodian who may have cosigned before.
func (r *Rig) Body(to *witness.Custodian) witness.Body {
	r.T.Helper()
	old := uint64(0)
	for n := uint64(1); n <= r.Log.Size(); n++ {
		note, err := r.Log.CheckpointAt(n)
		r.Must(err)
		if _, _, err := witness.OpenCosignature(note, note, r.vkey(to)); err == nil {
			old = n
		}
	}
	proof, err := r.Log.Prove(old)
	r.Must(err)
	return witness.Body{Old: old, Proof: proof, Checkpoint: r.Log.Checkpoint()}
}

// Arrive writes the arrival.
func (r *Rig) Arrive(who *witness.Custodian) {
	r.T.Helper()
	r.Add(event.Arrived, "custodian", who.Key, who.Key, map[string]any{"seals": []event.Seal{{Number: "ML-100"}}})
}

// Day is a whole one: loaded, carried, arrived at the desk, imported.
func (r *Rig) Day() {
	r.T.Helper()
	r.Load()
	r.HandOver(r.Device, "device", r.Carrier)
	r.Arrive(r.Carrier)
	r.HandOver(r.Carrier.Key, "custodian", r.Desk)
	r.Arrive(r.Desk)
	r.Add(event.ImportRun, "importer", r.Import, r.Desk.Key, map[string]any{"run": "r1", "receipt_sha256": hex.EncodeToString(make([]byte, 32))})
}
