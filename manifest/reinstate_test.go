package manifest

import (
	"strings"
	"testing"
	"time"
)

func TestReinstatement(t *testing.T) {
	good := func() *Reinstatement {
		return &Reinstatement{Device: ID{1}, Evidence: "sha256:" + strings.Repeat("0a", 32), Reason: "a watcher branded it", Created: time.Unix(1_700_000_000, 0).UTC()}
	}
	file, err := good().Sign(signerKey)
	must(t, err)
	got, err := OpenReinstatement(file, pub(signerKey))
	if err != nil || got.Device != (ID{1}) || got.Evidence != good().Evidence || got.Reason != good().Reason {
		t.Errorf("read back %+v, %v", got, err)
	}
	if _, err := OpenReinstatement(file, pub(otherKey)); err == nil {
		t.Error("another signer's statement is taken")
	}
	if _, err := OpenReinstatement(testJobFile(t), pub(signerKey)); err == nil {
		t.Error("a job file is taken for a reinstatement")
	}
	for name, change := range map[string]func(*Reinstatement){
		"no device":   func(r *Reinstatement) { r.Device = ID{} },
		"no evidence": func(r *Reinstatement) { r.Evidence = "" },
		"short":       func(r *Reinstatement) { r.Evidence = "sha256:0a" },
		"capitals":    func(r *Reinstatement) { r.Evidence = "sha256:" + strings.Repeat("0A", 32) },
		"no reason":   func(r *Reinstatement) { r.Reason = "" },
		"two lines":   func(r *Reinstatement) { r.Reason = "a\nb" },
		"long reason": func(r *Reinstatement) { r.Reason = strings.Repeat("x", maxReason+1) },
	} {
		r := good()
		change(r)
		if _, err := r.Sign(signerKey); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}
