package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/liar"
	"github.com/sledge-io/sledge/manifest"
)

// contradict puts a seal statement on all disks that the device's key has signed and that its
// log contradicts. Log, checkpoint and label stay as they are.
func (f *field) contradict(keys liar.Keys) {
	f.t.Helper()
	const name = "/sledge/statements/seal.dsse"
	text, err := os.ReadFile("bay0" + name)
	if err != nil {
		f.t.Fatal(err)
	}
	_, payload, _, err := crypto.PeekDSSE(text)
	if err != nil {
		f.t.Fatal(err)
	}
	var s manifest.Statement
	var says map[string]any
	if err := errors.Join(json.Unmarshal(payload, &s), json.Unmarshal(s.Predicate, &says)); err != nil {
		f.t.Fatal(err)
	}
	says["log_size"] = 3
	lie, err := manifest.SignStatement(s.PredicateType, s.Subject, says, keys.Device)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, bay := range []string{"bay0", "bay1", "bay2"} {
		if err := errors.Join(os.Remove(bay+name), os.WriteFile(bay+name, lie, 0o600)); err != nil {
			f.t.Fatal(err)
		}
	}
}

// TestLabelOfRefusedDisks: a label is not made again of disks that every other command
// refuses, though their checkpoint is the one that the device has signed.
func TestLabelOfRefusedDisks(t *testing.T) {
	f, label, keys := sealedField(t)
	l, err := manifest.ParseLabel(label)
	if err != nil {
		t.Fatal(err)
	}
	job := l.Scope.Job.String()
	if err := os.Remove("dev/labels/" + job + ".label"); err != nil {
		t.Fatal(err)
	}
	f.sledge(0, "seal", "--job", job, "--label-out", "again.label")
	if again, err := os.ReadFile("again.label"); err != nil || string(again) != string(label) {
		t.Errorf("%v: another label: %s", err, again)
	}
	if err := os.RemoveAll("dev/labels"); err != nil {
		t.Fatal(err)
	}
	f.contradict(keys)
	f.says(f.sledge(exitRefused, "seal", "--job", job, "--label-out", "third.label"), "not to be used", "do not import")
	if _, err := os.Stat("third.label"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a label was written: %v", err)
	}
}

// TestAuditTargetOfRefusedDisks: where the objects of an import are is not read under a job
// file of disks that are refused by now: they may have been changed since they were verified.
func TestAuditTargetOfRefusedDisks(t *testing.T) {
	f, _, keys := sealedField(t)
	ask := func() error {
		a := &app{out: io.Discard, err: io.Discard, now: f.clock, ctx: t.Context(), disks: []string{"bay*"}}
		_, err := a.auditPlace(&auditFlags{}, &auditedDevice{Device: &audit.Device{Receipts: "none"}, disks: []string{"bay0", "bay1", "bay2"}, chain: chainFlags{trust: "site/signer.pub", label: "d.label"}})
		return err
	}
	if err := ask(); errors.Is(err, appliance.ErrRefused) || err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("honest disks: %v", err)
	}
	f.contradict(keys)
	if err := ask(); !errors.Is(err, appliance.ErrRefused) {
		t.Errorf("disks that are refused: %v", err)
	}
}
