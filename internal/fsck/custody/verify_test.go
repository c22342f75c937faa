package custody_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/custody/custodytest"
	"github.com/sledge-io/sledge/internal/custody/event"
	"github.com/sledge-io/sledge/internal/custody/log"
	"github.com/sledge-io/sledge/internal/fsck/custody"
	"github.com/sledge-io/sledge/internal/fsck/wire"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// folder copies a rig's log to a folder of the system.
func folder(t *testing.T, r *custodytest.Rig) string {
	t.Helper()
	dir := t.TempDir()
	err := vfs.Walk(r.FS, ".", vfs.Limits{}, func(name string, d os.DirEntry) error {
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(dir, name), 0o700)
		}
		b, err := vfs.ReadFile(r.FS, name, 1<<24)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(dir, name), b, 0o600)
	})
	r.Must(err)
	return dir
}

type attack struct {
	seen  [][]byte
	label []byte
	trust *wire.Trust
	job   []byte
}

func verify(t *testing.T, r *custodytest.Rig, dir string, a attack) *custody.Report {
	t.Helper()
	if a.trust == nil {
		a.trust = &wire.Trust{Key: r.Signer.Public().(ed25519.PublicKey)}
	}
	got, err := custody.Verify(custody.Input{Folder: os.DirFS(dir), Trust: a.trust, Seen: a.seen, Label: a.label, Job: a.job, Now: r.Now})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func says(t *testing.T, r *custody.Report, class custody.Class, words ...string) {
	t.Helper()
	for _, f := range r.Findings {
		if f.Class == class && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(f.Text, w) }) {
			return
		}
	}
	t.Errorf("no finding %s with %q in %+v", class, words, r.Findings)
}

// TestDay: a whole day holds, and only the missing independent checkpoint is said; with one,
// nothing is.
func TestDay(t *testing.T) {
	r := custodytest.New(t)
	r.Day()
	dir := folder(t, r)
	got := verify(t, r, dir, attack{})
	if got.Refused() != nil || len(got.Findings) != 1 {
		t.Errorf("findings: %+v", got.Findings)
	}
	says(t, got, custody.Alone, "rolled back whole")
	if len(got.Holders) != 3 || got.Holders[1].Name != r.Carrier.Name || got.Holders[2].From != 6 {
		t.Errorf("holders: %+v", got.Holders)
	}
	got = verify(t, r, dir, attack{seen: [][]byte{r.Log.Checkpoint()}})
	if len(got.Findings) != 0 || got.Independent != 1 || got.Confirmed != got.Size || !got.Trusted {
		t.Errorf("with its own checkpoint: %+v", got)
	}
	body := r.Body(r.Desk).Encode()
	if got = verify(t, r, dir, attack{seen: [][]byte{bytes.ReplaceAll(body, []byte("\n"), []byte("\r\n"))}}); got.Independent != 1 {
		t.Errorf("a body by mail: %+v", got.Findings)
	}
	got, err := custody.Verify(custody.Input{Folder: os.DirFS(dir), Now: r.Now})
	if err != nil || got.Trusted {
		t.Errorf("without trust: %v, %+v", err, got)
	}
}

// rewrite puts other entries into the log's bundle; the checkpoint stays.
func rewrite(t *testing.T, r *custodytest.Rig, dir string, change func(entries [][]byte) [][]byte) {
	t.Helper()
	var bundle []byte
	for _, e := range change(slices.Clone(r.Log.Entries)) {
		bundle = append(append(bundle, byte(len(e)>>8), byte(len(e))), e...)
	}
	name := filepath.Join(dir, manifest.TilePath(-1, 0, int(r.Log.Size())))
	r.Must(os.WriteFile(name, bundle, 0o600))
}

// TestTampered: an entry that was removed, changed, or moved is found by the root.
func TestTampered(t *testing.T) {
	r := custodytest.New(t)
	r.Day()
	for what, change := range map[string]func(e [][]byte) [][]byte{
		"removed":   func(e [][]byte) [][]byte { return slices.Delete(e, 2, 3) },
		"changed":   func(e [][]byte) [][]byte { e[2] = bytes.Replace(e[2], []byte("sig"), []byte("Sig"), 1); return e },
		"reordered": func(e [][]byte) [][]byte { e[1], e[2] = e[2], e[1]; return e },
		"put in":    func(e [][]byte) [][]byte { e[4] = e[3]; return e },
	} {
		t.Run(what, func(t *testing.T) {
			dir := folder(t, r)
			rewrite(t, r, dir, change)
			got := verify(t, r, dir, attack{})
			if got.Refused() == nil {
				t.Fatal("it passes")
			}
			says(t, got, custody.Tampered)
		})
	}
}

