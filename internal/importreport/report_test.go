package importreport

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/testlimit"
	"github.com/sledge-io/sledge/manifest"
)

func read(t testing.TB, folder fs.FS) *Device {
	t.Helper()
	d, err := Read(t.Context(), folder, Options{Name: "state", Importer: public()})
	must(t, err)
	return d
}

func reportOf(t testing.TB, devices ...*Device) *Report {
	t.Helper()
	r, err := New(devices...)
	must(t, err)
	return r
}

func TestCounts(t *testing.T) {
	run := troubledRun()
	// A continuation record is a line, and no entry.
	r := &manifest.Record{Kind: manifest.KindDir, Path: "z", Mode: 0o755}
	for _, name := range []string{"user.a", "user.b"} {
		r.Xattrs = append(r.Xattrs, manifest.Xattr{Name: name, Value: bytes.Repeat([]byte("v"), 50000)})
	}
	raws, err := r.Encode()
	must(t, err)
	for i, raw := range raws {
		l := line(entry.OutcomeStored, "z/", 0)
		if i > 0 {
			l = line(entry.OutcomeNoObject, "z/", 0)
		}
		l.Record = raw
		run.lines = append(run.lines, l)
	}
	d := read(t, run.folder(t))
	if len(raws) < 2 || len(d.Findings) > 0 || !d.Signed.Verified || !d.Signed.ListFits {
		t.Fatalf("%d records, findings %q, signed %+v", len(raws), d.Findings, d.Signed)
	}
	want := []uint64{445, 56, 3, 1102}
	for i, s := range d.Sections {
		if s.Entries != want[i] {
			t.Errorf("%s: %d entries, want %d", s.Name, s.Entries, want[i])
		}
	}
	codes := d.Sections[3].Codes
	if len(codes) != 3 || codes[0].Code != target.CodeRefused || codes[0].Count != 1100 || codes[0].Class != "fatal for this object" || codes[0].Remedy == "" {
		t.Errorf("codes %+v", codes)
	}
	if len(d.Bad) != MaxBad || d.BadMore != 102 || d.Bad[0].Remedy == "" || d.Bad[0].Cause == "" {
		t.Errorf("%d bad, %d more, first %+v", len(d.Bad), d.BadMore, d.Bad[0])
	}
	if d.Complete || d.State != request.StateErrors || len(d.Differences) != 1 || d.Retries != 1200 || d.Throttled != 900 {
		t.Errorf("complete %v, %s, %q, %d retries, %d throttled", d.Complete, d.State, d.Differences, d.Retries, d.Throttled)
	}
	if v := d.Verdict(); v.Kind != "bad" || !strings.Contains(v.Text, "1,101 entries failed; 1 entry is in conflict") {
		t.Errorf("verdict %+v", v)
	}
}

func TestSizes(t *testing.T) {
	var s sizes
	for _, n := range []int64{0, 1, 1023, 1024, 4095, 4096, 16384, 1 << 20, maxObject} {
		s.add(n)
	}
	buckets := s.buckets()
	sum := uint64(0)
	for i, b := range buckets {
		sum += b.Count
		if i > 0 && b.From != buckets[i-1].To {
			t.Errorf("bucket %+v does not follow %+v", b, buckets[i-1])
		}
	}
	if sum != 9 || buckets[2].Count != 2 || buckets[2].Label() != "1 KiB to 4 KiB" || buckets[1].Label() != "under 1 KiB" || buckets[1].Count != 2 {
		t.Errorf("%d of 9 sizes: %+v", sum, buckets)
	}
	if last := buckets[len(buckets)-1]; last.From > maxObject || last.To <= maxObject {
		t.Errorf("last bucket %+v", last)
	}
	if b := (&sizes{}).buckets(); len(b) != 0 {
		t.Errorf("of nothing: %+v", b)
	}
}

