package appliance

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
)

// openBoth opens disks with the reader and gives the keyless verifier's answer.
func openBoth(t *testing.T, disks []Disk, signer ed25519.PublicKey, label []byte) (*fsck.Report, *Set, error) {
	t.Helper()
	o := fsck.Options{Label: label}
	if signer != nil {
		o.Trust = &fsck.Trust{Key: signer}
	}
	for _, d := range disks {
		o.Disks = append(o.Disks, fsck.Disk{Name: d.Name, FS: vfs.Std(d.FS)})
	}
	rep, err := fsck.Manifest(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	set, err := OpenSet(disks, signer, label)
	return rep, set, err
}

// TestJobFileOfTheLog: of the job files on the disks the log's is taken, whatever most disks
// have: a later one that came when the log was final, or one that nobody's key vouches for.
func TestJobFileOfTheLog(t *testing.T) {
	s := newSealedDisks(t, 2, 1, 3)
	sealed := s.files[0][disk.JobName]
	later := *s.rig.cfg.Job
	later.Serial++
	later.Expires = later.Expires.AddDate(1, 0, 0)
	extended, err := later.Sign(s.rig.signer)
	if err != nil {
		t.Fatal(err)
	}
	_, stranger, _ := ed25519.GenerateKey(rand.Reader)
	forged, err := later.Sign(stranger)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string][]byte{"later": extended, "forged": forged} {
		for _, c := range []struct {
			signer ed25519.PublicKey
			label  []byte
		}{{s.signer, s.label}, {s.signer, nil}, {nil, s.label}, {nil, nil}} {
			files := s.copy()
			files[0][disk.JobName], files[1][disk.JobName] = file, file
			rep, set, err := openBoth(t, disksOf(t, files), c.signer, c.label)
			if err != nil || crypto.SumSHA256(set.JobFile) != crypto.SumSHA256(sealed) || set.Job.Serial != s.rig.cfg.Job.Serial {
				t.Errorf("%s, signer %v, label %v: %v", name, c.signer != nil, c.label != nil, err)
			}
			if rep.Verdict != fsck.VerdictRepairable || !rep.Has("job-copy-other") {
				t.Errorf("%s, signer %v, label %v: verifier: %v %+v", name, c.signer != nil, c.label != nil, rep.Verdict, rep.Findings)
			}
		}
	}
}

// TestSisterDisks: disks of another device among the device's are set aside and named, by the
// reader as by the verifier, and the label says whose are meant where they are the more.
func TestSisterDisks(t *testing.T) {
	a, b := newSealedDisks(t, 2, 1, 3), newSealedDisks(t, 2, 1, 4)
	for _, c := range []struct {
		name         string
		sisters, own int
		label        []byte
		err          error
	}{
		{"one of four", 1, 3, nil, nil}, {"one of four, and the label", 1, 3, a.label, nil}, {"the more", 4, 3, a.label, nil},
		{"as many", 3, 3, nil, ErrRollback}, {"as many, and the label", 3, 3, a.label, nil},
	} {
		files := append(b.copy()[:c.sisters], a.copy()[:c.own]...)
		rep, set, err := openBoth(t, disksOf(t, files), nil, c.label)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", c.name, err, c.err)
		}
		if c.err != nil || err != nil {
			continue
		}
		if set.Scope != a.rig.cfg.Scope || !strings.Contains(strings.Join(set.Warnings, "\n"), "disks xa") {
			t.Errorf("%s: %v, told %q", c.name, set.Scope, set.Warnings)
		}
		if rep.Device != a.rig.cfg.Scope.Device.String() || rep.Verdict != fsck.VerdictClean || !rep.Has("foreign-disk") {
			t.Errorf("%s: verifier: %v %+v", c.name, rep.Verdict, rep.Findings)
		}
		if k, err := set.OpenWithSite(a.rig.site); err != nil || set.CheckKey(k) != nil {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}