// TestReSigned: whoever has a custodian's key and signs another history over entries that are
// not his is found by the entries themselves.
func TestReSigned(t *testing.T) {
	r := custodytest.New(t)
	r.Day()
	forge := func(change func(e [][]byte) [][]byte) string {
		mem := vfs.NewMem(vfs.MemOptions{})
		l, err := log.Create(mem, r.Log.Origin, r.JobFile)
		r.Must(err)
		for _, e := range change(slices.Clone(r.Log.Entries)) {
			r.Must(l.Append(e, r.Desk.Key))
		}
		other := *r
		other.FS, other.Log = mem, l
		return folder(t, &other)
	}
	got := verify(t, r, forge(func(e [][]byte) [][]byte { return slices.Delete(e, 2, 3) }), attack{})
	says(t, got, custody.Tampered, "entry 2", "entry 3")
	// The device writes another event in the place of one that others have signed on.
	got = verify(t, r, forge(func(e [][]byte) [][]byte {
		x := r.Event(event.Checked, "device", nil)
		x.Seq = 1
		root := log.Leaf(e[0])
		x.PreviousRoot = root[:]
		e[1] = r.Sign(x, r.Device)
		return e
	}), attack{})
	says(t, got, custody.Tampered, "entry 2", "another history before it")
	// The desk writes its own event in the place of the device's.
	got = verify(t, r, forge(func(e [][]byte) [][]byte {
		x := r.Event(event.Sealed, "device", custodytest.Sealed())
		x.Seq = 1
		root := log.Leaf(e[0])
		x.PreviousRoot = root[:]
		e[1] = r.Sign(x, r.Desk.Key)
		return e[:2]
	}), attack{})
	says(t, got, custody.Tampered, "may not sign")
}

// TestRolledBack: a tail that was cut off is found by any later checkpoint, and not without.
func TestRolledBack(t *testing.T) {
	r := custodytest.New(t)
	r.Day()
	newest := r.Log.Checkpoint()
	old := custodytest.New(t)
	old.Load()
	dir := folder(t, old)
	got := verify(t, r, dir, attack{})
	says(t, got, custody.Alone)
	if got.Refused() != nil {
		t.Errorf("refused by nothing: %+v", got.Findings)
	}
	got = verify(t, r, dir, attack{seen: [][]byte{newest}})
	says(t, got, custody.RolledBack, "5 entries are missing")
	if got.Refused() == nil || got.Independent != 0 {
		t.Error("a rollback passes")
	}
	// The cosignature's time is said.
	seen, err := r.Desk.Seen(r.Log.Origin)
	r.Must(err)
	says(t, verify(t, r, dir, attack{seen: [][]byte{seen}}), custody.RolledBack, "newest seen at 2026-03-01T")
	// A stranger's checkpoint says nothing.
	alien, err := manifest.SignCheckpoint(r.Log.Origin, 99, [32]byte{1}, ed25519.NewKeyFromSeed(make([]byte, 32)))
	r.Must(err)
	got = verify(t, r, dir, attack{seen: [][]byte{alien}})
	says(t, got, custody.Note, "no custodian")
	says(t, got, custody.Alone)
}

// TestForked: two histories of one custodian are both shown.
func TestForked(t *testing.T) {
	r, other := custodytest.New(t), custodytest.New(t)
	r.Day()
	other.Load()
	other.HandOver(other.Device, "device", other.Carrier)
	other.Arrive(other.Carrier)
	other.HandOver(other.Carrier.Key, "custodian", other.Desk)
	other.Now = other.Now.Add(time.Second)
	other.Arrive(other.Desk)
	dir := folder(t, r)
	at6, err := r.Log.CheckpointAt(6)
	r.Must(err)
	got := verify(t, r, dir, attack{seen: [][]byte{other.Log.Checkpoint()}})
	says(t, got, custody.Forked, "at or after entry 6", base64.StdEncoding.EncodeToString(root(r, 7)), base64.StdEncoding.EncodeToString(root(other, 7)))
	_ = at6
	if got.Refused() == nil {
		t.Error("a fork passes")
	}
	// Both beyond what is here.
	short := custodytest.New(t)
	short.Load()
	at7, err := r.Log.CheckpointAt(7)
	r.Must(err)
	got = verify(t, r, folder(t, short), attack{seen: [][]byte{at7, other.Log.Checkpoint()}})
	says(t, got, custody.Forked, "size 7")
}

func root(r *custodytest.Rig, n uint64) []byte {
	h := r.Log.RootAt(n)
	return h[:]
}

