package importreport

import (
	"bytes"
	"cmp"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/manifest"
)

// Names in a run's folder, and limits.
const (
	receiptsName = "receipts"
	listName     = "objects.list"
	totalName    = "total.dsse"
	runsName     = "runs"
	maxStatus    = 1 << 20
)

// ErrNothing: no import has left anything in the folder.
var ErrNothing = errors.New("no import has left a status or receipts here")

// ErrNoReceipts: the run has not ended, so nothing is known object by object.
var ErrNoReceipts = errors.New("the run has no receipts")

// Options of Read.
type Options struct {
	Name     string              // of the folder, for the report
	Importer []ed25519.PublicKey // keys under which the receipts must be signed; none: the signature is not judged
	Progress func(lines uint64)  // called now and then while the list is read
	State    fs.FS               // the state folder that the run's folder lies in; nil: it is the same
	In       string              // with State: the run's folder in it

	Presence func(*status.Status) Presence // of its process now; nil: nobody knows, and its last word is believed
}

// Read makes the account of one run from its folder: a state folder, or runs/ID in
// one. What is inconsistent becomes a finding; an error is what cannot be read.
func Read(ctx context.Context, folder fs.FS, o Options) (*Device, error) {
	status, noStatus := readStatus(folder)
	if errors.Is(noStatus, manifest.ErrUnsupportedVersion) {
		return nil, noStatus
	}
	receipts, err := Receipts(folder)
	if err != nil && !errors.Is(err, ErrNoReceipts) {
		return nil, err
	}
	if status == nil && receipts == "" {
		return nil, fmt.Errorf("%s: %w: %w", o.Name, ErrNothing, cmp.Or(noStatus, fs.ErrNotExist))
	}
	d := &Device{Folder: o.Name, Sum: newSum(), Findings: []string{}, Notes: []string{}, Differences: []string{}, Bad: []Object{}, Older: []Object{}, Largest: []Object{}, Sizes: []Bucket{}}
	if status != nil && (status.Attempt <= 1 && receipts != "" || receipts == attemptFolder(status.Attempt)) || status == nil {
		if err := d.readReceipts(ctx, folder, receipts, o); err != nil {
			return nil, err
		}
	}
	d.takeStatus(status, noStatus, receipts)
	d.takePresence(status, o)
	if d.Canceled, err = canceled(folder, status, d.Run); err != nil {
		return nil, err
	}
	d.noteMark(folder, receipts)
	if d.Canceled != nil {
		d.State, d.Complete, d.Halt, d.ETA = request.StateCanceled, false, nil, 0
	}
	if err := d.readHistory(folder); err != nil {
		return nil, err
	}
	if o.State == nil {
		o.State, o.In = folder, "."
	}
	d.noteRuns(o.State, o.In)
	return d, nil
}

func attemptFolder(attempt int) string {
	if attempt <= 1 {
		return receiptsName
	}
	return fmt.Sprintf("%s-%d", receiptsName, attempt)
}

// Receipts names the folder of a run's newest whole receipts. total.dsse is
// written last: without it they are not whole.
func Receipts(folder fs.FS) (string, error) {
	entries, err := fs.ReadDir(folder, ".")
	if err != nil {
		return "", err
	}
	newest := 0
	for _, e := range entries {
		n := 1
		if e.Name() != receiptsName {
			rest, ok := strings.CutPrefix(e.Name(), receiptsName+"-")
			if n, err = strconv.Atoi(rest); !ok || err != nil || attemptFolder(n) != e.Name() {
				continue
			}
		}
		if _, err := fs.Stat(folder, e.Name()+"/"+totalName); err == nil {
			newest = max(newest, n)
		}
	}
	if newest == 0 {
		return "", ErrNoReceipts
	}
	return attemptFolder(newest), nil
}

func readStatus(folder fs.FS) (*status.Status, error) {
	b, err := readFile(folder, status.Name, maxStatus)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var version struct{ Version int }
	if err := json.Unmarshal(b, &version); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", status.Name, manifest.ErrCorrupt, err)
	}
	if version.Version > status.Version {
		return nil, fmt.Errorf("%s of version %d: %w", status.Name, version.Version, manifest.ErrUnsupportedVersion)
	}
	var s status.Status
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", status.Name, manifest.ErrCorrupt, err)
	}
	return &s, nil
}

// readFile reads a small file whole.
func readFile(folder fs.FS, name string, limit int64) ([]byte, error) {
	f, err := folder.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%s: %w: longer than %s", name, manifest.ErrCorrupt, Bytes(limit))
	}
	return b, err
}

// readReceipts takes the signed facts and the list.
func (d *Device) readReceipts(ctx context.Context, folder fs.FS, name string, o Options) error {
	signed, total, err := readSigned(folder, name, o.Importer)
	if err != nil {
		return err
	}
	list, err := folder.Open(name + "/" + listName)
	if err != nil {
		return err
	}
	defer list.Close()
	t := newTally()
	in := &meter{Reader: list, tell: func() { o.tell(t.records) }}
	if err := t.read(ctx, in); err != nil {
		if ctx.Err() != nil {
			return err
		}
		d.Findings = append(d.Findings, err.Error())
	}
	d.Final, d.Signed = true, signed
	d.takeTotal(total)
	d.Findings = append(d.Findings, signed.compare(t, total)...)
	d.Sum, d.Sections, d.Sizes = t.sum, t.counts.sections(), t.sizes.buckets()
	d.Sum.Of, d.Sum.OfBytes = total.Entries, 0
	d.Largest, d.Bad = append(d.Largest, t.largest...), append(d.Bad, t.bad...)
	d.BadMore = t.sum.Bad() - uint64(len(t.bad))
	d.Older, d.OlderMore = append(d.Older, t.older...), t.sum.Remarks-uint64(len(t.older))
	return nil
}

