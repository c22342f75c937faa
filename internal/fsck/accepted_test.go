package fsck

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sledge-io/sledge/internal/fsck/findings"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// conflicts makes of two entries of the generator what is not proven.
func conflicts(l map[string]any) {
	switch l["key"] {
	case "k2":
		l["outcome"], l["error"] = "conflict", "key-exists-conflict"
	case "k3":
		l["outcome"], l["error"] = "failed", "access-denied"
	}
}

// accept makes the acceptance of one receipts folder, with everything waived that
// is not proven, written from format.md and from nothing else.
func (d *testDevice) accept(t testing.TB, dir fstest.MapFS, change func(predicate, device map[string]any)) (kind string, subjects []any, predicate map[string]any) {
	t.Helper()
	cp, err := wire.ParseCheckpoint(dir["log/checkpoint"].Data)
	if err != nil {
		t.Fatal(err)
	}
	e, err := wire.ParseEnvelope(dir["total.dsse"].Data)
	if err != nil {
		t.Fatal(err)
	}
	var total struct{ Predicate map[string]any }
	if err := json.Unmarshal(e.Payload, &total); err != nil {
		t.Fatal(err)
	}
	device := map[string]any{"device": d.who.Device.String(), "generation": d.who.Generation, "label": "checked", "run": "run1",
		"receipt_size": cp.Size, "receipt_root": rootText(cp.Root[:]), "receipt_sha256": wire.Sha256Hex(cp.Raw), "differences": []string{}, "waived": d.waivers(t, dir)}
	for _, name := range []string{"manifest_size", "manifest_root", "outcomes", "proof", "bytes", "complete", "target", "endpoint"} {
		device[name] = total.Predicate[name]
	}
	predicate = map[string]any{"version": 1, "critical": []string{}, "job": d.who.Job.String(), "job_serial": 1, "job_sha256": wire.Sha256Hex(d.job),
		"job_file": d.job, "devices": []any{device}, "absent": []string{}, "accepted": "2026-11-23T12:00:00Z", "note": "seen", "software": "test"}
	if change != nil {
		change(predicate, device)
	}
	subject := func(name, sum string) any {
		return map[string]any{"name": name, "digest": map[string]any{"sha256": sum}}
	}
	return "acceptance", []any{subject("job.dsse", predicate["job_sha256"].(string)),
		subject("receipts/"+device["device"].(string), device["receipt_sha256"].(string))}, predicate
}

// waivers groups the lines that are not proven by outcome and error.
func (d *testDevice) waivers(t testing.TB, dir fstest.MapFS) []any {
	var keys []string
	lines := map[string][]int{}
	n := 0
	for text := range bytes.Lines(dir["objects.list"].Data) {
		var l struct{ Outcome, Error string }
		if err := json.Unmarshal(text[65:], &l); err != nil {
			t.Fatal(err)
		}
		if l.Outcome == "failed" || l.Outcome == "conflict" || l.Outcome == "skipped" {
			key := l.Outcome + " " + l.Error
			if lines[key] == nil {
				keys = append(keys, key)
			}
			lines[key] = append(lines[key], n)
		}
		n++
	}
	groups := []any{}
	for _, key := range keys {
		outcome, code, _ := strings.Cut(key, " ")
		groups = append(groups, map[string]any{"outcome": outcome, "error": code, "lines": lines[key]})
	}
	return groups
}

func signAcceptance(t testing.TB, key ed25519.PrivateKey, kind string, subjects []any, predicate map[string]any) []byte {
	return dsse(t, key, map[string]any{"_type": wire.StatementType, "predicateType": wire.PredicateBase + kind + "/v1", "subject": subjects, "predicate": predicate})
}

// secondDevice is the job file with one device more.
func (d *testDevice) secondDevice(t testing.TB) []byte { return d.changedJob(t, nil) }

// laterJob is the job file of the next serial, with one device more.
func laterJob(change func(p map[string]any)) func(*testing.T, *testDevice) {
	return func(t *testing.T, d *testDevice) {
		d.job = d.changedJob(t, func(p map[string]any) {
			p["serial"] = 2
			if change != nil {
				change(p)
			}
		})
	}
}

