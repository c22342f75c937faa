package main

import (
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/delivery"
	"github.com/sledge-io/sledge/manifest"
)

// jobDevice is a device under a job file, which change makes differ.
func jobDevice(n byte, change func(*manifest.Job)) *importDevice {
	job := &manifest.Job{ID: manifest.ID{9}, Serial: 1, Target: manifest.JobTarget{URL: "s3://bucket/in/", Profile: "generic"}}
	for i := range byte(2) {
		job.Devices = append(job.Devices, manifest.JobDevice{ID: manifest.ID{i + 1}})
	}
	if change != nil {
		change(job)
	}
	return &importDevice{Device: &delivery.Device{ID: manifest.ID{n}}, set: &appliance.Set{Job: job}}
}

// TestAgree: the job files of devices that are imported together may be of several
// serials, and of one job, target and roles only.
func TestAgree(t *testing.T) {
	tests := map[string]struct {
		change func(*manifest.Job)
		want   error
		words  string
	}{
		"the same":              {nil, nil, ""},
		"a later serial":        {func(j *manifest.Job) { j.Serial = 2 }, nil, ""},
		"another job":           {func(j *manifest.Job) { j.ID = manifest.ID{8} }, delivery.ErrOtherJob, "is of job 08"},
		"another bucket":        {func(j *manifest.Job) { j.Serial, j.Target.URL = 2, "s3://other/in/" }, errJobFile, "(serial 2) and device 0100"},
		"another prefix":        {func(j *manifest.Job) { j.Target.URL = "s3://bucket/other/" }, errJobFile, "do not agree on the target"},
		"another kind of store": {func(j *manifest.Job) { j.Target.Profile = "minio" }, errJobFile, "do not agree on the target"},
		"other roles": {func(j *manifest.Job) {
			j.Roles.Importer = []manifest.PublicKey{{PublicKey: make(ed25519.PublicKey, ed25519.PublicKeySize)}}
		}, errJobFile, "do not agree on the roles"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			devices := []*importDevice{jobDevice(2, test.change), jobDevice(1, nil)}
			rep := &importAllReport{}
			err := rep.agree(devices, nil)
			if !errors.Is(err, test.want) || err != nil && !strings.Contains(err.Error(), test.words) {
				t.Fatalf("%v, want %v with %q", err, test.want, test.words)
			}
			if err == nil && (devices[0].ID != manifest.ID{1} || rep.Target != "s3://bucket/in/" || len(rep.Missing) > 0) {
				t.Errorf("%v first, %+v", devices[0].ID, rep)
			}
		})
	}
}

// TestAgreeCountsEverySerial: a device that only a later job file names is of the job.
func TestAgreeCountsEverySerial(t *testing.T) {
	later := func(j *manifest.Job) {
		j.Serial, j.Devices = 2, append(j.Devices, manifest.JobDevice{ID: manifest.ID{3}})
	}
	devices := func() []*importDevice { return []*importDevice{jobDevice(1, nil), jobDevice(2, later)} }
	if err := (&importAllReport{}).agree(devices(), nil); !errors.Is(err, errMissing) || !strings.Contains(err.Error(), "03") {
		t.Errorf("a device of the second serial is missing: %v", err)
	}
	if err := (&importAllReport{}).agree(devices(), []string{manifest.ID{3}.String()}); err != nil {
		t.Errorf("it may be missing: %v", err)
	}
}