func (o Options) tell(lines uint64) {
	if o.Progress != nil {
		o.Progress(lines)
	}
}

// meter calls tell at every piece that is read.
type meter struct {
	io.Reader
	tell func()
}

func (m *meter) Read(p []byte) (int, error) {
	m.tell()
	return m.Reader.Read(p)
}

func (d *Device) takeTotal(t *receipt.Total) {
	d.Job, d.Device, d.Generation, d.Run = t.Job, t.Device, t.Generation, t.Run
	d.Target, d.Endpoint, d.Profile, d.Software = t.Target, t.Endpoint, t.Profile, t.Software
	d.Began, d.Ended, d.Complete = t.Started, t.Finished, t.Complete
	d.Differences = append(d.Differences, t.Differences...)
	d.State = request.StateErrors
	if t.Complete {
		d.State = request.StateDone
	}
}

// takeStatus adds the run's own word. Where there are receipts it says no more
// than how the run went. One that cannot be read (it is not synced, and may be empty
// after a power cut) is as none, with its error.
func (d *Device) takeStatus(s *status.Status, unreadable error, receipts string) {
	d.Met = []CodeCount{}
	switch {
	case unreadable != nil:
		d.note("how the run went is not known: %v", unreadable)
		return
	case s == nil:
		d.note("the folder has no %s: how the run went is not known", status.Name)
		return
	}
	if d.Final && (s.Job != d.Job || s.Device != d.Device || s.Generation != d.Generation) {
		d.Findings = append(d.Findings, fmt.Sprintf("%s is of another job or device than the receipts", status.Name))
		return
	}
	d.Host, d.Updated, d.Met, d.Retries = s.Host, s.Updated, codeCounts(s.Problems), s.Progress.Retries
	if d.Final {
		d.takeChanged(s)
		return
	}
	if d.resumed = receipts != ""; d.resumed {
		d.note("%s are of an earlier attempt of this run, which was taken up again; they are not in this report", receipts)
	}
	d.Job, d.Device, d.Generation, d.Run = s.Job, s.Device, s.Generation, s.Run
	d.Target, d.Endpoint, d.Profile = s.Target, s.Endpoint, s.Profile
	d.State, d.Halt, d.over, d.Began, d.ETA = s.State, s.Halt, s.Ended, s.Started, s.ETASeconds
	d.takeProgress(s)
}

func (d *Device) takeProgress(s *status.Status) {
	for outcome, n := range s.Outcomes {
		d.Sum.Outcomes[outcome] = n
		d.Sum.Entries += n
	}
	for proof, n := range s.Proofs {
		d.Sum.Proofs[proof] = n
	}
	d.Sum.Of, d.Sum.OfBytes = s.Progress.TotalEntries, s.Progress.TotalBytes
	d.Sum.Objects, d.Sum.Bytes, d.Sum.Remarks = s.Progress.Objects, s.Progress.Bytes, s.Remarks
	c := &counts{outcomes: s.Outcomes}
	d.Sections = c.sections()
}

func (d *Device) note(format string, args ...any) {
	d.Notes = append(d.Notes, fmt.Sprintf(format, args...))
}

func (d *Device) readHistory(folder fs.FS) error {
	d.Times, d.Bands, d.Curve, d.Slowest = []StateTime{}, []Band{}, []Rate{}, []Stretch{}
	d.Decisions, d.Limits = []request.Decision{}, []LimitTime{}
	b, err := readFile(folder, status.HistoryName, maxHistory)
	if errors.Is(err, fs.ErrNotExist) {
		d.note("the folder has no %s: there is no curve", status.HistoryName)
		return nil
	}
	if err != nil {
		return err
	}
	points, bad, err := readHistory(bytes.NewReader(b))
	if err != nil {
		d.note("%v; what comes after is not in the curve", err)
	}
	if bad > 0 {
		d.note("%s: %s cannot be read and are left out of the curve", status.HistoryName, plural(bad, "line", "lines"))
	}
	d.takePoints(points)
	return nil
}

func (d *Device) takePoints(points []status.Point) {
	for _, p := range points {
		d.Throttled = max(d.Throttled, p.Throttle)
		d.Retries = max(d.Retries, p.Retries)
	}
	updated := d.Updated
	if d.Final && d.Ended.Before(updated) {
		updated = time.Time{} // the run had ended: nothing went on until then
	}
	spans := spansOf(points, updated)
	d.Times, d.Bands, d.Curve, d.Slowest = timesOf(spans), bandsOf(spans), curveOf(spans), slowestOf(spans)
	list := decisionsOf(points)
	markRequests(d.Curve, list)
	d.Decisions, d.Limits = fewer(list), limitTimesOf(spans, list)
}
