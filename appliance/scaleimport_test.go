package appliance

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/importreport"
	"github.com/sledge-io/sledge/manifest"
)

// What an import may take at any number of entries.
const (
	maxImportResident = 512 << 20
	maxResume         = 10 * time.Second // from opening the disks to the first object that is sent
)

// BenchmarkScaleImport imports 10^5 and 10^6 tiny files, with SLEDGE_LONG=1 10^7,
// from a sealed device into a store that answers at once. The run is stopped twice
// on its way and gone on with, as by another process: its time to the first object
// that is sent must not grow with what is done. Then its receipts are verified by
// themselves and against the store, accepted, and reported.
// It fails over 512 MiB, for what only verifies over 256 MiB, and over ten seconds
// for a resume.
func BenchmarkScaleImport(b *testing.B) {
	if testing.Short() {
		b.Skip("a million objects take minutes")
	}
	scales(b, "20 minutes and 35 GB", scale.runImport)
}

// importScale is one import on its way.
type importScale struct {
	scale
	b     *testing.B
	r     *rig
	label []byte
	state string
	store *scaleStore
	meter *meter

	run, acceptor ed25519.PrivateKey
}

func (s scale) runImport(b *testing.B) {
	_, importerKey, _ := ed25519.GenerateKey(nil)
	_, acceptorKey, _ := ed25519.GenerateKey(nil)
	r := newRig(b, rigOptions{k: 8, m: 3, disks: 11, block: 1 << 20, roles: manifest.JobRoles{
		Importer: []manifest.PublicKey{{PublicKey: importerKey.Public().(ed25519.PublicKey)}},
		Acceptor: []manifest.PublicKey{{PublicKey: acceptorKey.Public().(ed25519.PublicKey)}}}})
	i := &importScale{scale: s, b: b, r: r, state: b.TempDir(), run: importerKey, acceptor: acceptorKey, meter: newMeter(b, s.n, maxImportResident)}
	i.meter.run("load+seal", func() {
		s.load(b, r, s.entries())
		i.label = r.sealWith(seal.Options{}).Label
	})
	i.store = newScaleStore(s.genTree, "in/", func() int64 { return time.Now().UnixNano() })
	all := int64(s.entries())
	i.meter.stage("begin", func() { i.start(all / 100) })
	i.meter.stage("import", func() { i.resume("resume-1%", all*99/100) })
	i.meter.stage("end", func() { i.resume("resume-99%", 0) })
	i.meter.once("ended", func() { i.start(0) })
	i.sizes()
	i.meter.limit = maxResident
	i.meter.stage("report", i.report)
	i.meter.stage("head", i.heads)
	var receipts *fsck.ReceiptReport
	i.meter.stage("verify", func() { receipts = i.verify() })
	i.meter.stage("acceptance", func() { i.accepted(receipts) })
	i.meter.report()
}

// start begins the run or goes on with it, until so many objects are stored; 0 is
// to its end. It returns how long it took to send the first one.
func (i *importScale) start(until int64) time.Duration {
	i.b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	i.store.stop = cancel
	i.store.stopAt.Store(until)
	i.store.first.Store(0)
	began := time.Now()
	rd := i.r.openReader(i.label)
	defer rd.Close()
	state, err := importer.OpenState(i.state)
	if err != nil {
		i.b.Fatal(err)
	}
	defer state.Close()
	// A target that keeps keys as folders has them all looked at before the first.
	res, err := importer.Run(ctx, importSource{planSource{rd}}, i.store, importer.Options{Config: s3.Config{Bucket: "bucket", Profile: "minio"}, Prefix: "in/",
		StateDir: state, RunID: "scale", ImporterKey: i.run, StatusEvery: time.Second})
	stored := uint64(i.store.objects.Load())
	switch {
	case until > 0 && (res == nil || !res.Interrupted || stored < uint64(until)):
		i.b.Fatalf("stopped at %d of %d: %v %+v", stored, until, err, res)
	case until == 0 && (err != nil || !res.Complete || res.Tally.Outcomes[entry.OutcomeStored] != uint64(i.entries()) || stored != uint64(i.entries())):
		i.b.Fatalf("%d stored: %v %+v", stored, err, res)
	}
	if last := i.store.last.Load(); until == 0 && last > began.UnixNano() {
		i.b.ReportMetric(float64(time.Now().UnixNano()-last)/float64(i.n), "receipts-ns/entry")
	}
	return time.Duration(i.store.first.Load() - began.UnixNano())
}

func (i *importScale) resume(name string, until int64) {
	i.b.Helper()
	first := i.start(until)
	i.b.Logf("%s: the first object is sent after %v", name, first.Round(time.Millisecond))
	i.b.ReportMetric(first.Seconds()*1000, name+"-ms")
	if first > maxResume {
		i.b.Errorf("%s: %v until the first object is sent, allowed are %v", name, first, maxResume)
	}
}

// importSource is a reader as the import sees it, with its contents.
type importSource struct{ planSource }