// acceptLater makes an acceptance one of the later job file, without its other device.
func acceptLater(p, _ map[string]any) {
	p["job_serial"], p["absent"] = 2, []string{lastDevice(p["job_file"].([]byte))}
}

func (d *testDevice) changedJob(t testing.TB, change func(p map[string]any)) []byte {
	e, err := wire.ParseEnvelope(d.job)
	if err != nil {
		t.Fatal(err)
	}
	var s map[string]any
	if err := json.Unmarshal(e.Payload, &s); err != nil {
		t.Fatal(err)
	}
	key := newKey(d.rng)
	name := wire.DeviceID(public(key)).String()
	p := s["predicate"].(map[string]any)
	p["devices"] = append(p["devices"].([]any), map[string]any{"id": name, "public_key": spkiText(key)})
	s["subject"] = append(s["subject"].([]any), map[string]any{"name": "device/" + name, "digest": map[string]any{"sha256": wire.Sha256Hex(wire.SpkiOf(public(key)))}})
	if change != nil {
		change(p)
	}
	return dsse(t, d.jobKey, s)
}

// madeAcceptance is an acceptance with what is given to the verifier beside it.
type madeAcceptance struct {
	d    *testDevice
	dir  fstest.MapFS
	file []byte
	o    *AcceptanceOptions
}

// waivedGroup is one list of waivers of an accepted device.
func waivedGroup(device map[string]any, i int) map[string]any {
	return device["waived"].([]any)[i].(map[string]any)
}

// acceptanceCase is an acceptance, or what lies beside it, with one thing done to it.
type acceptanceCase struct {
	name    string
	job     func(t *testing.T, d *testDevice)      // before anything is signed
	line    func(map[string]any)                   // of the receipts
	total   func(map[string]any)                   // of the receipts
	change  func(predicate, device map[string]any) // of the acceptance
	sign    func(d *testDevice) ed25519.PrivateKey // nil: the acceptor
	after   func(t *testing.T, m *madeAcceptance)  // what is given to the verifier
	class   string                                 // a finding that has to be there; "": none but notes
	verdict Verdict
}

