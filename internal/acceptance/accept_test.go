package acceptance

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// jobOf is a site with a job of one device, which the tests only read.
func jobOf(t *testing.T) (*site.Site, *site.NewJob) {
	t.Helper()
	f := theJob()
	if f.err != nil {
		t.Fatal(f.err)
	}
	return f.site, f.made
}

type fixture struct {
	site *site.Site
	made *site.NewJob
	err  error
}

var theJob = sync.OnceValue(func() (f fixture) {
	if f.site, f.err = site.Init(vfs.NewMem(vfs.MemOptions{}), site.Options{Name: "Example"}); f.err != nil {
		return f
	}
	device, _, err := ed25519.GenerateKey(rand.Reader)
	if f.err = err; err != nil {
		return f
	}
	f.made, f.err = f.site.CreateJob(site.JobParams{Devices: []ed25519.PublicKey{device}, Geometry: manifest.JobGeometry{K: 1, M: 1, BlockSize: 1 << 20, Disks: 2},
		Target: manifest.JobTarget{URL: "s3://bucket/in/", Profile: "generic"}, FIPS: true,
		Policy: manifest.JobPolicy{FileDigest: "whole", Symlinks: "object", Directories: "object", PackSize: 1 << 30, PackSeconds: 30}, Now: time.Now(), Expires: time.Now().Add(time.Hour), Rand: rand.Reader})
	return f
})

// TestAcceptSerials: job files of several serials are one job if they agree on what
// an acceptance relies on; the newest is what is signed, in whatever order they come.
func TestAcceptSerials(t *testing.T) {
	s, made := jobOf(t)
	key, err := s.Key(site.Signer)
	if err != nil {
		t.Fatal(err)
	}
	serial := func(n uint64, change func(j *manifest.Job)) []byte {
		job := *made.Job
		job.Serial = n
		if change != nil {
			change(&job)
		}
		file, err := job.Sign(key)
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	second := serial(2, nil)
	for _, tt := range []struct {
		name  string
		files [][]byte
		want  uint64
		why   string // of the refusal
	}{
		{name: "one", files: [][]byte{made.File, made.File}, want: 1},
		{name: "a newer one", files: [][]byte{made.File, second, made.File}, want: 2},
		{name: "an older one", files: [][]byte{second, made.File}, want: 2},
		{name: "two of one serial", files: [][]byte{second, serial(2, func(j *manifest.Job) { j.Expires = j.Expires.Add(time.Hour) })}, why: "another one of serial 2"},
		{name: "another target", files: [][]byte{made.File, serial(2, func(j *manifest.Job) { j.Target.URL = "s3://other/" })}, why: "serial 1 and serial 2 do not agree on the target"},
		{name: "other roles", files: [][]byte{made.File, serial(2, func(j *manifest.Job) { j.Roles.Acceptor = j.Roles.Importer })}, why: "do not agree on the roles"},
		{name: "another job", files: [][]byte{made.File, serial(2, func(j *manifest.Job) { j.ID[0] ^= 1 })}, why: "it is of job"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := &accepting{o: &Options{Signer: func([]byte) (ed25519.PublicKey, error) { return s.PublicKey(site.Signer) }}, r: &Report{}}
			var err error
			for _, file := range tt.files {
				if err = c.agree(file); err != nil {
					break
				}
			}
			if tt.why != "" {
				if err == nil || !strings.Contains(err.Error(), tt.why) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil || c.r.Serial != tt.want || c.job.Serial != tt.want {
				t.Fatalf("serial %d: %v", c.r.Serial, err)
			}
			if kept, err := manifest.OpenJob(c.jobFile, c.signer); err != nil || kept.Serial != tt.want {
				t.Errorf("kept: %v", err)
			}
		})
	}
}

// work is the work on a job of which no receipts were brought: its device is not proven.
func work(t *testing.T, s *site.Site, made *site.NewJob) *accepting {
	t.Helper()
	dir := t.TempDir()
	a := &accepting{r: &Report{Devices: []fsck.ReceiptReport{}, Unproven: []*Unproven{}}, o: &Options{
		List: filepath.Join(dir, "list"), Out: filepath.Join(dir, "acceptance.dsse"), Note: "agreed", Software: "test", Now: time.Now,
		Signer: func([]byte) (ed25519.PublicKey, error) { return s.PublicKey(site.Signer) },
		Keep:   func(manifest.ID, []byte) (string, error) { return "kept", nil },
	}}
	if err := errors.Join(a.openJob(made.File), a.missing()); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestUnwaivedIsNotSigned: what is neither proven nor waived is listed, for its owner alone.
func TestUnwaivedIsNotSigned(t *testing.T) {
	s, made := jobOf(t)
	a := work(t, s, made)
	if err := a.unwaived(); !errors.Is(err, ErrUnwaived) {
		t.Fatal(err)
	}
	info, err := os.Stat(a.o.List)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info, err)
	}
	text, err := os.ReadFile(a.o.List)
	if err != nil {
		t.Fatal(err)
	}
	waivers, err := ParseWaivers(text)
	if err != nil || len(waivers) != 1 || waivers[0].Kind != KindDevice {
		t.Fatal(waivers, err)
	}
	if idle, err := waive(a.r.Unproven, waivers); err != nil || len(idle) > 0 {
		t.Fatal(idle, err)
	}
	a.o.List = ""
	if err := a.unwaived(); err != nil || a.r.Waived != 1 {
		t.Errorf("%d waived, %v", a.r.Waived, err)
	}
}

// TestSignedVerifies: what is given verifies, and says which devices are absent. A statement of
// a key that the job does not name is not given.
func TestSignedVerifies(t *testing.T) {
	s, made := jobOf(t)
	key, err := s.Key(site.Acceptor)
	if err != nil {
		t.Fatal(err)
	}
	a := work(t, s, made)
	if err := a.sign(key); err != nil || a.r.File != a.o.Out || a.r.Kept != "kept" {
		t.Fatalf("%+v, %v", a.r, err)
	}
	file, err := os.ReadFile(a.o.Out)
	if err != nil {
		t.Fatal(err)
	}
	r, err := fsck.VerifyAcceptance(context.Background(), file, fsck.AcceptanceOptions{Options: fsck.Options{Trust: &fsck.Trust{Key: a.signer}}})
	if err != nil || r.Verdict != fsck.VerdictClean || len(r.Absent) != 1 || r.Note != "agreed" {
		t.Errorf("%+v, %v", r, err)
	}
	other, err := s.Key(site.Importer)
	if err != nil {
		t.Fatal(err)
	}
	a = work(t, s, made)
	if err := a.sign(other); err == nil || !strings.Contains(err.Error(), "does not verify") || a.r.File != "" {
		t.Errorf("%+v, %v", a.r, err)
	}
	if _, err := os.Stat(a.o.Out); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it was given: %v", err)
	}
}

// TestAcceptNeedsReceipts: nothing is not accepted.
func TestAcceptNeedsReceipts(t *testing.T) {
	var usage *advice.UsageError
	if r, err := Accept(t.Context(), Options{}); r != nil || !errors.As(err, &usage) {
		t.Errorf("%+v, %v", r, err)
	}
}
