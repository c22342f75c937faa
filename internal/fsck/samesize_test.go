package fsck

import (
	"crypto/sha256"
	"errors"
	"testing"
	"testing/fstest"

	"golang.org/x/mod/sumdb/tlog"
)

// sameSize is a checkpoint of the device over as many entries, and of another root.
func (d *testDevice) sameSize(t *testing.T) []byte {
	t.Helper()
	return signNote(t, d.deviceKey, d.origin(), len(d.entries), tlog.Hash(sha256.Sum256([]byte("another log"))))
}

// TestLabelOfSameSize: the label of another log of the same size, signed by the device,
// does not fit the disks: the disks were put back, or the device made two manifests.
func TestLabelOfSameSize(t *testing.T) {
	d := makeDevice(t, smallPlan())
	o := d.options()
	d.checkpoint = d.sameSize(t)
	o.Label = d.label()
	if r := run(t, o); r.Verdict != VerdictRefused || !r.Has("label-differs") {
		t.Errorf("%v: %+v", r.Verdict, r.Findings)
	}
}

// TestAcceptedOfSameSize: an acceptance is of one manifest and of one receipt log, and
// of no other one that has as many entries.
func TestAcceptedOfSameSize(t *testing.T) {
	for name, c := range map[string]acceptanceCase{
		"label-differs": {after: func(t *testing.T, m *madeAcceptance) {
			m.d.checkpoint = m.d.sameSize(t)
			m.o.Disks, m.o.Labels = nil, [][]byte{m.d.label()}
		}},
		"receipts-differ": {after: func(t *testing.T, m *madeAcceptance) {
			m.o.Receipts = []Receipts{{"others", m.d.receipts(t, nil, nil)}}
		}},
	} {
		t.Run(name, func(t *testing.T) { checkAcceptance(t, c.report(t), name, VerdictRefused) })
	}
}

// TestCommittedOfSameSize: a commit marker is of one receipt log.
func TestCommittedOfSameSize(t *testing.T) {
	d := makeDevice(t, smallPlan())
	dir := d.receipts(t, nil, nil)
	r, err := VerifyCommit(d.commit(t, dir, nil, nil), Trust{Key: public(d.jobKey)})
	if err != nil {
		t.Fatal(err)
	}
	var other fstest.MapFS = d.receipts(t, nil, nil)
	if r.CheckReceipts(dir) != nil || r.CheckReceipts(other) == nil {
		t.Errorf("its own receipts: %v; those of another run: %v", r.CheckReceipts(dir), r.CheckReceipts(other))
	}
}

// TestProofOfOneContent: a file with another SHA-256 is not the one that was loaded.
func TestProofOfOneContent(t *testing.T) {
	d := makeDevice(t, smallPlan())
	r, err := VerifyProof(d.proof(0), Trust{Key: public(d.jobKey)})
	if err != nil || r.Record.SHA256 == nil {
		t.Fatal(err, "no SHA-256 in the first record")
	}
	right := [32]byte(r.Record.SHA256)
	wrong := right
	wrong[31] ^= 1
	if err := r.CheckSHA256(right); err != nil {
		t.Error(err)
	}
	if err := r.CheckSHA256(wrong); !errors.Is(err, ErrContent) {
		t.Errorf("another SHA-256: %v", err)
	}
}