var acceptanceCases = []acceptanceCase{
	{name: "all proven"},
	{name: "two waived", line: conflicts},
	{name: "without disks", line: conflicts, after: func(t *testing.T, m *madeAcceptance) { m.o.Disks, m.o.Labels = nil, nil }},
	{name: "without receipts", after: func(t *testing.T, m *madeAcceptance) { m.o.Receipts = nil }, class: "receipts-not-given"},
	{name: "not waived", line: conflicts, change: func(_, d map[string]any) { d["waived"] = []any{} }, class: "not-waived", verdict: VerdictRefused},
	{name: "waived as something else", line: conflicts, change: func(_, d map[string]any) { waivedGroup(d, 0)["outcome"] = "skipped" }, class: "not-waived", verdict: VerdictRefused},
	{name: "waived with another error", line: conflicts, change: func(_, d map[string]any) { waivedGroup(d, 0)["error"] = "other" }, class: "waiver-idle", verdict: VerdictRefused},
	{name: "waiver of what is proven", change: func(_, d map[string]any) {
		d["waived"] = []any{map[string]any{"outcome": "conflict", "lines": []int{0}}}
	}, class: "waiver-idle", verdict: VerdictRefused},
	{name: "waiver of another line", line: conflicts, change: func(_, d map[string]any) { waivedGroup(d, 0)["lines"] = []int{1} }, class: "waiver-idle", verdict: VerdictRefused},
	{name: "waivers out of order", line: conflicts, change: func(_, d map[string]any) { waivedGroup(d, 0)["lines"] = []int{2, 1} }, class: "acceptance-bad", verdict: VerdictRefused},
	{name: "waiver behind the end", line: conflicts, change: func(_, d map[string]any) { waivedGroup(d, 0)["lines"] = []int{99} }, class: "acceptance-bad", verdict: VerdictRefused},
	{name: "two lists of one kind", line: conflicts, change: func(_, d map[string]any) {
		d["waived"] = append(d["waived"].([]any), d["waived"].([]any)[0])
	}, class: "acceptance-bad", verdict: VerdictRefused},
	{name: "signed by the importer", sign: func(d *testDevice) ed25519.PrivateKey { return d.importerKey }, class: "acceptance-untrusted", verdict: VerdictRefused},
	{name: "job of another signer", after: func(t *testing.T, m *madeAcceptance) { m.o.Trust = &Trust{Key: public(m.d.importerKey)} }, class: "job-untrusted", verdict: VerdictRefused},
	{name: "another job file in it", change: func(p, _ map[string]any) { p["job_sha256"] = strings.Repeat("ab", 32) }, class: "acceptance-bad", verdict: VerdictRefused},
	{name: "another serial", change: func(p, _ map[string]any) { p["job_serial"] = 2 }, class: "acceptance-bad", verdict: VerdictRefused},
	{name: "newer version", change: func(p, _ map[string]any) { p["version"] = 2 }, class: "acceptance-bad", verdict: VerdictRefused},
	{name: "critical name", change: func(p, _ map[string]any) { p["critical"] = []string{"price"} }, class: "acceptance-bad", verdict: VerdictRefused},
	{name: "receipts changed later", after: func(t *testing.T, m *madeAcceptance) { m.dir["objects.list"].Data[200] ^= 1 }, class: "list-line-bad", verdict: VerdictRefused},
	{name: "receipts of another run of the device", after: func(t *testing.T, m *madeAcceptance) { m.o.Receipts[0].FS = m.d.receipts(t, nil, nil) }, class: "receipts-differ", verdict: VerdictRefused},
	{name: "receipts by nobody", after: func(t *testing.T, m *madeAcceptance) {
		m.dir["log/checkpoint"].Data = bytes.Replace(m.dir["log/checkpoint"].Data, []byte("— "), []byte("- "), 1)
	}, class: "receipt-untrusted", verdict: VerdictRefused},
	{name: "no folder of receipts", after: func(t *testing.T, m *madeAcceptance) { m.o.Receipts[0].FS = fstest.MapFS{} }, class: "receipt-checkpoint-bad", verdict: VerdictRefused},
	{name: "receipts twice", after: func(t *testing.T, m *madeAcceptance) {
		m.o.Receipts = append(m.o.Receipts, Receipts{"again", m.dir})
	}, class: "receipts-twice", verdict: VerdictRefused},
	{name: "receipts of another device", after: func(t *testing.T, m *madeAcceptance) {
		other := smallPlan()
		other.seed = 99
		m.o.Receipts[0].FS = makeDevice(t, other).receipts(t, nil, nil)
	}, class: "receipts-unknown", verdict: VerdictRefused},
	{name: "other checkpoint", change: func(_, d map[string]any) { d["receipt_sha256"] = strings.Repeat("ab", 32) }, class: "receipts-differ", verdict: VerdictRefused},
	{name: "other counts", change: func(_, d map[string]any) { d["outcomes"] = map[string]int{"stored": 1} }, class: "counts-differ", verdict: VerdictRefused},
	{name: "other manifest", change: func(_, d map[string]any) { d["manifest_size"] = 3 }, class: "manifest-differs", verdict: VerdictRefused},
	{name: "other manifest, without disks", change: func(_, d map[string]any) { d["manifest_size"] = 3 },
		after: func(t *testing.T, m *madeAcceptance) { m.o.Disks, m.o.Labels = nil, nil }, class: "total-bad", verdict: VerdictRefused},
	{name: "a difference that was not waived", total: func(p map[string]any) {
		p["complete"], p["differences"] = false, []string{"files: the manifest's totals say 3, its records 2"}
	}, class: "differences-differ", verdict: VerdictRefused},
	{name: "incomplete for no reason", total: func(p map[string]any) { p["complete"] = false }, class: "differences-differ", verdict: VerdictRefused},
	{name: "a waived difference", total: func(p map[string]any) { p["complete"], p["differences"] = false, []string{"files: 3, 2"} },
		change: func(_, d map[string]any) { d["differences"] = []string{"files: 3, 2"} }},
	{name: "receipts of another target", total: func(p map[string]any) { p["target"] = "s3://test/" },
		change: func(_, d map[string]any) { d["target"] = "s3://bucket/in/" }, class: "target-differs", verdict: VerdictRefused},
	{name: "receipts of another endpoint", change: func(_, d map[string]any) { d["endpoint"] = "" }, class: "target-differs", verdict: VerdictRefused},
	{name: "another target, waived", total: func(p map[string]any) { p["target"] = "s3://test/" }, class: "target-waived"},
	{name: "no target", change: func(_, d map[string]any) { delete(d, "target") }, class: "acceptance-bad", verdict: VerdictRefused},
	{name: "no label", change: func(_, d map[string]any) { d["label"] = "not given" }},
	{name: "an unknown word for the label", change: func(_, d map[string]any) { d["label"] = "lost" }, class: "acceptance-bad", verdict: VerdictRefused},
	{name: "a label of another state", after: func(t *testing.T, m *madeAcceptance) {
		m.o.Labels[0] = bytes.Replace(m.o.Labels[0], []byte("job-serial 1"), []byte("job-serial 2"), 1)
	}, class: "label-differs", verdict: VerdictRefused},
	{name: "a label of another state, without disks", after: func(t *testing.T, m *madeAcceptance) {
		m.o.Disks, m.o.Labels = nil, [][]byte{bytes.Replace(m.o.Labels[0], []byte("job-serial 1"), []byte("job-serial 2"), 1)}
	}, class: "label-differs", verdict: VerdictRefused},
	{name: "a label of another manifest, without disks", after: func(t *testing.T, m *madeAcceptance) {
		m.d.entries = m.d.entries[:len(m.d.entries)-1]
		m.d.writeLog(t)
		m.o.Disks, m.o.Labels = nil, [][]byte{m.d.label()}
	}, class: "label-differs", verdict: VerdictRefused},
	{name: "a label by nobody, without disks", after: func(t *testing.T, m *madeAcceptance) {
		m.d.deviceKey = m.d.importerKey
		m.d.writeLog(t)
		m.o.Disks, m.o.Labels = nil, [][]byte{m.d.label()}
	}, class: "label-differs", verdict: VerdictRefused},
	{name: "a label of another device", after: func(t *testing.T, m *madeAcceptance) {
		other := smallPlan()
		other.seed = 99
		m.o.Labels = append(m.o.Labels, makeDevice(t, other).label())
	}, class: "label-unknown", verdict: VerdictRefused},
	{name: "a label that is damaged", after: func(t *testing.T, m *madeAcceptance) {
		m.o.Disks, m.o.Labels = nil, [][]byte{[]byte("sledge label 1\n")}
	}, class: "label-bad", verdict: VerdictRefused},
	{name: "a label, without disks", after: func(t *testing.T, m *madeAcceptance) { m.o.Disks = nil }},
	{name: "a device passed over", job: func(t *testing.T, d *testDevice) { d.job = d.secondDevice(t) },
		after: func(t *testing.T, m *madeAcceptance) { m.o.Disks, m.o.Labels = nil, nil }, class: "device-unnamed", verdict: VerdictRefused},
	{name: "disks of another job file", job: func(t *testing.T, d *testDevice) { d.job = d.secondDevice(t) }, class: "job-differs", verdict: VerdictRefused},
	{name: "disks of an older job file", job: laterJob(nil), change: acceptLater, class: "job-older"},
	{name: "disks of an older job file, roles changed", job: laterJob(func(p map[string]any) {
		roles := p["roles"].(map[string]any)
		roles["importer"] = append(roles["importer"].([]any), roles["acceptor"].([]any)[0])
	}), change: acceptLater, class: "job-differs", verdict: VerdictRefused},
	{name: "disks of an older job file, target changed", job: laterJob(func(p map[string]any) {
		p["target"] = map[string]any{"url": "s3://elsewhere/", "profile": "generic"}
	}), change: acceptLater, class: "job-differs", verdict: VerdictRefused},
	{name: "disks of another job file of the serial", job: laterJob(func(p map[string]any) { p["serial"] = 1 }), change: func(p, d map[string]any) {
		acceptLater(p, d)
		p["job_serial"] = 1
	}, class: "job-differs", verdict: VerdictRefused},
	{name: "a device waived twice", change: func(p, _ map[string]any) {
		p["absent"] = []string{strings.Repeat("ab", 16), strings.Repeat("ab", 16)}
	}, class: "acceptance-bad", verdict: VerdictRefused},
	{name: "a device waived that the job does not name", change: func(p, _ map[string]any) {
		p["absent"] = []string{strings.Repeat("ab", 16)}
	}, class: "device-unknown", verdict: VerdictRefused},
	{name: "receipts of a device that the job does not name", change: func(_, d map[string]any) { d["device"] = strings.Repeat("ab", 16) }, class: "device-unknown", verdict: VerdictRefused},
	{name: "nothing left out", change: func(_, d map[string]any) { d["left_out"] = map[string]int{} }},
	{name: "left out as waived, and not by the list", change: func(_, d map[string]any) { d["left_out"] = map[string]int{"symlink": 2} }, class: "left-out-differs", verdict: VerdictRefused},
	{name: "other rules", change: func(_, d map[string]any) { d["left_out"], d["rules"] = map[string]int{}, "5feceb66" }, class: "left-out-differs", verdict: VerdictRefused},
	{name: "a device waived", job: func(t *testing.T, d *testDevice) { d.job = d.secondDevice(t) }, change: func(p, _ map[string]any) {
		p["absent"] = []string{lastDevice(p["job_file"].([]byte))}
	}, after: func(t *testing.T, m *madeAcceptance) { m.o.Disks, m.o.Labels = nil, nil }},
}