// TestTimes: states, silence after a kill, the slow stretch, in a history of which
// the older half is thinned.
func TestTimes(t *testing.T) {
	d := read(t, troubledRun().folder(t))
	got := map[request.State]float64{}
	for _, s := range d.Times {
		got[s.State] = s.Seconds
	}
	want := map[request.State]float64{request.StateRunning: 3540, request.StateHalted: 600, request.StatePaused: 300, StateSilent: 2410}
	for state, seconds := range want {
		if got[state] != seconds {
			t.Errorf("%s: %v s, want %v (%v)", state, got[state], seconds, got)
		}
	}
	if len(d.Bands) != 3 || len(d.Slowest) == 0 || d.Slowest[0].OfUsual > 0.3 {
		t.Fatalf("bands %v, slowest %+v", d.Bands, d.Slowest)
	}
	if slow := d.Slowest[0].From.Sub(testStart); slow < 2400*time.Second || slow > 2660*time.Second {
		t.Errorf("the slowest stretch begins after %v", slow)
	}
	if len(d.Curve) != maxSteps {
		t.Errorf("%d steps", len(d.Curve))
	}
	var sum float64
	from, to := d.window()
	for _, r := range d.Curve {
		sum += r.Bytes * to.Sub(from).Seconds() / float64(len(d.Curve))
	}
	points := troubledRun().points
	if whole := float64(points[len(points)-1].Bytes); sum < 0.97*whole || sum > 1.01*whole {
		t.Errorf("the curve holds %.0f bytes, the history %.0f", sum, whole)
	}

	thinned := newWalk().run(request.StateRunning, 400, 1e6, 10).end(request.StateDone)
	var points2 []status.Point
	for i, p := range thinned {
		if i > 200 || i%16 == 0 {
			points2 = append(points2, p)
		}
	}
	d = read(t, aRun{lines: mixedLines(3), points: points2, state: request.StateDone}.folder(t))
	if len(d.Times) != 1 || d.Times[0].State != request.StateRunning {
		t.Errorf("thinned: %+v", d.Times)
	}
}

func TestHistoryRead(t *testing.T) {
	good := `{"at":"2026-11-02T08:00:0%dZ","state":"in progress","entries":%d,"bytes":5}` + "\n"
	for name, c := range map[string]struct {
		text        string
		points, bad int
		fails       bool
	}{
		"empty":          {"", 0, 0, false},
		"two":            {fmt.Sprintf(good, 1, 1) + fmt.Sprintf(good, 2, 2), 2, 0, false},
		"torn end":       {fmt.Sprintf(good, 1, 1) + `{"at":"2026-`, 1, 1, false},
		"clock put back": {fmt.Sprintf(good, 5, 1) + fmt.Sprintf(good, 2, 2) + fmt.Sprintf(good, 6, 3), 2, 1, false},
		"one moment":     {fmt.Sprintf(good, 5, 1) + fmt.Sprintf(good, 5, 2), 1, 0, false},
		"negative":       {`{"at":"2026-11-02T08:00:00Z","bytes":-1}` + "\n", 0, 1, false},
		"long line":      {strings.Repeat("x", maxHistoryLine+1), 0, 1, false},
		"zeros between":  {fmt.Sprintf(good, 1, 1) + strings.Repeat("\x00", 3*maxHistoryLine) + "\n" + fmt.Sprintf(good, 2, 2), 2, 1, false},
	} {
		points, bad, err := readHistory(strings.NewReader(c.text))
		if len(points) != c.points || bad != c.bad || (err != nil) != c.fails {
			t.Errorf("%s: %d points, %d bad, %v", name, len(points), bad, err)
		}
	}
}

func TestUnfinished(t *testing.T) {
	d := read(t, openRun().folder(t))
	v := d.Verdict()
	if d.Final || d.Signed != nil || d.Sum.Of != 906 || v.Kind != "warn" || !strings.HasPrefix(v.Head, "Not final: halted") {
		t.Errorf("final %v, of %d, verdict %+v", d.Final, d.Sum.Of, v)
	}
	var text strings.Builder
	reportOf(t, d).Text(&text)
	for _, want := range []string{"302 of 906", "credentials-refused: 403 ExpiredToken", "signed      nothing yet", "halted: fix needed"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the text has no %q:\n%s", want, &text)
		}
	}
	// Taken up again: the receipts of before are not those of now.
	again := cleanRun()
	folder := again.folder(t)
	again.attempt, again.unfinished, again.state = 2, true, request.StateRunning
	folder[status.Name] = again.folder(t)[status.Name]
	if d := read(t, folder); d.Final || len(d.Notes) != 1 || !strings.Contains(d.Notes[0], "earlier attempt") {
		t.Errorf("final %v, notes %q", d.Final, d.Notes)
	}
	again.unfinished = false
	for name, file := range again.folder(t) {
		folder[name] = file
	}
	if d := read(t, folder); !d.Final || d.Run != "run-1.2" || d.Signed.Receipts != "receipts-2" || len(d.Findings) > 0 {
		t.Errorf("second attempt: final %v, run %s, %+v", d.Final, d.Run, d.Signed)
	}
}

