package importer

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/receipt/sign"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

const receiptsFolder = "receipts"

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
	w := &receiptWriter{run: r, disk: r.opts.StateDir, folder: r.receiptFolder(), tally: entry.NewTally(), outcomes: map[entry.Outcome]uint64{}}
	if !end.Done {
		if err := w.write(ctx, end, result); err != nil {
			return errors.Join(stateError(err), w.unsigned(err))
		}
		end.Done = true
		if err := r.journal.store(finishedKey, end, true); err != nil {
			return err
		}
	}
	checkpoint, err := vfs.ReadFile(w.disk, w.folder+"/"+sign.CheckpointName, manifest.MaxCheckpoint)
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

// receiptWriter says what the lines of a run's receipts are.
type receiptWriter struct {
	run      *run
	disk     vfs.FS
	folder   string
	past     *cursor // outcomes
	tally    entry.Tally
	outcomes map[entry.Outcome]uint64 // of lines
}

func (w *receiptWriter) write(ctx context.Context, end *finished, result *Result) (err error) {
	r := w.run
	log, err := sign.Create(w.disk, w.folder, sign.Salts{Secret: r.header.Secret, Attempt: r.header.Attempt})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, log.Close()) }()
	w.past = r.journal.cursor('o', 0)
	if err := r.outlook.Entries(ctx, 0, func(e entry.Entry) error { return w.entry(log, e) }); err != nil {
		return err
	}
	if err := log.Finish(); err != nil {
		return err
	}
	if w.tally.Entries() != end.Tally.Entries() || w.tally.Bad() != end.Tally.Bad() || w.tally.Bytes != end.Tally.Bytes {
		return fmt.Errorf("the source gave other entries the second time: %d, then %d", end.Tally.Entries(), w.tally.Entries())
	}
	return w.sign(ctx, log, end, result)
}

// unsigned takes the end of a run back whose receipts could not be written because disks
// went, if no checkpoint was signed yet: the start that has them again tries again what
// failed, too, instead of signing that it did.
func (w *receiptWriter) unsigned(err error) error {
	if !target.HasCode(err, target.CodePageLost) {
		return nil
	}
	if _, err := w.disk.Stat(w.folder + "/" + sign.CheckpointName); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return w.run.journal.store(finishedKey, finished{}, true)
}

// entry writes the lines of one entry.
func (w *receiptWriter) entry(log *sign.Log, e entry.Entry) error {
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
		if err := log.Add(&line); err != nil {
			return err
		}
		w.outcomes[line.Outcome]++
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

// sign puts the two signatures to what was written.
func (w *receiptWriter) sign(ctx context.Context, log *sign.Log, end *finished, result *Result) error {
	r := w.run
	if err := r.awaitSigning(ctx); err != nil {
		return err // whoever has taken the run over signs its receipts
	}
	if err := log.Checkpoint(receipt.Origin(r.source.Scope(), r.logName()), r.opts.ImporterKey); err != nil {
		return err
	}
	if err := r.ours(); err != nil {
		return err
	}
	return log.Total(w.total(end, result), r.opts.ImporterKey)
}

// total is what the receipts come to; the log counts its lines.
func (w *receiptWriter) total(end *finished, result *Result) receipt.Total {
	r := w.run
	scope, cp := r.source.Scope(), r.source.Checkpoint()
	return receipt.Total{
		Version: manifest.Version, Critical: []string{}, Job: scope.Job, Device: scope.Device, Generation: scope.Generation,
		Run: r.logName(), ManifestSize: cp.Size, ManifestRoot: cp.Root[:], Label: end.Label,
		Target: r.opts.TargetURL(), Endpoint: r.opts.Endpoint, Profile: r.opts.Profile,
		Probe: end.Probe, Conditional: end.Conditional,
		Entries: w.tally.Entries(), Outcomes: w.outcomes, Bytes: w.tally.Bytes, Proof: w.tally.Proofs,
		Differences: result.Differences, Recheck: end.Recheck, Complete: result.Complete,
		Started: r.header.Started, Finished: end.At, Software: end.Software, Rules: r.opts.Rules.Digest(),
	}
}

// CommitMarker is [sign.CommitMarker]; an error of the state folder's disk says so.
func CommitMarker(disk vfs.FS, folder string, jobFile []byte, key ed25519.PrivateKey) ([]byte, error) {
	marker, err := sign.CommitMarker(disk, folder, jobFile, key)
	return marker, stateError(err)
}