// lastDevice is the device that a job file names last.
func lastDevice(job []byte) string {
	e, err := wire.ParseEnvelope(job)
	if err != nil {
		return err.Error()
	}
	var s struct {
		Predicate struct{ Devices []struct{ ID string } }
	}
	if err := json.Unmarshal(e.Payload, &s); err != nil || len(s.Predicate.Devices) == 0 {
		return "none"
	}
	return s.Predicate.Devices[len(s.Predicate.Devices)-1].ID
}

func (c acceptanceCase) report(t *testing.T) *AcceptanceReport {
	t.Helper()
	p := smallPlan()
	p.records = 4
	d := makeDevice(t, p)
	o := d.options()
	dir := d.receipts(t, c.line, c.total)
	if c.job != nil {
		c.job(t, d)
	}
	kind, subjects, predicate := d.accept(t, dir, c.change)
	key := d.acceptorKey
	if c.sign != nil {
		key = c.sign(d)
	}
	m := &madeAcceptance{d, dir, signAcceptance(t, key, kind, subjects, predicate),
		&AcceptanceOptions{Options: o, Labels: [][]byte{o.Label}, Receipts: []Receipts{{"r", dir}}}}
	if c.after != nil {
		c.after(t, m)
	}
	r, err := VerifyAcceptance(context.Background(), m.file, *m.o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestAcceptance(t *testing.T) {
	for _, c := range acceptanceCases {
		t.Run(c.name, func(t *testing.T) { checkAcceptance(t, c.report(t), c.class, c.verdict) })
	}
}

func checkAcceptance(t *testing.T, r *AcceptanceReport, class string, verdict Verdict) {
	t.Helper()
	if r.Verdict != verdict || (r.Origin == OriginProven) != (verdict != VerdictRefused) {
		t.Errorf("verdict %v, origin %s: %+v", r.Verdict, r.Origin, r.Findings)
	}
	found := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Class == class })
	if class == "" {
		found = !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Severity > Note })
	}
	if !found {
		t.Errorf("no %q in %+v", class, r.Findings)
	}
}