func TestEmpty(t *testing.T) {
	if _, err := Read(t.Context(), fstest.MapFS{}, Options{}); !errors.Is(err, ErrNothing) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("empty folder: %v", err)
	}
	d := read(t, aRun{state: request.StateDone}.folder(t))
	if v := d.Verdict(); v.Kind != "good" || d.Sum.Entries != 0 || len(d.Sizes) != 0 {
		t.Errorf("empty run: %+v, %+v", v, d.Sum)
	}
	var page strings.Builder
	must(t, reportOf(t, d).HTML(&page))
	// A folder that has only receipts, of an import before there was a status.
	folder := cleanRun().folder(t)
	delete(folder, status.Name)
	delete(folder, status.HistoryName)
	if d := read(t, folder); !d.Final || len(d.Notes) != 2 || d.Sum.Entries != 802 {
		t.Errorf("receipts alone: %+v", d.Notes)
	}
}

// TestUnreadableStatus: a status that a power cut has left empty, or half, keeps no report
// from the receipts. Where it was all there is, the error says so.
func TestUnreadableStatus(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "half": `{"version":1,"state":"comp`, "too long": strings.Repeat(" ", maxStatus+1)} {
		folder := cleanRun().folder(t)
		folder[status.Name] = &fstest.MapFile{Data: []byte(text)}
		d := read(t, folder)
		if !d.Final || d.Sum.Entries != 802 || len(d.Findings) > 0 || !strings.Contains(strings.Join(d.Notes, "\n"), "how the run went is not known: status.json") {
			t.Errorf("%s: final %v, notes %q, findings %q", name, d.Final, d.Notes, d.Findings)
		}
		alone := fstest.MapFS{status.Name: folder[status.Name]}
		if _, err := Read(t.Context(), alone, Options{}); !errors.Is(err, ErrNothing) || !errors.Is(err, manifest.ErrCorrupt) {
			t.Errorf("%s, alone: %v", name, err)
		}
	}
}

// TestInconsistent: what is altered after signing is found, or refused.
func TestInconsistent(t *testing.T) {
	other := manifest.Scope{Job: manifest.ID{9}, Device: testScope.Device, Generation: 1}
	for name, c := range map[string]struct {
		change func(fstest.MapFS)
		find   string // in the findings; "": an error
	}{
		"line altered": {func(f fstest.MapFS) { replace(f, "receipts/objects.list", `"outcome":"stored"`, `"outcome":"failed"`) }, "not what the checkpoint signs"},
		"line gone": {func(f fstest.MapFS) {
			_, rest, _ := bytes.Cut(f["receipts/objects.list"].Data, []byte("\n"))
			f["receipts/objects.list"].Data = rest
		}, "lines: objects.list comes to 801"},
		"cut off": {func(f fstest.MapFS) {
			b := f["receipts/objects.list"]
			b.Data = b.Data[:len(b.Data)-10]
		}, "line 802: unexpected EOF"},
		"unknown outcome": {func(f fstest.MapFS) { replace(f, "receipts/objects.list", `"outcome":"stored"`, `"outcome":"stolen"`) }, `outcome "stolen" is not known`},
		"status of another job": {func(f fstest.MapFS) {
			f[status.Name] = aRun{scope: other, unfinished: true}.folder(t)[status.Name]
		}, "of another job"},
		"checkpoint of another run": {func(f fstest.MapFS) {
			f["receipts/log/checkpoint"] = aRun{scope: other}.folder(t)["receipts/log/checkpoint"]
		}, ""},
		"total altered": {func(f fstest.MapFS) { replace(f, "receipts/total.dsse", `"sig":"`, `"sig":"AAAA`) }, ""},
		"newer status":  {func(f fstest.MapFS) { replace(f, status.Name, `"version":1`, `"version":2`) }, ""},
	} {
		folder := cleanRun().folder(t)
		c.change(folder)
		d, err := Read(t.Context(), folder, Options{Importer: public()})
		switch {
		case c.find == "" && err == nil:
			t.Errorf("%s: no error", name)
		case c.find != "" && (err != nil || !strings.Contains(strings.Join(d.Findings, "\n"), c.find) || d.Verdict().Kind != "bad" || !reportOf(t, d).Inconsistent()):
			t.Errorf("%s: %v, %+v", name, err, d)
		}
	}
}

func replace(f fstest.MapFS, name, from, to string) {
	f[name].Data = bytes.Replace(f[name].Data, []byte(from), []byte(to), 1)
}

