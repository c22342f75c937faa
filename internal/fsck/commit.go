package fsck

import (
	"fmt"
	"io/fs"
	"time"
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

// VerifyCommit checks a commit marker, in this order: the job file that it carries
// with the job signer's key, its signature with an importer key that the job file
// pins, then what it says. With the zero Trust the origin is not proven. That the
// objects are in the store is not checked here: VerifyReceipts and the store do.
func VerifyCommit(marker []byte, trust Trust) (*CommitReport, error) {
	if len(marker) > maxStatementSize {
		return nil, fmt.Errorf("%w: over %d bytes", errMalformed, maxStatementSize)
	}
	e, err := parseEnvelope(marker)
	if err != nil {
		return nil, err
	}
	raw, err := e.carriedJob()
	if err != nil {
		return nil, err
	}
	origin := ProofReport{Origin: OriginUnproven}
	job, err := origin.openJob(raw, trust)
	if err != nil {
		return nil, fmt.Errorf("the job file in it: %w", err)
	}
	key := e.signedBy(job.importers)
	if key == nil {
		return nil, fmt.Errorf("%w: no importer of the job signed it", errSignature)
	}
	s, err := e.statement(commitPredicate)
	if err != nil {
		return nil, err
	}
	r := &CommitReport{Origin: origin.Origin, Importer: Fingerprint(key)}
	return r, r.read(s, job, sha256Hex(raw))
}

// read takes the predicate and holds it to the job file.
func (r *CommitReport) read(s *statement, job *jobFile, jobSum string) error {
	p := s.predicate
	if err := p.version1(commitNames); err != nil {
		return err
	}
	var sum string
	for name, to := range map[string]any{
		"job": &r.Job, "device": &r.Device, "generation": &r.Generation, "job_sha256": &sum, "run": &r.Run, "manifest_size": &r.ManifestSize,
		"receipt_size": &r.ReceiptSize, "target": &r.Target, "objects": &r.Objects, "bytes": &r.Bytes, "complete": &r.Complete, "software": &r.Software,
	} {
		if err := p.get(name, to); err != nil {
			return err
		}
	}
	device, err := parseID(r.Device)
	if err != nil {
		return err
	}
	if r.Job != job.job.String() || sum != jobSum || job.devices[device] == nil {
		return fmt.Errorf("%w: it is of another job file than the one in it", errMalformed)
	}
	if r.Finished, err = p.time("finished"); err != nil {
		return err
	}
	for name, to := range map[string]*[]byte{"manifest_root": &r.ManifestRoot, "receipt_root": &r.ReceiptRoot} {
		if *to, err = p.base64(name); err != nil {
			return err
		}
		if len(*to) != 32 {
			return fmt.Errorf("%w: %s of %d bytes", errMalformed, name, len(*to))
		}
	}
	if r.SHA256 = s.subjects["checkpoint"]; r.SHA256 == "" || len(s.subjects) != 1 {
		return fmt.Errorf("%w: its subject is not one checkpoint", errMalformed)
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
	if who.device.String() != r.Device || who.generation != r.Generation || uint64(c.size) != r.ReceiptSize || [32]byte(c.root) != [32]byte(r.ReceiptRoot) {
		return fmt.Errorf("%w: these are not the receipts that the marker commits", ErrContent)
	}
	return nil
}