func (s importSource) Open(ctx context.Context, r *manifest.Record) (entry.Content, error) {
	return s.r.Open(ctx, r)
}

// sizes tells what the state folder holds.
func (i *importScale) sizes() {
	var journal, list, log float64
	err := filepath.WalkDir(i.state, func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		switch rel, _ := filepath.Rel(i.state, name); {
		case filepath.Dir(rel) == "journal":
			journal += float64(info.Size())
		case filepath.Base(rel) == "objects.list":
			list += float64(info.Size())
		default:
			log += float64(info.Size())
		}
		return nil
	})
	if err != nil {
		i.b.Fatal(err)
	}
	i.b.Logf("state folder: journal %.0f MB, objects.list %.0f MB, receipt log %.0f MB", journal/1e6, list/1e6, log/1e6)
	i.b.ReportMetric(journal/float64(i.n), "journal-B/entry")
	i.b.ReportMetric((list+log)/float64(i.n), "receipts-B/entry")
}

func (i *importScale) fsckOptions() fsck.Options {
	var disks []fsck.Disk
	for _, dir := range i.r.dirs {
		disks = append(disks, fsck.Disk{Name: dir, FS: os.DirFS(dir)})
	}
	return fsck.Options{Disks: disks, Label: i.label, Trust: &fsck.Trust{Key: i.r.signer.Public().(ed25519.PublicKey)}}
}

func (i *importScale) receipts() string { return filepath.Join(i.state, "receipts") }

// verify holds the receipts against the manifest, as verify import and accept do.
func (i *importScale) verify() *fsck.ReceiptReport {
	unproven := 0
	res, err := fsck.VerifyReceipts(context.Background(), os.DirFS(i.receipts()), fsck.ReceiptOptions{Options: i.fsckOptions(),
		Object: func(l *fsck.ObjectLine) error {
			if l.Unproven() {
				unproven++
			}
			return nil
		}})
	if err != nil || res.Verdict != fsck.VerdictClean || !res.Complete || res.Outcomes["stored"] != int64(i.entries()) || unproven > 0 {
		i.b.Fatalf("verify: %v %+v", err, res)
	}
	return res
}

// heads holds the store against the receipts, as verify import does by HEAD.
func (i *importScale) heads() {
	list, err := os.Open(filepath.Join(i.receipts(), "objects.list"))
	if err != nil {
		i.b.Fatal(err)
	}
	defer list.Close()
	res, err := audit.Objects(context.Background(), bufio.NewReader(list), i.store, audit.ObjectOptions{})
	if err != nil || res.Same != uint64(i.entries()) || res.Differences > 0 {
		i.b.Fatalf("verify by HEAD: %v %+v", err, res)
	}
}

// accepted signs an acceptance of the receipts, and verifies it.
func (i *importScale) accepted(r *fsck.ReceiptReport) {
	root, err := base64.StdEncoding.DecodeString(r.Manifest.Root)
	if err != nil {
		i.b.Fatal(err)
	}
	a := &manifest.Acceptance{Job: i.r.cfg.Job.ID, JobSerial: i.r.cfg.Job.Serial, JobFile: i.r.cfg.JobFile, Absent: []manifest.ID{},
		Accepted: time.Now().UTC().Truncate(time.Second), Software: "test",
		Devices: []manifest.AcceptedDevice{{Device: i.r.cfg.Scope.Device, Generation: r.Manifest.Generation, Label: "checked",
			ManifestSize: uint64(r.Manifest.LogSize), ManifestRoot: root, Run: r.Run, ReceiptSize: uint64(r.LogSize), ReceiptRoot: r.LogRoot,
			ReceiptSHA256: r.SHA256, Outcomes: r.Outcomes, Proof: r.Proofs, Bytes: r.Bytes, Complete: r.Complete,
			Differences: []string{}, Waived: []manifest.WaivedLines{}}}}
	file, err := a.Sign(i.acceptor)
	if err != nil {
		i.b.Fatal(err)
	}
	o := i.fsckOptions()
	label := o.Label
	o.Label = nil
	res, err := fsck.VerifyAcceptance(context.Background(), file, fsck.AcceptanceOptions{Options: o, Labels: [][]byte{label},
		Receipts: []fsck.Receipts{{Name: "receipts", FS: os.DirFS(i.receipts())}}})
	if err != nil || res.Verdict != fsck.VerdictClean {
		i.b.Fatalf("acceptance: %v %+v", err, res)
	}
}

func (i *importScale) report() {
	d, err := importreport.Read(context.Background(), os.DirFS(i.state), importreport.Options{Name: "scale",
		Importer: []ed25519.PublicKey{i.run.Public().(ed25519.PublicKey)}})
	if err != nil || !d.Final || !d.Complete || len(d.Findings) > 0 || d.Sum.Objects != uint64(i.entries()) {
		i.b.Fatalf("report: %v %+v", err, d)
	}
}
