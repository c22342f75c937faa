package sign

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// The names of the files in a folder of receipts.
const (
	ListName       = "objects.list"
	TotalName      = "total.dsse"
	CheckpointName = "log/checkpoint"
)

// CommitStatement is the predicate of a commit marker (docs/format.md section
// 8.4): the last object that an import writes, and its commit. Readers of the
// target wait for it.
type CommitStatement struct {
	Version      int         `json:"version"`
	Critical     []string    `json:"critical"`
	Job          manifest.ID `json:"job"`
	Device       manifest.ID `json:"device"`
	Generation   uint32      `json:"generation"`
	JobSHA256    string      `json:"job_sha256"`
	JobFile      []byte      `json:"job_file"`
	Run          string      `json:"run"`
	ManifestSize uint64      `json:"manifest_size"`
	ManifestRoot []byte      `json:"manifest_root"`
	ReceiptSize  uint64      `json:"receipt_size"`
	ReceiptRoot  []byte      `json:"receipt_root"`
	Target       string      `json:"target"`
	Objects      uint64      `json:"objects"` // that stand in the target, proven
	Bytes        int64       `json:"bytes"`   // of these
	Complete     bool        `json:"complete"`
	Finished     time.Time   `json:"finished"`
	Software     string      `json:"software"`
}

// CommitMarker makes the commit marker of a run that has ended, from the receipts
// in folder of its state folder (Result.Receipts). It is signed by the importer key
// that signed them, and has the same bytes whenever it is made again: a marker that
// is already in the target can be told from another one by comparing.
func CommitMarker(disk vfs.FS, folder string, jobFile []byte, key ed25519.PrivateKey) ([]byte, error) {
	checkpoint, err := vfs.ReadFile(disk, folder+"/"+CheckpointName, manifest.MaxCheckpoint)
	if err != nil {
		return nil, err
	}
	env, err := vfs.ReadFile(disk, folder+"/"+TotalName, manifest.MaxStatement)
	if err != nil {
		return nil, err
	}
	var total receipt.Total
	st, _, err := manifest.OpenStatement(env, manifest.PredicateReceipt, &total, key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", TotalName, err)
	}
	subject := manifest.SHA256Subject("checkpoint", checkpoint)
	if len(st.Subject) != 1 || st.Subject[0].Digest["sha256"] != subject.Digest["sha256"] {
		return nil, fmt.Errorf("%w: %s is of another checkpoint", manifest.ErrCorrupt, TotalName)
	}
	return signCommit(&total, checkpoint, jobFile, key)
}

func signCommit(total *receipt.Total, checkpoint, jobFile []byte, key ed25519.PrivateKey) ([]byte, error) {
	scope := manifest.Scope{Job: total.Job, Device: total.Device, Generation: total.Generation}
	cp, err := manifest.OpenCheckpoint(checkpoint, receipt.Origin(scope, total.Run), key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	sum := crypto.SumSHA256(jobFile)
	c := CommitStatement{
		Version: manifest.Version, Critical: []string{}, Job: total.Job, Device: total.Device, Generation: total.Generation,
		JobSHA256: hex.EncodeToString(sum[:]), JobFile: jobFile, Run: total.Run,
		ManifestSize: total.ManifestSize, ManifestRoot: total.ManifestRoot, ReceiptSize: cp.Size, ReceiptRoot: cp.Root[:],
		Target: total.Target, Bytes: total.Bytes, Complete: total.Complete, Finished: total.Finished, Software: total.Software,
	}
	for _, n := range total.Proof {
		c.Objects += n
	}
	return manifest.SignStatement(manifest.PredicateCommit, []manifest.Subject{manifest.SHA256Subject("checkpoint", checkpoint)}, c, key)
}
