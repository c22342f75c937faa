package importer

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

const (
	receiptsFolder = "receipts"
	listName       = "objects.list"
	totalName      = "total.dsse"
)

// receiptFolder is the first attempt's "receipts" in the run's folder, or that of
// a later one.
func (r *run) receiptFolder() string {
	folder := path.Join(r.base, receiptsFolder)
	if r.header.Attempt > 1 {
		folder = fmt.Sprintf("%s-%d", folder, r.header.Attempt)
	}
	return folder
}

// receipts writes the receipts, if that has not been done, and completes the
// result from them.
//
//  1. objects.list and the log, from the source and the journal; sync
//  2. the checkpoint, signed
//  3. total.dsse, signed; its presence means that all is whole
//  4. the journal's word that it is done
//
// Everything that goes into them was fixed before (journal: salts, outcomes,
// times), so a crash at any point has the same bytes written again, and the key
// never signs two checkpoints of one run that differ.
func (r *run) receipts(ctx context.Context, end *finished, result *Result) error {
	totals, err := r.source.Totals()
	if err != nil {
		return fmt.Errorf("the manifest's totals: %w", err)
	}
	result.reconcile(end.Tally.Manifest, totals, false) // with a lost page the run does not end
	result.Complete = end.Tally.Bad() == 0 && len(result.Differences) == 0
	w := &receiptWriter{run: r, disk: r.opts.StateDir, folder: r.receiptFolder(), dirs: map[string]bool{},
		tally: entry.NewTally(), outcomes: map[entry.Outcome]uint64{}}
	if !end.Done {
		if err := w.write(ctx, end, result); err != nil {
			return errors.Join(stateError(err), w.unsigned(err))
		}
		end.Done = true
		if err := r.journal.store(finishedKey, end, true); err != nil {
			return err
		}
	}
	checkpoint, err := vfs.ReadFile(w.disk, w.folder+"/log/checkpoint", manifest.MaxCheckpoint)
	if err != nil {
		return stateError(err)
	}
	result.Checkpoint, result.Receipts = checkpoint, w.folder
	return nil
}

// stateError classifies an error of the state folder's disk.
func stateError(err error) error {
	var p *fs.PathError
	if e := (*target.Error)(nil); errors.As(err, &e) || target.IsCanceled(err) || !errors.As(err, &p) {
		return err
	}
	return journalError(err)
}

type receiptWriter struct {
	run      *run
	disk     vfs.FS
	folder   string
	dirs     map[string]bool // folders with new entries
	past     *cursor         // outcomes
	syncing  syncer          // files of the log
	lines    uint64
	tally    entry.Tally
	outcomes map[entry.Outcome]uint64 // of lines
}

func (w *receiptWriter) write(ctx context.Context, end *finished, result *Result) error {
	if err := durable.MkdirAll(w.disk, w.folder+"/log"); err != nil {
		return err
	}
	list, err := w.create(w.folder + "/" + listName)
	if err != nil {
		return err
	}
	defer list.Close() // closed below; this is for the ways out before
	log := manifest.NewLogWriter(func(name string, data []byte) error { return w.file("log/"+name, data) })
	out := bufio.NewWriterSize(vfs.NewWriter(list, 0), 1<<20)
	w.past = w.run.journal.cursor('o', 0)
	err = w.run.outlook.Entries(ctx, 0, func(e entry.Entry) error { return w.entry(out, log, e) })
	if err = errors.Join(err, w.syncing.wait()); err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return err
	}
	if err := errors.Join(list.Sync(), list.Close()); err != nil {
		return err
	}
	size, root, err := log.Finish()
	if err = errors.Join(err, w.syncing.wait()); err != nil {
		return err
	}
	if w.tally.Entries() != end.Tally.Entries() || w.tally.Bad() != end.Tally.Bad() || w.tally.Bytes != end.Tally.Bytes {
		return fmt.Errorf("the source gave other entries the second time: %d, then %d", end.Tally.Entries(), w.tally.Entries())
	}
	return w.sign(ctx, size, root, end, result)
}

// unsigned takes the end of a run back whose receipts could not be written because disks
// went, if no checkpoint was signed yet: the start that has them again tries again what
// failed, too, instead of signing that it did.
func (w *receiptWriter) unsigned(err error) error {
	if !target.HasCode(err, target.CodePageLost) {
		return nil
	}
	if _, err := w.disk.Stat(w.folder + "/log/checkpoint"); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return w.run.journal.store(finishedKey, finished{}, true)
}

// entry writes the lines of one entry.
func (w *receiptWriter) entry(out *bufio.Writer, log *manifest.LogWriter, e entry.Entry) error {
	if e.Lost != nil {
		return entry.LostPage(e)
	}
	var rec record
	ok, err := w.past.load(e.Place(), &rec)
	if err != nil {
		return err
	}
	if !ok || rec.Hint {
		return target.NewError(target.CodeJournalLost, "", fmt.Sprintf("%v has no outcome", e.Place()), nil)
	}
	w.tally.Add(e, rec.Outcome, rec.Proof, e.Record.DataLength())
	for i, raw := range e.Raw {
		line := receipt.Line{Page: raw.Page, Index: raw.Index, Record: raw.Bytes, RecordSalt: raw.Salt[:],
			Outcome: entry.OutcomeNoObject, Detail: "continues the record before"}
		if i == 0 {
			if err := w.run.fill(&line, e, rec); err != nil {
				return err
			}
		}
		if err := w.line(out, log, &line); err != nil {
			return err
		}
	}
	return nil
}

