package manifest

import (
	"crypto/ed25519"
	"encoding/hex"
	"time"

	"github.com/sledge-io/sledge/crypto"
)

// Acceptance is the predicate of section 8.3: the acceptor has seen the receipts
// of a job's devices, and what they do not prove he has waived.
type Acceptance struct {
	Version   int              `json:"version"`
	Critical  []string         `json:"critical"`
	Job       ID               `json:"job"`
	JobSerial uint64           `json:"job_serial"`
	JobSHA256 string           `json:"job_sha256"`
	JobFile   []byte           `json:"job_file"`
	Devices   []AcceptedDevice `json:"devices"`
	Absent    []ID             `json:"absent"` // devices of the job without receipts, waived
	Accepted  time.Time        `json:"accepted"`
	Note      string           `json:"note"`
	Software  string           `json:"software"`
}

// AcceptedDevice is one device's import as it was accepted.
type AcceptedDevice struct {
	Device        ID               `json:"device"`
	Generation    uint64           `json:"generation"`
	Label         string           `json:"label"`
	ManifestSize  uint64           `json:"manifest_size"`
	ManifestRoot  []byte           `json:"manifest_root"`
	Run           string           `json:"run"`
	Target        string           `json:"target"`
	Endpoint      string           `json:"endpoint"`
	ReceiptSize   uint64           `json:"receipt_size"`
	ReceiptRoot   []byte           `json:"receipt_root"`
	ReceiptSHA256 string           `json:"receipt_sha256"`
	Outcomes      map[string]int64 `json:"outcomes"`
	Proof         map[string]int64 `json:"proof"`
	Bytes         uint64           `json:"bytes"`
	Complete      bool             `json:"complete"`
	Differences   []string         `json:"differences"` // waived
	Waived        []WaivedLines    `json:"waived"`
	Rules         string           `json:"rules,omitempty"` // SHA-256 of the importer's own rules
	LeftOut       map[string]int64 `json:"left_out"`        // entries that they left out, by kind; waived
}

// WaivedLines are entries of one outcome and error that were waived by name, as
// lines of objects.list. A line's place in the receipt log, whose root stands
// beside it, says which entry it is to whoever has the list, and to nobody else.
type WaivedLines struct {
	Outcome string  `json:"outcome"`
	Error   string  `json:"error,omitempty"`
	Lines   []int64 `json:"lines"`
}

// Sign makes the statement. Its subjects are the job file and the checkpoint of
// each device's receipts.
func (a *Acceptance) Sign(key ed25519.PrivateKey) ([]byte, error) {
	sum := crypto.SumSHA256(a.JobFile)
	a.Version, a.Critical, a.JobSHA256 = Version, []string{}, hex.EncodeToString(sum[:])
	subjects := []Subject{SHA256Subject("job.dsse", a.JobFile)}
	for _, d := range a.Devices {
		subjects = append(subjects, Subject{Name: "receipts/" + d.Device.String(), Digest: map[string]string{"sha256": d.ReceiptSHA256}})
	}
	return SignStatement(PredicateAcceptance, subjects, a, key)
}
