package delivery

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/manifest"
)

// TestAgree: job files of several serials count together; another job, target or role does not
// belong here.
func TestAgree(t *testing.T) {
	of := func(device byte, change func(*manifest.Job)) Sealed {
		job := &manifest.Job{ID: manifest.ID{9}, Serial: 1, Target: manifest.JobTarget{URL: "s3://bucket/in/", Profile: "generic"},
			Devices: []manifest.JobDevice{{ID: manifest.ID{1}}, {ID: manifest.ID{2}}}}
		if change != nil {
			change(job)
		}
		return Sealed{manifest.ID{device}, job}
	}
	pinned, err := Agree([]Sealed{of(2, nil), of(1, func(j *manifest.Job) {
		j.Serial, j.Devices = 2, append(j.Devices, manifest.JobDevice{ID: manifest.ID{3}})
	})})
	if err != nil || !slices.Equal(pinned, []manifest.ID{{1}, {2}, {3}}) {
		t.Errorf("%v, %v", pinned, err)
	}
	for name, c := range map[string]struct {
		change func(*manifest.Job)
		want   error
		says   string
	}{
		"job":    {func(j *manifest.Job) { j.ID = manifest.ID{8} }, ErrOtherJob, "of job 08"},
		"target": {func(j *manifest.Job) { j.Target.Profile = "minio" }, ErrJobFile, "do not agree on the target"},
		"roles":  {func(j *manifest.Job) { j.Roles.Importer = []manifest.PublicKey{{}} }, ErrJobFile, "do not agree on the roles"},
	} {
		var hinted *advice.Hinted
		if _, err := Agree([]Sealed{of(1, nil), of(2, c.change)}); !errors.Is(err, c.want) || !errors.As(err, &hinted) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if pinned, err := Agree(nil); err != nil || pinned != nil {
		t.Errorf("of nothing: %v, %v", pinned, err)
	}
}

// TestMissing: what is allowed to be missing is named all the same, and a name that is not
// missing is a mistake.
func TestMissing(t *testing.T) {
	pinned, one, three := []manifest.ID{{1}, {2}, {3}}, manifest.ID{1}.String(), manifest.ID{3}.String()
	missing, err := Missing(pinned, []manifest.ID{{2}, {1}}, []string{three})
	if err != nil || !slices.Equal(missing, []string{three}) {
		t.Errorf("%v, %v", missing, err)
	}
	if missing, err = Missing(pinned, []manifest.ID{{2}}, []string{three}); !errors.Is(err, ErrMissing) || strings.Contains(err.Error(), three) || !slices.Equal(missing, []string{one, three}) {
		t.Errorf("%v, %v", missing, err)
	}
	var usage *advice.UsageError
	if _, err = Missing(pinned, pinned, []string{three}); !errors.As(err, &usage) {
		t.Error(err)
	}
}

// TestAbsent: each device of the job that is not here is named once, in the job's order.
func TestAbsent(t *testing.T) {
	if got := Absent([]string{"c", "a", "b", "c", "a"}, []string{"b", "x"}); !slices.Equal(got, []string{"c", "a"}) {
		t.Errorf("%q", got)
	}
	if got := Absent([]string{"a"}, []string{"a"}); got == nil || len(got) != 0 {
		t.Errorf("%#v: a program is to read [] and not null", got)
	}
}