// TestAcceptedLeftOut: what the importer's own rules left out is waived, kind by kind and as
// many as there are; what the job's policy leaves out was agreed.
func TestAcceptedLeftOut(t *testing.T) {
	for _, c := range []struct {
		name           string
		policy         map[string]bool
		waived, listed map[string]int64
		class          string
	}{
		{"by policy", map[string]bool{"symlink": true}, map[string]int64{}, map[string]int64{"symlink": 3}, ""},
		{"by rules", nil, map[string]int64{"symlink": 3, "hard link": 1}, map[string]int64{"symlink": 3, "hard link": 1}, ""},
		{"one more", nil, map[string]int64{"symlink": 3}, map[string]int64{"symlink": 4}, "left-out-differs"},
		{"another kind", nil, map[string]int64{"symlink": 3}, map[string]int64{"symlink": 3, "directory": 1}, "left-out-differs"},
		{"waived and not left out", nil, map[string]int64{"symlink": 3}, map[string]int64{}, "left-out-differs"},
		{"an older statement", nil, nil, map[string]int64{"symlink": 3}, "left-out"},
	} {
		check := &acceptanceCheck{f: findings.New(), job: &wire.JobFile{Leaves: c.policy}}
		check.compareLeftOut("r", &acceptedDevice{leftOut: c.waived}, &ReceiptReport{LeftOut: c.listed})
		rep := &Report{}
		check.f.Finish(rep)
		var classes []string
		for _, f := range rep.Findings {
			classes = append(classes, f.Class)
		}
		if got := strings.Join(classes, " "); got != c.class {
			t.Errorf("%s: %q, want %q", c.name, got, c.class)
		}
	}
}

