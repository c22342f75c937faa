package fsck

import (
	"fmt"
	"io/fs"
	"strings"
	"time"

	"github.com/sledge-io/sledge/internal/fsck/proof"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// CommitReport is what a commit marker says, and whether it may be believed.
type CommitReport struct {
	Origin       string    `json:"origin"`
	Job          string    `json:"job"`
	Device       string    `json:"device"`
	Generation   uint64    `json:"generation"`
	Run          string    `json:"run"`
	Importer     string    `json:"importer"` // fingerprint of the key that signed
	ManifestSize uint64    `json:"manifest_size"`
	ManifestRoot []byte    `json:"manifest_root"`
	ReceiptSize  uint64    `json:"receipt_size"`
	ReceiptRoot  []byte    `json:"receipt_root"`
	SHA256       string    `json:"checkpoint_sha256"` // of the receipts' checkpoint, which it commits
	Target       string    `json:"target"`
	Objects      uint64    `json:"objects"`
	Bytes        uint64    `json:"bytes"`
	Complete     bool      `json:"complete"`
	Finished     time.Time `json:"finished"`
	Software     string    `json:"software"`
}

var commitNames = []string{
	"version", "critical", "job", "device", "generation", "job_sha256", "job_file", "run", "manifest_size", "manifest_root",
	"receipt_size", "receipt_root", "target", "objects", "bytes", "complete", "finished", "software",
}

// OfRun tells whether the marker is of the run of that id: an import names its runs by the id,
// with the attempt and the state folder's digits behind a dot.
func (r *CommitReport) OfRun(id string) bool { return r.Run == id || strings.HasPrefix(r.Run, id+".") }

// VerifyCommit checks a commit marker, in this order: the job file that it carries
// with the job signer's key, its signature with an importer key that the job file
// pins, then what it says. With the zero Trust the origin is not proven. That the
// objects are in the store is not checked here: VerifyReceipts and the store do.
func VerifyCommit(marker []byte, trust wire.Trust) (*CommitReport, error) {
	if len(marker) > wire.MaxStatementSize {
		return nil, fmt.Errorf("%w: over %d bytes", wire.ErrMalformed, wire.MaxStatementSize)
	}
	e, err := wire.ParseEnvelope(marker)
	if err != nil {
		return nil, err
	}
	raw, err := e.CarriedJob()
	if err != nil {
		return nil, err
	}
	job, origin, err := proof.OpenJob(raw, trust)
	if err != nil {
		return nil, fmt.Errorf("the job file in it: %w", err)
	}
	key := e.SignedBy(job.Importers)
	if key == nil {
		return nil, fmt.Errorf("%w: no importer of the job signed it", wire.ErrSignature)
	}
	s, err := e.Statement(wire.CommitPredicate)
	if err != nil {
		return nil, err
	}
	r := &CommitReport{Origin: origin, Importer: wire.Fingerprint(key)}
	return r, r.read(s, job, wire.Sha256Hex(raw))
}

// read takes the predicate and holds it to the job file.
func (r *CommitReport) read(s *wire.Statement, job *wire.JobFile, jobSum string) error {
	p := s.Predicate
	if err := p.Version1(commitNames); err != nil {
		return err
	}
	var sum string
	for name, to := range map[string]any{
		"job": &r.Job, "device": &r.Device, "generation": &r.Generation, "job_sha256": &sum, "run": &r.Run, "manifest_size": &r.ManifestSize,
		"receipt_size": &r.ReceiptSize, "target": &r.Target, "objects": &r.Objects, "bytes": &r.Bytes, "complete": &r.Complete, "software": &r.Software,
	} {
		if err := p.Get(name, to); err != nil {
			return err
		}
	}
	device, err := wire.ParseID(r.Device)
	if err != nil {
		return err
	}
	if r.Job != job.Job.String() || sum != jobSum || job.Devices[device] == nil {
		return fmt.Errorf("%w: it is of another job file than the one in it", wire.ErrMalformed)
	}
	if r.Finished, err = p.Time("finished"); err != nil {
		return err
	}
	for name, to := range map[string]*[]byte{"manifest_root": &r.ManifestRoot, "receipt_root": &r.ReceiptRoot} {
		if *to, err = p.Base64(name); err != nil {
			return err
		}
		if len(*to) != 32 {
			return fmt.Errorf("%w: %s of %d bytes", wire.ErrMalformed, name, len(*to))
		}
	}
	if r.SHA256 = s.Subjects["checkpoint"]; r.SHA256 == "" || len(s.Subjects) != 1 {
		return fmt.Errorf("%w: its subject is not one checkpoint", wire.ErrMalformed)
	}
	return nil
}

// CheckReceipts compares a receipts folder with what the marker commits. Whether
// the receipts hold is for VerifyReceipts.
func (r *CommitReport) CheckReceipts(dir fs.FS) error {
	who, c, err := receiptsOf(dir)
	if err != nil {
		return fmt.Errorf("log/checkpoint: %w", err)
	}
	if who.Device.String() != r.Device || who.Generation != r.Generation || uint64(c.Size) != r.ReceiptSize || [32]byte(c.Root) != [32]byte(r.ReceiptRoot) {
		return fmt.Errorf("%w: these are not the receipts that the marker commits", proof.ErrContent)
	}
	return nil
}
