package custody

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// Input is what a verifier has.
type Input struct {
	Folder fs.FS
	Job    []byte      // nil: the folder's own job.dsse
	Trust  *wire.Trust // nil: origin not proven
	Seen   [][]byte    // checkpoints that came another way, or bodies of hand-overs
	Label  []byte
	Policy *Policy // nil: no cosignature is asked for
	Now    time.Time
}

// ErrNoLog: the folder holds no custody log, or nothing that can be read as one.
var ErrNoLog = errors.New("no custody log that can be read")

// verifier is one pass.
type verifier struct {
	*Report
	in      Input
	job     *wire.JobFile
	jobSum  string // SHA-256 of its file
	who     wire.Identity
	device  ed25519.PublicKey
	people  []person
	entries []*entry
	roots   []tlog.Hash
	holds   []held
}

// held is a custodian's time: whose checkpoints count from one size to another.
type held struct {
	person
	from   uint64 // the first size that he may sign
	to     uint64 // the last one; 0: no end
	open   bool   // handed over without a next key: any custodian of the job may go on
	opened uint64 // the entry that did so
}

// Verify reads a custody log whole. An error means that there is nothing to report on.
func Verify(in Input) (*Report, error) {
	if err := in.Trust.Validate(); err != nil {
		return nil, err
	}
	note, err := read(in.Folder, "checkpoint", wire.MaxCheckpointSize)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoLog, err)
	}
	v := &verifier{Report: &Report{Findings: []Finding{}, Events: []Event{}, Holders: []Holder{}}, in: in}
	cp, err := wire.ParseCheckpoint(note)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoLog, err)
	}
	if err := v.open(cp); err != nil {
		return nil, err
	}
	raw, err := entries(in.Folder, uint64(cp.Size))
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, wire.ErrMalformed) {
			v.find(Tampered, "12.1", "entries cannot be read: %v", err)
			return v.Report, nil
		}
		return nil, err
	}
	v.roots = roots(raw)
	if v.roots[cp.Size] != cp.Root {
		v.find(Tampered, "12.1", "entries were removed, changed or reordered: they do not come to the root that the checkpoint of size %d signs", cp.Size)
		v.firstChanged()
		return v.Report, nil
	}
	if err := v.walk(raw); err != nil {
		return v.Report, nil
	}
	v.checkJob()
	v.checkHead(cp)
	v.checkKept()
	v.checkSeen()
	v.checkPolicy()
	v.checkLabel()
	v.checkClocks()
	if v.Independent == 0 {
		v.find(Alone, "12.6", "no independent checkpoint was given: a log that was rolled back whole would look the same")
	}
	return v.Report, nil
}

// open reads the job file and whose log it is.
func (v *verifier) open(cp *wire.Checkpoint) (err error) {
	if cp.Size == 0 || cp.Size > maxEntries {
		return fmt.Errorf("%w: %d entries", ErrNoLog, cp.Size)
	}
	rest := ""
	if v.who, rest, err = wire.ParseOrigin(cp.Origin); err != nil || rest != "custody" {
		return fmt.Errorf("%w: %.200q is not the origin of a custody log", ErrNoLog, cp.Origin)
	}
	file := v.in.Job
	if file == nil {
		if file, err = read(v.in.Folder, "job.dsse", wire.MaxJobSize); err != nil {
			return fmt.Errorf("job file: %w", err)
		}
	}
	if v.job, err = wire.OpenJob(file, v.in.Trust); err != nil {
		return fmt.Errorf("job file: %w", err)
	}
	var known bool
	if v.device, known = v.job.Devices[v.who.Device]; !known || v.job.Job != v.who.Job {
		return fmt.Errorf("job file: %w: the log is of device %s of job %s, the job file of job %s", wire.ErrMalformed, v.who.Device, v.who.Job, v.job.Job)
	}
	v.people = people(v.job, v.who.Device, v.job.Signer)
	v.Origin, v.Job, v.Device, v.Generation = cp.Origin, v.who.Job.String(), v.who.Device.String(), v.who.Generation
	v.JobSerial, v.jobSum = v.job.Serial, wire.Sha256Hex(file)
	v.Size, v.Root, v.Trusted = uint64(cp.Size), base64.StdEncoding.EncodeToString(cp.Root[:]), v.in.Trust != nil
	return nil
}