// Every flipped byte of an acceptance is refused, but for the key id, which is a hint.
func TestAcceptanceFlipped(t *testing.T) {
	p := smallPlan()
	p.records = 4
	d := makeDevice(t, p)
	o := d.options()
	dir := d.receipts(t, conflicts, nil)
	kind, subjects, predicate := d.accept(t, dir, nil)
	file := signAcceptance(t, d.acceptorKey, kind, subjects, predicate)
	hint, end := bytes.Index(file, []byte(`"keyid"`)), bytes.Index(file, []byte(`"sig":`))
	for at := 0; at < len(file); at += 3 {
		if at >= hint && at < end {
			continue
		}
		bad := bytes.Clone(file)
		bad[at] ^= 1
		r, err := VerifyAcceptance(context.Background(), bad, AcceptanceOptions{Options: o})
		if err != nil {
			t.Fatal(err)
		}
		if r.Verdict != VerdictRefused {
			t.Errorf("byte %d, %.40q: %v", at, bad[at:], r.Verdict)
		}
	}
}

func TestAcceptanceReport(t *testing.T) {
	p := smallPlan()
	p.records = 4
	d := makeDevice(t, p)
	o := d.options()
	dir := d.receipts(t, conflicts, nil)
	kind, subjects, predicate := d.accept(t, dir, nil)
	file := signAcceptance(t, d.acceptorKey, kind, subjects, predicate)
	r, err := VerifyAcceptance(context.Background(), file, AcceptanceOptions{Options: o, Labels: [][]byte{o.Label}, Receipts: []Receipts{{"r", dir}}})
	if err != nil || len(r.Devices) != 1 {
		t.Fatalf("%v %+v", err, r)
	}
	got := r.Devices[0]
	want := []WaivedEntry{{2, "dir/0-0002", "conflict", "key-exists-conflict"}, {3, "dir/0-0003", "failed", "access-denied"}}
	if got.Waived != 2 || !slices.Equal(got.Entries, want) || got.Manifest != ManifestChecked || got.Receipts != "r" || got.Outcomes["conflict"] != 1 {
		t.Errorf("%+v", got)
	}
	if r.Acceptor != Fingerprint(public(d.acceptorKey)) || r.Note != "seen" || r.JobSerial != 1 || r.Accepted.Year() != 2026 {
		t.Errorf("%+v", r)
	}
}