// TestFormerCustodian: who has handed the device over signs no more.
func TestFormerCustodian(t *testing.T) {
	r := custodytest.New(t)
	r.Load()
	r.HandOver(r.Device, "device", r.Carrier)
	r.Add(event.InTransit, "custodian", r.Carrier.Key, r.Device, map[string]any{"sensor": "shock", "value": "2 g", "alarm": false})
	says(t, verify(t, r, folder(t, r), attack{}), custody.NotCustodian, "not custodian since entry 3")

	r = custodytest.New(t)
	r.Load()
	r.HandOver(r.Device, "device", r.Carrier)
	r.Add(event.InTransit, "device", r.Device, r.Device, map[string]any{"sensor": "shock", "value": "2 g", "alarm": false})
	says(t, verify(t, r, folder(t, r), attack{}), custody.Tampered, "may not sign")

	// Written on aside of the log, and seen.
	r = custodytest.New(t)
	r.Day()
	for _, size := range []uint64{5, 99} {
		late, err := manifest.SignCheckpoint(r.Log.Origin, size, [32]byte{1}, r.Device)
		r.Must(err)
		says(t, verify(t, r, folder(t, r), attack{seen: [][]byte{late}}), custody.NotCustodian, "not custodian since entry 3")
	}
}

// TestGaps: times in which nobody signed for the device are named with their length.
func TestGaps(t *testing.T) {
	carried := func(r *custodytest.Rig) { r.Load(); r.HandOver(r.Device, "device", r.Carrier) }
	for what, c := range map[string]struct {
		make  func(r *custodytest.Rig)
		words []string
	}{
		"two hand-overs": {func(r *custodytest.Rig) { carried(r); r.HandOver(r.Carrier.Key, "custodian", r.Desk); r.Arrive(r.Desk) },
			[]string{"entries 3 and 4", "1.0 hours", "two hand-overs"}},
		"arrival without a hand-over": {func(r *custodytest.Rig) {
			carried(r)
			r.Arrive(r.Carrier)
			r.Arrive(r.Carrier)
		}, []string{"entries 4 and 5", "an arrival without"}},
		"import before an arrival": {func(r *custodytest.Rig) {
			carried(r)
			r.Add(event.ImportRun, "importer", r.Import, r.Carrier.Key, map[string]any{"run": "r", "receipt_sha256": strings.Repeat("0", 64)})
		}, []string{"entries 1 and 4", "an import before"}},
		"no arrival": {func(r *custodytest.Rig) {
			carried(r)
			r.Add(event.Opened, "custodian", r.Carrier.Key, r.Carrier.Key, map[string]any{"why": "look", "witness": "W"})
		}, []string{"entries 3 and 4", "no arrival"}},
		"a carrier without software": {func(r *custodytest.Rig) {
			r.Load()
			r.Add(event.HandedOver, "device", r.Device, r.Device, map[string]any{"to_name": "Parcels", "to_vkey": "none", "waybill": "W-1"})
			r.Arrive(r.Desk)
		}, []string{"entry 3", "not countersigned", "Parcels", "W-1"}},
		"not cosigned": {func(r *custodytest.Rig) { r.Load(); r.Ask(r.Device, "device", r.Carrier) },
			[]string{"entry 3", "not cosigned by the receiver"}},
	} {
		t.Run(what, func(t *testing.T) {
			r := custodytest.New(t)
			c.make(r)
			got := verify(t, r, folder(t, r), attack{})
			says(t, got, custody.Gap, c.words...)
			if f := got.Refused(); f != nil {
				t.Errorf("refused: %+v", f)
			}
		})
	}
}

// TestClocks: times that do not fit are a warning with both clocks, and never an order.
func TestClocks(t *testing.T) {
	r := custodytest.New(t)
	r.Load()
	r.Now = r.Now.Add(-48 * time.Hour)
	r.Add(event.Checked, "device", r.Device, r.Device, nil)
	e := r.Event(event.Checked, "device", nil)
	e.Clock.Source, e.Time = event.ClockUnset, time.Unix(60, 0)
	r.Must(r.Log.Append(r.Sign(e, r.Device), r.Device))
	e = r.Event(event.Checked, "device", nil)
	e.Time = r.Now.AddDate(1, 0, 0)
	r.Must(r.Log.Append(r.Sign(e, r.Device), r.Device))
	got := verify(t, r, folder(t, r), attack{})
	says(t, got, custody.ClockOdd, "entries 2 and 3", "ntp")
	says(t, got, custody.ClockOdd, "entry 4", "not set")
	says(t, got, custody.ClockOdd, "entry 5", "future")
	if got.Refused() != nil {
		t.Errorf("refused for a clock: %+v", got.Findings)
	}

	r = custodytest.New(t)
	r.Load()
	b := r.Ask(r.Device, "device", r.Carrier)
	line, err := r.Carrier.Cosign(b, r.Log.Origin, r.Now.Add(-time.Hour), r.Device.Public().(ed25519.PublicKey))
	r.Must(err)
	r.Must(r.Log.AddSignature(r.Log.Size(), line))
	says(t, verify(t, r, folder(t, r), attack{}), custody.ClockOdd, "carrier.example/alice cosigned", "one of the two clocks")
}