// checkJob compares the job file with the one that the entries are about. The folder's own must
// be that; one that was given may be a later one.
func (v *verifier) checkJob() {
	others := 0
	for _, e := range v.entries {
		if e.subject["job.dsse"] != v.jobSum {
			others++
		}
	}
	switch {
	case others == 0:
	case v.in.Job == nil:
		v.find(Differs, "12.3", "%d of %d entries are about another job file than the one in the log's folder, of serial %d", others, len(v.entries), v.JobSerial)
	default:
		v.find(Note, "12.3", "%d of %d entries are about another job file than the one that was given, of serial %d: all are judged by this one", others, len(v.entries), v.JobSerial)
	}
}

// firstChanged says where the log is whole up to, by the older checkpoints that are kept.
func (v *verifier) firstChanged() {
	kept, err := notes(v.in.Folder)
	if err != nil {
		return
	}
	good := int64(0)
	for _, raw := range kept {
		cp, err := wire.ParseCheckpoint(raw)
		if err == nil && cp.Origin == v.Origin && cp.Size < int64(len(v.roots)) && v.roots[cp.Size] == cp.Root {
			good = max(good, cp.Size)
		}
	}
	v.find(Note, "12.1", "the first %d entries are as an older checkpoint has them", good)
}

var errStop = errors.New("what follows cannot be judged")

// walk follows the entries and who holds the device.
func (v *verifier) walk(raw [][]byte) error {
	v.holds = []held{{person: v.people[0], from: 1}}
	for i, b := range raw {
		e, err := parse(b)
		if err != nil {
			v.find(Tampered, "12.2", "entry %d cannot be read: %v", i, err)
			return errStop
		}
		e.Index = uint64(i)
		if err := v.place(e); err != nil {
			v.find(Tampered, "12.2", "entry %d: %v", i, err)
			return errStop
		}
		if err := v.signed(e); err != nil {
			v.find(Tampered, "12.3", "entry %d, %s: %v", i, e.Kind, err)
			return errStop
		}
		v.entries = append(v.entries, e)
		v.Events = append(v.Events, e.Event)
		if err := v.handOver(e); err != nil {
			v.find(Tampered, "12.4", "entry %d: %v", i, err)
			return errStop
		}
	}
	v.possession()
	v.Open = v.now().open
	for _, h := range v.holds {
		x := Holder{Name: h.name, KeyID: keyID(h.key), From: h.from - 1}
		if h.to > 0 {
			to := h.to - 1
			x.To = &to
		}
		v.Holders = append(v.Holders, x)
	}
	return nil
}

func keyID(key ed25519.PublicKey) string { return wire.Sha256Hex(wire.SpkiOf(key)) }

// place holds an entry to its place in this log.
func (v *verifier) place(e *entry) error {
	switch {
	case e.who != v.who:
		return fmt.Errorf("it is of another log: job %s, device %s, generation %d", e.who.Job, e.who.Device, e.who.Generation)
	case e.seq != e.Index:
		return fmt.Errorf("it says that it is entry %d", e.seq)
	case string(e.root) != string(v.roots[e.Index][:]):
		return errors.New("it names another history before it")
	case e.subject["job.dsse"] == "":
		return errors.New("it is not about a job file")
	}
	return nil
}

// now is whose turn it is.
func (v *verifier) now() *held { return &v.holds[len(v.holds)-1] }

// signed finds who signed an entry, and whether he may.
func (v *verifier) signed(e *entry) error {
	h := v.now()
	var by *person // one key may have several roles: that counts which may sign
	for i, p := range v.people {
		if e.env.Verify(p.key) != nil {
			continue
		}
		if maySign(e.Kind, p.role, p.key.Equal(h.key) || h.open && p.role == "custodian") {
			e.Role, e.KeyID = p.role, keyID(p.key)
			return v.predicted(e)
		}
		if by == nil {
			by = &v.people[i]
		}
	}
	if by == nil {
		return errors.New("signed by nobody whom the job file names")
	}
	return fmt.Errorf("signed by %s (%s), who may not sign it", by.name, by.role)
}

