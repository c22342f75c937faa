package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestAcceptSerials: job files of several serials are one job if they agree on what
// an acceptance relies on; the newest is what is signed, in whatever order they come.
func TestAcceptSerials(t *testing.T) {
	dir := t.TempDir()
	disk, err := vfs.OS(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer vfs.Close(disk)
	s, err := site.Init(disk, site.Options{Name: "Example"})
	if err != nil {
		t.Fatal(err)
	}
	key, err := s.Key(site.Signer)
	if err != nil {
		t.Fatal(err)
	}
	device, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made, err := s.CreateJob(site.JobParams{Devices: []ed25519.PublicKey{device}, Geometry: manifest.JobGeometry{K: 1, M: 1, BlockSize: 1 << 20, Disks: 2},
		Target: manifest.JobTarget{URL: "s3://bucket/in/", Profile: "generic"}, FIPS: true,
		Policy: manifest.JobPolicy{FileDigest: "whole", Symlinks: "object", Directories: "object", PackSize: 1 << 30, PackSeconds: 30}, Now: time.Now(), Expires: time.Now().Add(time.Hour), Rand: rand.Reader})
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
			c := &acceptance{app: &app{}, f: &acceptFlags{site: dir}, r: &acceptReport{}}
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

// TestAcceptShowsLeftOut: accept and verify count entries, not the lines of long ones, and show
// what rules have left out.
func TestAcceptShowsLeftOut(t *testing.T) {
	r := &acceptReport{Devices: []fsck.ReceiptReport{{Manifest: &fsck.Report{}, Rules: "5feceb66", Outcomes: map[string]int64{"stored": 2, "no-object": 7}, Entries: map[string]int64{"stored": 2, "no-object": 3}, LeftOut: map[string]int64{"symlink": 3}}}}
	var out strings.Builder
	r.Print(&out)
	for _, want := range []string{"no-object     3\n", "left out    symlink: 3\n", "rules         the importer's own, sha256 5feceb66\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