func TestCommit(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(p map[string]any)
		sign   func(d *testDevice) ed25519.PrivateKey
		trust  func(d *testDevice) Trust
		good   bool
		newer  bool // made by a newer sledge, and not merely wrong
	}{
		{name: "good", good: true},
		{name: "no trust", trust: func(*testDevice) Trust { return Trust{} }, good: true},
		{name: "another signer", trust: func(d *testDevice) Trust { return Trust{Key: public(d.importerKey)} }},
		{name: "signed by the acceptor", sign: func(d *testDevice) ed25519.PrivateKey { return d.acceptorKey }},
		{name: "another job", change: func(p map[string]any) { p["job"] = strings.Repeat("ab", 16) }},
		{name: "another device", change: func(p map[string]any) { p["device"] = strings.Repeat("ab", 16) }},
		{name: "another job file", change: func(p map[string]any) { p["job_sha256"] = strings.Repeat("ab", 32) }},
		{name: "no job file", change: func(p map[string]any) { delete(p, "job_file") }},
		{name: "newer version", change: func(p map[string]any) { p["version"] = 2 }, newer: true},
		{name: "critical name", change: func(p map[string]any) { p["critical"] = []string{"more"} }, newer: true},
		{name: "short root", change: func(p map[string]any) { p["receipt_root"] = "AAAA" }},
		{name: "no count", change: func(p map[string]any) { delete(p, "objects") }},
		{name: "no time", change: func(p map[string]any) { p["finished"] = "today" }},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := makeDevice(t, smallPlan())
			dir := d.receipts(t, nil, nil)
			marker := d.commit(t, dir, c.change, c.sign)
			trust := Trust{Key: public(d.jobKey)}
			if c.trust != nil {
				trust = c.trust(d)
			}
			r, err := VerifyCommit(marker, trust)
			if (err == nil) != c.good || errors.Is(err, ErrVersion) != c.newer {
				t.Fatalf("%v", err)
			}
			if err != nil {
				return
			}
			if (r.Origin == OriginProven) != (c.trust == nil) || !r.Complete || r.Target != "s3://b/p/" || r.Importer != Fingerprint(public(d.importerKey)) {
				t.Errorf("%+v", r)
			}
			if err := r.CheckReceipts(dir); err != nil {
				t.Error(err)
			}
			if err := r.CheckReceipts(d.receipts(t, nil, nil)); err == nil {
				t.Error("receipts of another run are taken")
			}
		})
	}
}

// commit makes the commit marker of a receipts folder, from format.md.
func (d *testDevice) commit(t testing.TB, dir fstest.MapFS, change func(map[string]any), sign func(*testDevice) ed25519.PrivateKey) []byte {
	cp, err := wire.ParseCheckpoint(dir["log/checkpoint"].Data)
	if err != nil {
		t.Fatal(err)
	}
	p := map[string]any{"version": 1, "critical": []string{}, "job": d.who.Job.String(), "device": d.who.Device.String(), "generation": 1,
		"job_sha256": wire.Sha256Hex(d.job), "job_file": d.job, "run": "run1", "manifest_size": len(d.entries), "manifest_root": rootText(make([]byte, 32)),
		"receipt_size": cp.Size, "receipt_root": base64.StdEncoding.EncodeToString(cp.Root[:]), "target": "s3://b/p/", "objects": 7, "bytes": 100,
		"complete": true, "finished": "2026-11-23T12:00:00Z", "software": "test"}
	if change != nil {
		change(p)
	}
	key := d.importerKey
	if sign != nil {
		key = sign(d)
	}
	return dsse(t, key, inToto("commit", "checkpoint", wire.Sha256Hex(cp.Raw), p))
}

// What is of another kind is wrong; of another version of its kind it is newer.
func TestOtherStatements(t *testing.T) {
	d := makeDevice(t, smallPlan())
	for kind, want := range map[string]error{"commit/v2": ErrVersion, "commit/v1": nil, "acceptance/v1": wire.ErrMalformed, "other": wire.ErrMalformed} {
		e, err := wire.ParseEnvelope(dsse(t, d.importerKey, map[string]any{"_type": wire.StatementType, "predicateType": wire.PredicateBase + kind,
			"predicate": map[string]any{}, "subject": []any{}}))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Statement(wire.CommitPredicate); !errors.Is(err, want) {
			t.Errorf("%s: %v", kind, err)
		}
	}
	for text, want := range map[string]error{"c2sp.org/tlog-proof@v2\n": ErrVersion, "hello\n": wire.ErrMalformed, "": wire.ErrMalformed} {
		if _, err := VerifyProof([]byte(text), Trust{}); !errors.Is(err, want) {
			t.Errorf("proof %q: %v", text, err)
		}
	}
}
