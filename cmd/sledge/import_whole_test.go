package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/internal/delivery"
	"github.com/sledge-io/sledge/manifest"
)

// TestWhole: an import is whole if it ended well, or with nothing worse than what
// the loader skipped, and its receipts are there.
func TestWhole(t *testing.T) {
	skipped := fmt.Errorf("%w: 1 of 2", errSkipped)
	for _, test := range []struct {
		end      error
		receipts string
		whole    bool
	}{
		{nil, "receipts", true}, {skipped, "receipts", true},
		{nil, "", false}, {skipped, "", false},
		{errTarget, "receipts", false}, {context.Canceled, "receipts", false}, {os.ErrPermission, "receipts", false},
	} {
		result := &importer.Result{Receipts: test.receipts, Complete: true, Tally: entry.Tally{Outcomes: map[entry.Outcome]uint64{entry.OutcomeSkipped: 1}}}
		d := &endedImport{result: result, end: test.end}
		if d.whole() != test.whole {
			t.Errorf("%v, receipts %q: whole %v", test.end, test.receipts, d.whole())
		}
	}
}

// storedDevice is a device whose receipts say that a file of this content is stored
// under in/a.
func storedDevice(t *testing.T, id byte, content string) *importDevice {
	t.Helper()
	sum, size := sha256.Sum256([]byte(content)), int64(len(content))
	r := &manifest.Record{Kind: manifest.KindFile, Path: "a", Size: size, SHA256: sum[:], Extents: []manifest.Extent{{Length: size}}}
	raw, err := r.Encode()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(receipt.Line{Record: raw[0], Outcome: entry.OutcomeStored, Key: "in/a", Size: &size, RecordSalt: make([]byte, 32), Proof: entry.ProofSHA256, Verified: time.Unix(1, 0)})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	list := fmt.Appendf(bytes.Repeat([]byte("0"), 64), " %s\n", text)
	if err := os.WriteFile(filepath.Join(dir, "objects.list"), list, 0o600); err != nil {
		t.Fatal(err)
	}
	return &importDevice{Device: &delivery.Device{ID: manifest.ID{id}}, totals: &manifest.Totals{},
		ended: &endedImport{result: &importer.Result{Receipts: "receipts"}, rep: &importReport{Receipts: dir}}}
}

// TestDisputedIsNotComplete: two devices that both say that they stored a key, with
// different content, are no complete job, so no marker is written.
func TestDisputedIsNotComplete(t *testing.T) {
	for other, complete := range map[string]bool{"same": true, "diff": false} {
		devices := []*importDevice{storedDevice(t, 1, "same"), storedDevice(t, 2, other)}
		rep := &importAllReport{}
		if err := rep.unite(devices); err != nil {
			t.Fatal(err)
		}
		if rep.Union.Complete != complete || (rep.Union.Disputed == 0) != complete {
			t.Errorf("%s: complete %v, %d disputed", other, rep.Union.Complete, rep.Union.Disputed)
		}
	}
}

// TestUnionFails: where the sum of several devices cannot be made, each one is told all the
// same, and nothing is complete.
func TestUnionFails(t *testing.T) {
	devices := []*importDevice{storedDevice(t, 1, "a"), storedDevice(t, 2, "a")}
	if err := os.Remove(filepath.Join(devices[1].ended.rep.Receipts, "objects.list")); err != nil {
		t.Fatal(err)
	}
	r, err := (&app{}).concludeAll(t.Context(), &importFlags{}, devices, &importAllReport{})
	if rep := r.(*importAllReport); !errors.Is(err, os.ErrNotExist) || len(rep.Devices) != 2 || rep.Devices[0].Import == nil || rep.Union.Complete {
		t.Errorf("%v, %+v", err, rep)
	}
}
