package appliance

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestFinishSealWithoutADisk: a disk that is not there at the end of a seal keeps its
// unlock wrap, and the statement says so, whatever the plan said.
func TestFinishSealWithoutADisk(t *testing.T) {
	src := smallTree(t, 71, 100<<10)
	r := sealBegun(t, src)
	whole := r.mems
	r.without(3)
	if _, err := FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{}); !errors.Is(err, seal.ErrAbsent) {
		t.Fatalf("nobody named the disk: %v", err)
	}
	res, err := FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{Absent: []int{3}})
	if err != nil || len(res.Statement.AbsentBays) > 0 || !slices.Equal(res.Statement.LeftBays, []int{3}) {
		t.Fatalf("%+v, %v", res, err)
	}
	r.use(whole)
	r.without(1, 3) // the statement was signed, and another disk has gone since
	if res, err = FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{Absent: []int{1, 3}}); err != nil || !slices.Equal(res.Statement.LeftBays, []int{1, 3}) {
		t.Fatalf("again: %+v, %v", res, err)
	}
	r.noted(res.Label, "seal-left")
	if err := r.check(readTree(t, src), res.Label); err != nil {
		t.Error(err)
	}
}

// noted holds the verifier to a note about the disks at hand.
func (r *memRig) noted(label []byte, class string) {
	r.t.Helper()
	var disks []fsck.Disk
	for _, d := range r.cfg.Disks {
		disks = append(disks, fsck.Disk{Name: d.Name, FS: vfs.Std(d.FS)})
	}
	report, err := fsck.Disks(r.t.Context(), fsck.Options{Disks: disks, Label: label, Trust: &fsck.Trust{Key: r.signer.Public().(ed25519.PublicKey)}})
	if err != nil || report.Verdict == fsck.VerdictRefused || report.Verdict == fsck.VerdictLost {
		r.t.Fatalf("%+v, %v", report, err)
	}
	if !slices.ContainsFunc(report.Findings, func(f fsck.Finding) bool { return f.Class == class }) {
		r.t.Errorf("no %s: %+v", class, report.Findings)
	}
}

// TestSealNamesReplacedDisks: the first disk of a bay that was replaced before the seal
// keeps its unlock wrap.
func TestSealNamesReplacedDisks(t *testing.T) {
	src := smallTree(t, 71, 100<<10)
	r := small32(t)
	r.loadAll(src, LoadOptions{})
	if err := r.replace(2); err != nil {
		t.Fatal(err)
	}
	res := r.sealAll()
	if !slices.Equal(res.Statement.ReplacedBays, []int{2}) || len(res.Statement.LeftBays) > 0 {
		t.Errorf("%+v", res.Statement)
	}
	r.noted(res.Label, "seal-replaced")
	r = sealBegun(t, src)
	if err := r.replace(2); err != nil {
		t.Fatal(err)
	}
	if res, err := FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{}); err != nil || !slices.Equal(res.Statement.LeftBays, []int{2}) {
		t.Errorf("after the log was final: %+v, %v", res, err)
	}
}

// TestSealPlanIsRecorded: what was changed on the disks between the record and the
// signature is not signed.
func TestSealPlanIsRecorded(t *testing.T) {
	change := func(t *testing.T, m *vfs.Mem) {
		b, err := vfs.ReadFile(m, disk.PlanName, manifest.MaxStatement)
		if err != nil {
			t.Fatal(err)
		}
		var plan seal.Plan
		if err := json.Unmarshal(b, &plan); err != nil {
			t.Fatal(err)
		}
		plan.ScanComplete, plan.WrapCheck, plan.DiskIDs = !plan.ScanComplete, "answered", append(plan.DiskIDs, manifest.ID{9})
		if b, err = json.Marshal(plan); err != nil {
			t.Fatal(err)
		}
		if err := durable.WriteFile(m, disk.PlanName, b); err != nil {
			t.Fatal(err)
		}
	}
	r := sealBegun(t, smallTree(t, 71, 100<<10))
	want, err := vfs.ReadFile(r.mems[4], disk.PlanName, manifest.MaxStatement)
	for _, m := range r.mems[:4] {
		change(t, m)
	}
	res, err2 := FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{})
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	var plan seal.Plan
	if err := json.Unmarshal(want, &plan); err != nil || res.Statement.WrapCheck != plan.WrapCheck || res.Statement.ScanComplete != plan.ScanComplete {
		t.Errorf("signed %+v, planned %s, %v", res.Statement, want, err)
	}

	r = sealBegun(t, smallTree(t, 71, 100<<10))
	for _, m := range r.mems {
		change(t, m)
	}
	if _, err := FinishSeal(t.Context(), r.cfg, r.ledger, seal.FinishOptions{}); !errors.Is(err, ErrLost) {
		t.Errorf("a changed plan on all disks: %v", err)
	}
	if disk.IsSealed(r.cfg.Disks) {
		t.Error("a checkpoint was signed")
	}
}
