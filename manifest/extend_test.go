package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/sledge-io/sledge/crypto"
)

// TestExtends: of a later job file everything but serial and expiry is compared, also
// what this version does not know.
func TestExtends(t *testing.T) {
	sign := func(change func(j *Job)) []byte {
		j := testJob(t)
		change(j)
		file, err := j.Sign(signerKey)
		must(t, err)
		return file
	}
	// with adds names to a predicate, as a later version would.
	with := func(file []byte, names map[string]any) []byte {
		_, payload, _, err := crypto.PeekDSSE(file)
		must(t, err)
		var st Statement
		must(t, json.Unmarshal(payload, &st))
		var p map[string]any
		d := json.NewDecoder(bytes.NewReader(st.Predicate))
		d.UseNumber()
		must(t, d.Decode(&p))
		for name, v := range names {
			p[name] = v
		}
		out, err := SignStatement(PredicateJob, st.Subject, p, signerKey)
		must(t, err)
		return out
	}
	old := testJobFile(t)
	later, err := testJob(t).Extended(9, time.Unix(1_900_000_000, 5)).Sign(signerKey)
	must(t, err)
	if job, err := OpenJob(later, pub(signerKey)); err != nil || job.Serial != 10 || !job.Expires.Equal(time.Unix(1_900_000_000, 0)) {
		t.Errorf("extended: %+v, %v", job, err)
	}
	unknown := map[string]any{"later": map[string]any{"n": json.Number("12345678901234567890")}}
	good := map[string][2][]byte{
		"later":           {old, later},
		"earlier expiry":  {old, sign(func(j *Job) { j.Serial, j.Expires = 8, j.Expires.Add(-time.Hour) })},
		"same expiry":     {old, sign(func(j *Job) { j.Serial = 8 })},
		"unknown, equal":  {with(old, unknown), with(later, unknown)},
		"another writing": {with(old, nil), later}, // names in another order
	}
	for name, files := range good {
		if err := Extends(files[0], files[1]); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := map[string][2][]byte{
		"the same file":   {old, old},
		"lower serial":    {later, old},
		"another job":     {old, sign(func(j *Job) { j.Serial, j.ID = 8, ID{9} })},
		"target":          {old, sign(func(j *Job) { j.Serial, j.Target.URL = 8, "s3://other/" })},
		"recipients":      {old, sign(func(j *Job) { j.Serial, j.Recipients = 8, append(j.Recipients, j.Recipients...) })},
		"verifier":        {old, sign(func(j *Job) { j.Serial, j.Unlock.Verifier = 8, bytes.Repeat([]byte{1}, 32) })},
		"policy":          {old, sign(func(j *Job) { j.Serial, j.Policy.PackSeconds = 8, 31 })},
		"created":         {old, sign(func(j *Job) { j.Serial, j.Created = 8, j.Created.Add(time.Second) })},
		"unknown, added":  {old, with(later, unknown)},
		"unknown, gone":   {with(old, unknown), later},
		"unknown, differ": {with(old, unknown), with(later, map[string]any{"later": map[string]any{"n": json.Number("12345678901234567891")}})},
		"critical":        {old, with(later, map[string]any{"critical": []string{"policy"}})},
		"not a job":       {old, []byte("{}")},
		"no job before":   {[]byte("{}"), later},
	}
	for name, files := range bad {
		err := Extends(files[0], files[1])
		if err == nil || !errors.Is(err, ErrNotExtended) && !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