// predicted holds the key id that an event names to the key that signed it.
func (v *verifier) predicted(e *entry) error {
	if e.predict != e.KeyID {
		return fmt.Errorf("it names the key %s, and %s signed it", e.predict, e.KeyID)
	}
	return nil
}

// handOver follows the key that may sign the log.
func (v *verifier) handOver(e *entry) error {
	h := v.now()
	switch {
	case e.Kind == "handed-over":
		next, err := e.next()
		if err != nil {
			return err
		}
		if next == nil {
			h.open, h.opened = true, e.Index
			return nil
		}
		i := slices.IndexFunc(v.people, func(p person) bool { return p.key.Equal(next.Key) && p.role == "custodian" && p.name == next.Name })
		if i < 0 {
			return fmt.Errorf("handed over to %s, who is no custodian of the job", next.Name)
		}
		if v.people[i].key.Equal(h.key) {
			return errors.New("handed over to the one who had it")
		}
		h.to, h.open = e.Index+1, false
		v.holds = append(v.holds, held{person: v.people[i], from: e.Index + 2})
	case h.open && e.Role == "custodian" && e.KeyID != keyID(h.key):
		i := slices.IndexFunc(v.people, func(p person) bool { return keyID(p.key) == e.KeyID })
		h.to, h.open = e.Index, false
		v.holds = append(v.holds, held{person: v.people[i], from: e.Index + 1})
	}
	return nil
}

// mayAt is who may sign the checkpoint of a size.
func (v *verifier) mayAt(size uint64) held {
	for _, h := range slices.Backward(v.holds) {
		if size >= h.from {
			return h
		}
	}
	return v.holds[0]
}

// signedBy is whom of the job a checkpoint is signed by, or nil.
func (v *verifier) signedBy(cp *wire.Checkpoint) *person {
	for i, p := range v.people {
		if (p.role == "device" || p.role == "custodian") && cp.Verify(p.key) == nil {
			return &v.people[i]
		}
	}
	return nil
}

// checkHead looks at the newest checkpoint's signer.
func (v *verifier) checkHead(cp *wire.Checkpoint) { v.judge(cp, "the newest checkpoint") }

// judge holds a checkpoint of at most the log's size against it: its signer and its root. It
// tells whether it counts.
func (v *verifier) judge(cp *wire.Checkpoint, what string) bool {
	by := v.signedBy(cp)
	size := uint64(cp.Size)
	if by == nil {
		v.find(Tampered, "12.3", "%s of size %d is signed by no custodian of the job", what, size)
		return false
	}
	mine := by.key.Equal(v.mayAt(size).key)
	if h, was := v.former(by, size); was && !mine {
		v.find(NotCustodian, "12.4", "%s of size %d is signed by %s, who is not custodian since entry %d", what, size, by.name, h)
		return false
	}
	if v.roots[size] != cp.Root {
		v.find(Forked, "12.5", "forked at or after entry %d: %s of size %d, signed by %s, has the root %s, and this log %s", v.common(size), what, size, by.name, cp.Root, v.roots[size])
		return false
	}
	if !mine {
		v.find(NotCustodian, "12.4", "%s of size %d is signed by %s, who was not custodian then", what, size, by.name)
		return false
	}
	return true
}

// former tells the entry by which somebody gave the device away before a size, for good.
func (v *verifier) former(p *person, size uint64) (entry uint64, was bool) {
	for _, h := range v.holds {
		if h.key.Equal(p.key) && h.to > 0 && size > h.to {
			entry, was = h.to-1, true
		} else if h.key.Equal(p.key) {
			was = false
		}
	}
	return entry, was
}

// common is the largest size below one that checkpoints of custodians confirm.
func (v *verifier) common(below uint64) (size uint64) {
	kept, _ := notes(v.in.Folder)
	for _, raw := range append(kept, v.in.Seen...) {
		cp, err := wire.ParseCheckpoint(checkpointIn(raw))
		if err != nil || cp.Origin != v.Origin || uint64(cp.Size) >= below || uint64(cp.Size) > v.Size || v.signedBy(cp) == nil {
			continue
		}
		if v.roots[cp.Size] == cp.Root {
			size = max(size, uint64(cp.Size))
		}
	}
	return size
}