func TestDevices(t *testing.T) {
	second := troubledRun()
	second.scope = manifest.Scope{Job: testScope.Job, Device: manifest.ID{7}, Generation: 1}
	a, b := read(t, cleanRun().folder(t)), read(t, second.folder(t))
	r := reportOf(t, a, b)
	if r.Total.Entries != a.Sum.Entries+b.Sum.Entries || r.Total.Bad() != 1102 || !r.Final || r.Done || r.Verdict().Kind != "bad" {
		t.Errorf("total %+v, verdict %+v", r.Total, r.Verdict())
	}
	var page strings.Builder
	must(t, r.HTML(&page))
	if !strings.Contains(page.String(), `id="device-2"`) || !strings.Contains(page.String(), "Devices of the job") {
		t.Error("the page lacks its second device or the sum")
	}
	if _, err := New(a, a); err == nil {
		t.Error("one run twice is taken for two")
	}
	other := cleanRun()
	other.scope = manifest.Scope{Job: manifest.ID{8}, Device: manifest.ID{7}, Generation: 1}
	if _, err := New(a, read(t, other.folder(t))); !errors.Is(err, ErrJobs) {
		t.Errorf("two jobs: %v", err)
	}
}

// TestPageSafe: whatever names say, the page has the project's own elements only,
// fetches nothing, and shows no character that cannot be seen.
func TestPageSafe(t *testing.T) {
	var page strings.Builder
	d := read(t, hostileRun().folder(t))
	must(t, reportOf(t, d).HTML(&page))
	html := page.String()
	for _, bad := range []string{"<script", "<img", "onerror=alert(1)>", "<svg onload", "src=", "http://", "url(", "@import", "ZgotmplZ", "\u202e", "\u2066", "\u200b", "\x00", "\x1b", "\u009b", "\u2028"} {
		if bad == "src=" {
			bad = " src=\""
		}
		if i := strings.Index(html, bad); i >= 0 {
			t.Errorf("the page holds %q: …%q…", bad, html[max(0, i-80):min(len(html), i+80)])
		}
	}
	for _, want := range []string{`<span class="esc">\u202e</span>`, "&lt;script&gt;", "default-src &#39;none&#39;", `<html lang="en">`, "<desc", `scope="col"`, "prefers-color-scheme: dark", "and 2,334 more"} {
		if !strings.Contains(strings.ToLower(html), strings.ToLower(want)) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Count(html, "style=\"") > 0 {
		t.Error("a style attribute, which the page's policy forbids")
	}
}

func TestVisible(t *testing.T) {
	for name, want := range map[string]string{
		"plain é 長": "plain é 長", "a\u202eb": `a\u202eb`, "\xff\n\x1b": `\xff\n\x1b`, "\ufffd": `\ufffd`, "\u00a0": `\u00a0`,
		"e\u0301": "e\u0301", "z" + strings.Repeat("\u0301", 6): "z" + strings.Repeat("\u0301", 4) + `\u0301\u0301`,
		strings.Repeat("x", maxShown+5): strings.Repeat("x", maxShown) + "… and 5 bytes more",
	} {
		if got := visible(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
}

// uncell takes back what terminal.Cell did.
func uncell(s string) (string, error) {
	s = strings.TrimPrefix(s, "'")
	if strings.HasPrefix(s, `"`) {
		return strconv.Unquote(s)
	}
	return s, nil
}

// TestCSV: every entry is a line, no cell is a formula or spans lines, and each
// name can be had back, byte for byte.
func TestCSV(t *testing.T) {
	run := hostileRun()
	folder := run.folder(t)
	d := read(t, folder)
	var out bytes.Buffer
	table, err := NewCSV(&out)
	must(t, err)
	must(t, Entries(t.Context(), bytes.NewReader(folder["receipts/objects.list"].Data), func(e *Entry) error { return table.Write(d, e) }))
	must(t, table.Flush())
	if n := strings.Count(out.String(), "\r\n"); n != 10001 || strings.Count(out.String(), "\n") != n {
		t.Fatalf("%d lines", n)
	}
	rows, err := csv.NewReader(&out).ReadAll()
	must(t, err)
	if !slices.Equal(rows[0], csvHeader) {
		t.Errorf("header %q", rows[0])
	}
	paths := 0
	for i, row := range rows[1:] {
		for _, c := range row {
			if first, _ := utf8.DecodeRuneInString(strings.TrimLeft(c, " ")); c != "" && strings.ContainsRune("=+-@＝＋－＠", first) || strings.ContainsAny(c, "\r\n\t\x1b\u202e;") {
				t.Fatalf("line %d: cell %q", i+2, c)
			}
		}
		key, err := uncell(row[1])
		want, _ := receipt.ParseLine(lineAt(folder, i))
		if err != nil || key != want.Key {
			t.Fatalf("line %d: key %q, %v, want %q", i+2, key, err, want.Key)
		}
		path, err := uncell(row[10])
		_, exact, _, _ := manifest.PeekRecord(want.Record)
		if err != nil || path != exact {
			t.Fatalf("line %d: path %q, %v, want %q", i+2, path, err, exact)
		}
		if strings.Contains(path, "\xff") {
			paths++
		}
	}
	if paths == 0 {
		t.Error("no path that is not UTF-8 was among them")
	}
}

var listLines [][]byte

func lineAt(folder fstest.MapFS, i int) []byte {
	if i == 0 {
		listLines = bytes.SplitAfter(folder["receipts/objects.list"].Data, []byte("\n"))
	}
	return listLines[i]
}

// endless repeats one line n times, and looks at the live heap on the way.
type endless struct {
	line       []byte
	left, size int
	rest       []byte
	heap       []uint64
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.rest) == 0 {
		if e.left == 0 {
			return 0, io.EOF
		}
		if e.left == e.size*9/10 || e.left == e.size/10 {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			e.heap = append(e.heap, m.HeapAlloc)
		}
		e.left--
		e.rest = e.line
	}
	n := copy(p, e.rest)
	e.rest = e.rest[n:]
	return n, nil
}

// TestMillion: a list of 10^6 failed entries leaves no more behind than one of
// 10^5, and costs a bounded number of bytes a line on the way.
func TestMillion(t *testing.T) {
	run := aRun{lines: []receipt.Line{failed(target.CodeRefused, "some/folder/with/a/name", "400 InvalidRequest")}}
	const n = 1e6
	list := &endless{line: run.folder(t)["receipts/objects.list"].Data, left: n, size: n}
	end := testlimit.Alloc(t, n*4096)
	sum := newTally()
	must(t, sum.read(context.Background(), list))
	end()
	if sum.records != n || sum.sum.Bad() != n || len(sum.bad) != MaxBad {
		t.Errorf("%d lines, %d bad, %d named", sum.records, sum.sum.Bad(), len(sum.bad))
	}
	if len(list.heap) != 2 || list.heap[1] > list.heap[0]+1<<20 {
		t.Errorf("live heap %d after a tenth and nine tenths", list.heap)
	}
}

// TestTimesOfEveryState: time in a state in which a run can be is in the sum.
func TestTimesOfEveryState(t *testing.T) {
	states := []request.State{request.StateRunning, request.StatePaused, request.StateAsleep, request.StateHalted, request.StateStopped, StateSilent}
	var spans []span
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, state := range states {
		spans = append(spans, span{state: state, from: at, to: at.Add(time.Minute)})
		at = at.Add(time.Minute)
	}
	times := timesOf(spans)
	for _, state := range states {
		if !slices.Contains(times, StateTime{state, 60}) {
			t.Errorf("%s is not in %v", state, times)
		}
	}
}

// TestDeviceCountsOnce: of two runs of a device the later one is in the sums and in the verdict,
// in whatever order they are named, and the report claims nothing of devices that it has not.
func TestDeviceCountsOnce(t *testing.T) {
	second := cleanRun()
	second.scope = testScope
	second.scope.Device[0] ^= 1
	for _, flip := range []bool{false, true} {
		first, other := read(t, troubledRun().folder(t)), read(t, second.folder(t))
		later := read(t, cleanRun().folder(t))
		later.Run, later.Folder, later.Began = "run-2", "state/runs/run-2", first.Began.Add(time.Hour)
		devices := []*Device{first, later, other}
		if flip {
			slices.Reverse(devices)
		}
		r := reportOf(t, devices...)
		if v := r.Verdict(); r.Total.Entries != later.Sum.Entries+other.Sum.Entries || !first.Earlier || later.Earlier || !r.Done ||
			v.Kind != "good" || !strings.HasPrefix(v.Text, "2 of the 2 devices in this report") || !strings.Contains(v.Text, "the job may have more") {
			t.Errorf("%+v, %d entries, done %v", v, r.Total.Entries, r.Done)
		}
	}
}