// TestLabel: the label's manifest is the one of the seal's event.
func TestLabel(t *testing.T) {
	r := custodytest.New(t)
	r.Day()
	dir := folder(t, r)
	label := func(size uint64, scope manifest.Scope, by ed25519.PrivateKey) []byte {
		note, err := manifest.SignCheckpoint(scope.Origin(), size, [32]byte{}, by)
		r.Must(err)
		return manifest.Label{Scope: scope, Disks: 3, JobSerial: 1, Checkpoint: note}.Encode()
	}
	if got := verify(t, r, dir, attack{label: label(42, r.Scope, r.Device)}); !got.LabelFits || got.Refused() != nil {
		t.Errorf("its label: %+v", got.Findings)
	}
	other := r.Scope
	other.Generation = 2
	says(t, verify(t, r, dir, attack{label: label(41, r.Scope, r.Device)}), custody.Differs, "42 lines", "the label 41")
	says(t, verify(t, r, dir, attack{label: label(42, other, r.Device)}), custody.Differs, "generation 2")
	says(t, verify(t, r, dir, attack{label: label(42, r.Scope, r.Desk.Key)}), custody.Differs, "not signed by the device")
}

// TestUnknownEvent: an event of a newer version is kept and shown, and one that says that it
// must be understood is refused.
func TestUnknownEvent(t *testing.T) {
	r := custodytest.New(t)
	r.Load()
	sign := func(kind string, critical []string) []byte {
		e := r.Event(event.Checked, "device", nil)
		e.Actor.KeyID, e.Kind, e.Version, e.Critical = wire.Sha256Hex(wire.SpkiOf(r.Device.Public().(ed25519.PublicKey))), event.Kind(kind), 1, critical
		r.Must(e.Set("wind", map[string]any{"speed": 3}))
		b, err := manifest.SignStatement(manifest.PredicateCustody, []manifest.Subject{manifest.SHA256Subject("job.dsse", r.JobFile)}, e, r.Device)
		r.Must(err)
		return b
	}
	r.Must(r.Log.Append(sign("weather", nil), r.Device))
	got := verify(t, r, folder(t, r), attack{})
	if got.Refused() != nil || got.Events[3].Kind != "weather" || string(got.Events[3].Details["wind"]) != `{"speed":3}` {
		t.Errorf("%+v", got)
	}
	r.Must(r.Log.Append(sign("weather", []string{"wind"}), r.Device))
	says(t, verify(t, r, folder(t, r), attack{}), custody.Tampered, "critical name")
}

// TestOthers: logs of another generation, jobs without the custodian, and junk are no logs
// of this job, or refused.
func TestOthers(t *testing.T) {
	r := custodytest.New(t)
	r.Day()
	dir := folder(t, r)
	bare := *r.Job
	bare.Roles.Custodian = nil
	file, err := bare.Sign(r.Signer)
	r.Must(err)
	says(t, verify(t, r, dir, attack{job: file}), custody.Tampered, "no custodian of the job")
	if _, err := custody.Verify(custody.Input{Folder: os.DirFS(t.TempDir())}); err == nil {
		t.Error("an empty folder is a log")
	}
	r.Must(os.WriteFile(filepath.Join(dir, "checkpoint"), []byte("x\n"), 0o600))
	if _, err := custody.Verify(custody.Input{Folder: os.DirFS(dir)}); err == nil {
		t.Error("junk is a checkpoint")
	}
	other := *r
	other.Scope.Generation = 2
	other.FS = vfs.NewMem(vfs.MemOptions{})
	other.Log, err = log.Create(other.FS, other.Scope.CustodyOrigin(), r.JobFile)
	r.Must(err)
	r.Must(other.Log.Append(r.Log.Entries[0], r.Device))
	says(t, verify(t, r, folder(t, &other), attack{}), custody.Tampered, "of another log")
}

// TestSignersAgree: what the writer lets a role sign, the verifier takes, and nothing else.
func TestSignersAgree(t *testing.T) {
	for _, kind := range append(event.Kinds(), "weather") {
		for _, role := range []string{"device", "custodian", "importer", "acceptor", "eraser", "validator", "signer"} {
			for _, holder := range []bool{true, false} {
				if ours, theirs := custody.MaySign(string(kind), role, holder), kind.MaySign(role, holder); ours != theirs {
					t.Errorf("%s by %s (holder %v): verifier %v, writer %v", kind, role, holder, ours, theirs)
				}
			}
		}
	}
}