// fill completes an entry's first line from the plan and the outcome.
func (r *run) fill(line *receipt.Line, e entry.Entry, rec record) error {
	line.Outcome, line.Error, line.Detail = rec.Outcome, rec.Code, rec.Detail
	there := rec.Outcome == entry.OutcomeStored || rec.Outcome == entry.OutcomeAlreadyThere
	if there {
		e.Clash = entry.Clash{} // what collides with it was on a page that was lost then
	}
	action, err := r.planner.Plan(e)
	if err != nil || action.Kind == plan.ActionNone {
		if there {
			return target.NewError(target.CodeJournalLost, "", fmt.Sprintf("%v is stored, and the plan has no object for it", e.Place()), err)
		}
		return nil
	}
	line.Key, line.Size, line.Parts, line.PartSize = action.Key, &action.Size, action.Count(), action.PartSize
	if action.Cut == nil {
		line.SHA256 = action.Checksum()
	}
	line.Attributes = action.Attributes.OrNil()
	if !there {
		return nil
	}
	line.VersionID, line.ETag, line.ChecksumType = rec.VersionID, rec.ETag, rec.ChecksumType
	line.Proof, line.HashedBy, line.PartsBy, line.Verified = rec.Proof, rec.HashedBy, entry.ByLoader, rec.Verified
	if rec.Parts != nil {
		line.Parts, line.PartSize, line.SHA256, line.PartsBy = rec.Parts.Count, rec.Parts.Size, rec.Parts.Checksum, entry.ByImporter
	}
	return nil
}

func (w *receiptWriter) line(out *bufio.Writer, log *manifest.LogWriter, line *receipt.Line) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if n := 64 + 1 + len(text) + 1; n > receipt.MaxLine {
		return fmt.Errorf("objects.list: line %d of %d bytes is over the limit of %d", w.lines+1, n, receipt.MaxLine)
	}
	salt := w.run.lineSalt(w.lines)
	w.lines++
	w.outcomes[line.Outcome]++
	if _, err := log.Append(manifest.EncodeReceipt(manifest.Commitment(salt, text))); err != nil {
		return err
	}
	fmt.Fprintf(out, "%x %s\n", salt, text) // a bufio.Writer keeps its error for Flush
	return nil
}

// lineSalt is the salt of a line: secret, and the same whenever the line is
// written again.
func (r *run) lineSalt(n uint64) (salt [32]byte) {
	h := hmac.New(sha256.New, r.header.Secret)
	h.Write(binary.BigEndian.AppendUint32([]byte("receipt line"), uint32(r.header.Attempt)))
	h.Write(binary.BigEndian.AppendUint64(nil, n))
	return [32]byte(h.Sum(nil))
}

// create makes a file anew, in place of one that a crash left.
func (w *receiptWriter) create(name string) (vfs.File, error) {
	f, err := w.disk.Create(name, vfs.CreateOptions{})
	if errors.Is(err, fs.ErrExist) {
		if err := w.disk.Remove(name); err != nil {
			return nil, err
		}
		f, err = w.disk.Create(name, vfs.CreateOptions{})
	}
	return f, err
}

// file writes one file of the log. It is synced while the next ones are made, its
// folder at the end.
func (w *receiptWriter) file(name string, data []byte) error {
	name = w.folder + "/" + name
	if dir := path.Dir(name); !w.dirs[dir] {
		if err := durable.MkdirAll(w.disk, dir); err != nil {
			return err
		}
		w.dirs[dir] = true
	}
	f, err := w.create(name)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(data, 0); err != nil {
		return errors.Join(err, f.Close())
	}
	return w.syncing.add(f)
}

// sign syncs what was written and puts the two signatures to it.
func (w *receiptWriter) sign(ctx context.Context, size uint64, root [32]byte, end *finished, result *Result) error {
	for dir := range w.dirs {
		if err := w.disk.SyncDir(dir); err != nil {
			return err
		}
	}
	if err := w.disk.SyncDir(w.folder); err != nil {
		return err
	}
	r := w.run
	if err := r.awaitSigning(ctx); err != nil {
		return err // whoever has taken the run over signs its receipts
	}
	scope, cp := r.source.Scope(), r.source.Checkpoint()
	checkpoint, err := manifest.SignCheckpoint(receipt.Origin(scope, r.logName()), size, root, r.opts.ImporterKey)
	if err != nil {
		return err
	}
	if err := durable.WriteFile(w.disk, w.folder+"/log/checkpoint", checkpoint); err != nil {
		return err
	}
	total := receipt.Total{
		Version: manifest.Version, Critical: []string{}, Job: scope.Job, Device: scope.Device, Generation: scope.Generation,
		Run: r.logName(), ManifestSize: cp.Size, ManifestRoot: cp.Root[:], Label: end.Label,
		Target: r.opts.TargetURL(), Endpoint: r.opts.Endpoint, Profile: r.opts.Profile,
		Probe: end.Probe, Conditional: end.Conditional,
		Records: w.lines, Entries: w.tally.Entries(), Outcomes: w.outcomes, Bytes: w.tally.Bytes, Proof: w.tally.Proofs,
		Differences: result.Differences, Recheck: end.Recheck, Complete: result.Complete,
		Started: r.header.Started, Finished: end.At, Software: end.Software, Rules: r.opts.Rules.Digest(),
	}
	if err := r.ours(); err != nil {
		return err
	}
	statement, err := manifest.SignStatement(manifest.PredicateReceipt,
		[]manifest.Subject{manifest.SHA256Subject("checkpoint", checkpoint)}, total, r.opts.ImporterKey)
	if err != nil {
		return err
	}
	return durable.WriteFile(w.disk, w.folder+"/"+totalName, statement)
}
