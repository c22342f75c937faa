package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	pages "github.com/sledge-io/sledge/importer/journal"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/vfs"
)

// The journal is what a run remembers between starts. It knows entries by their
// place in the manifest alone: no name, no digest.
//
//	h          the run's options and secret, at the first start   synced
//	u place    intent before a Create, then the upload's id,
//	           before its first part                              synced
//	o place    outcome                                            in the background
//	p page     all entries that begin in the page have an outcome
//	           that stands; their sums                            in the background
//	c place    the entry cannot have its key, and why             in the background
//	k          all of these are there                             synced
//	i          whose leases in the target are ours                synced
//	f          the run has ended, its totals                      synced
//	d          outcomes were damaged, and are forgotten           synced
//
// Writes become durable in their order, so a page's line never outlives the
// outcomes that it sums up.
//
// An outcome that a crash loses is found again by HEAD, at the cost of a call:
// the object carries our entry and run. So small files do not wait for fsync. What
// was told as done (status.json, Options.Progress) was made durable before, about
// every second.
type journal struct {
	values  *pages.Store
	disk    vfs.FS
	ours    func() error  // CodeTakenOver once the state has another holder
	unasked atomic.Int64  // records that may still go before the disk's free room is looked at
	changes atomic.Uint64 // that were made; of which number a flush makes durable
	low     atomic.Bool   // the disk was found too full: looked at before every record
}

// RunsFolder is where the state of runs after a folder's first is, each by its id.
const RunsFolder = "runs"

const (
	journalFolder = "journal"
	minFree       = 16 << 20 // bytes that must be free before the journal takes more
	freeEvery     = 256      // records that go between two looks at that, at most
	freeRecord    = 64 << 10 // bytes that one of them may take, with what else is on its way
)

// header is what must not change between starts.
type header struct {
	Version  int        `json:"version"`
	Options  runOptions `json:"options"`
	Secret   []byte     `json:"secret"`        // receipt salts come from it
	Log      string     `json:"log,omitempty"` // digits that no other state folder has, in the name of its receipts' log; "": begun by software that had none
	Started  time.Time  `json:"started"`
	Attempt  int        `json:"attempt"`             // counts up when a finished run is taken up again; with a journal in the target, its lease
	Starts   int        `json:"starts,omitempty"`    // of the run in this state folder; see countStart
	Canceled bool       `json:"canceled,omitempty"`  // given up: only another run goes on
	Begun    bool       `json:"begun"`               // the target stood its probe: the options are fixed
	Since    time.Time  `json:"since,omitzero"`      // of that, by the target's clock
	Taken    uint64     `json:"taken,omitempty"`     // number of the copy that the attempt counts for
	Lease    uint64     `json:"lease,omitempty"`     // in the target: up to this one the journal knows the run
	Marker   string     `json:"marker,omitempty"`    // content of the run's marker in the target; "" if there is none
	MarkerAt *string    `json:"marker_at,omitempty"` // its version, "" without versions; nil if no answer has told
	Earlier  bool       `json:"earlier,omitempty"`   // a marker from before this one, or one that was refused at last, may be there
	Marked   time.Time  `json:"marked,omitzero"`     // when the marker was written
	Odd      []string   `json:"odd"`                 // oddities of keys that the target was probed for; null: begun by software that did not
	Named    bool       `json:"named,omitempty"`     // these are of all entries: no page was lost
	Renames  []string   `json:"renames,omitempty"`   // those that it does not keep
	Filled   bool       `json:"filled,omitempty"`    // from the target: objects may be there that the journal does not know

	Kept      []string  `json:"kept,omitempty"` // objects of probes that could not be removed before their retention was over
	KeptUntil time.Time `json:"kept_until,omitzero"`
}

// runOptions are the recorded options of P20.
type runOptions struct {
	Job, Device        string
	Generation         uint32
	ManifestSize       uint64
	ManifestRoot       []byte
	Bucket, Prefix     string
	Endpoint, Profile  string
	ProfileValues      string // Profile.Fingerprint
	Symlinks           entry.Policy
	Directories        entry.Policy
	MinProof           entry.Proof
	ReadBack           bool
	AllowUnconditional bool
	Deferred           bool
	JournalInTarget    bool
	RunID              string
	Rules              string `json:",omitempty"` // SHA-256: the rules name folders, the journal does not
	CustomerKey        string `json:",omitempty"` // MD5 of the key of SSE-C
}

// record is the outcome of one entry as it is journalled.
type record struct {
	Outcome      entry.Outcome `json:"o"`
	Proof        entry.Proof   `json:"p,omitempty"`
	VersionID    string        `json:"v,omitempty"`
	ETag         string        `json:"e,omitempty"`
	ChecksumType string        `json:"t,omitempty"`
	HashedBy     string        `json:"h,omitempty"`
	Parts        *ownParts     `json:"n,omitempty"` // of an object that was cut anew
	Verified     time.Time     `json:"w,omitzero"`
	Code         target.Code   `json:"c,omitempty"`
	Detail       string        `json:"d,omitempty"`
	Hint         bool          `json:"m,omitempty"` // of another host: the object is looked at before it counts
}

// ownParts are the parts of an object that are not its record's.
type ownParts struct {
	Count    int    `json:"n"`
	Size     int64  `json:"s"`
	Checksum string `json:"c"`
}

// finished is the end of a run, fixed before anything is signed.
type finished struct {
	At          time.Time        `json:"at"`
	Probe       string           `json:"probe"`
	Conditional bool             `json:"conditional"`
	Tally       entry.Tally      `json:"tally"`
	Software    string           `json:"software"` // a later start may be of another version, or without the label
	Label       string           `json:"label"`
	Recheck     *receipt.Recheck `json:"recheck,omitempty"` // the last one before the end
	Done        bool             `json:"done"`              // the receipts are whole
	Nonce       string           `json:"nonce,omitempty"`   // of this end: a copy of the state folder comes to another one
	Cleared     bool             `json:"cleared,omitempty"` // nothing is left to be removed of a journal in the target
}

// openJournal opens or makes the journal in base, a folder of the state's disk
// or "".
func openJournal(disk StateFolder, base string) (*journal, error) {
	store, err := pages.Open(disk, path.Join(base, journalFolder))
	if err != nil {
		return nil, journalError(err)
	}
	return &journal{values: store, disk: disk, ours: heldBy(disk)}, nil
}

// remedyOldKind is for a journal that only the software before this one reads.
const remedyOldKind = "finish or cancel the run with the sledge that began it, or another one of before December 2026; or import with a new --run-id and a new state folder (--state), which finds what is stored"

// failure is what became of a call: a write that failed before it counts first.
func (j *journal) failure(err error) error {
	if failed := j.values.Failed(); failed != nil {
		err = fmt.Errorf("a write of the journal failed: %w", failed)
	}
	return journalError(j.forgetDamaged(err))
}

// journalError classifies what the journal returned.
func journalError(err error) error {
	if err == nil {
		return nil
	}
	if e := (*target.Error)(nil); errors.As(err, &e) {
		return err
	}
	if errors.Is(err, pages.ErrOldKind) {
		e := target.NewError(target.CodeStateMismatch, "", err.Error(), err)
		e.Remedy = remedyOldKind
		return e
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return target.NewError(target.CodeJournalFull, "", err.Error(), err)
	}
	if own := target.OwnFault("", err); own != nil {
		return own
	}
	return target.NewError(target.CodeJournalLost, "", err.Error(), err)
}

func (j *journal) close() error { return j.failure(j.values.Close()) }

// set writes one key. Returned nil with sync means that it is durable.
func (j *journal) set(key pages.Key, value []byte, sync bool) error {
	return j.change(sync, func() error { return j.values.Set(key, value) })
}

func (j *journal) delete(key pages.Key, sync bool) error {
	return j.change(sync, func() error { return j.values.Delete(key) })
}

func (j *journal) change(sync bool, f func() error) error {
	err := j.apply(sync, f)
	if err == nil {
		j.changes.Add(1)
	}
	return err
}

func (j *journal) apply(sync bool, f func() error) error {
	if err := errors.Join(j.failure(nil), j.ours()); err != nil {
		return err
	}
	if err := j.room(); err != nil {
		return err
	}
	err := f()
	if err == nil && sync {
		err = j.values.Sync()
	}
	return j.failure(err)
}

// flush makes every write before it durable.
func (j *journal) flush() error { return j.apply(true, func() error { return nil }) }

// room refuses records while the disk is nearly full, so that it is never found full
// in the middle of one. The less is free, the sooner it looks again.
func (j *journal) room() error {
	if j.unasked.Add(-1) >= 0 && !j.low.Load() {
		return nil
	}
	free, _, err := j.disk.Free()
	low := err == nil && free < minFree
	if err != nil {
		j.unasked.Store(freeEvery - 1)
	} else {
		j.unasked.Store(min(freeEvery, (free-minFree)/freeRecord+1) - 1)
	}
	if j.low.Store(low); low {
		return target.NewError(target.CodeJournalFull, "", fmt.Sprintf("%d bytes free, at least %d are needed", free, int64(minFree)), nil)
	}
	return nil
}

func sortedKeys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

func journalKey(kind pages.Kind, number uint64) pages.Key {
	return pages.Key{Kind: kind, Number: number}
}

// load reads a JSON value; ok is false if there is none.
func (j *journal) load(key pages.Key, v any) (ok bool, err error) {
	b, err := j.values.Get(key)
	if err != nil || b == nil {
		return false, j.failure(err)
	}
	return true, decodeValue(key, b, v)
}

func decodeValue(key pages.Key, b []byte, v any) error {
	if err := json.Unmarshal(b, v); err != nil {
		return target.NewError(target.CodeJournalLost, "", fmt.Sprintf("journal key %v: %v", key, err), err)
	}
	return nil
}

func (j *journal) store(key pages.Key, v any, sync bool) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return j.set(key, b, sync)
}

var (
	headerKey   = journalKey('h', 0)
	finishedKey = journalKey('f', 0)
	clashesKey  = journalKey('k', 0)
)

func (j *journal) setOutcome(at entry.Place, r record) error {
	return j.store(journalKey('o', uint64(at)), r, false)
}

func (j *journal) forgetOutcome(at entry.Place) error {
	return j.delete(journalKey('o', uint64(at)), false)
}

// setPage says that a page is done.
func (j *journal) setPage(page uint64, t entry.Tally) error {
	return j.store(journalKey('p', page), t, false)
}

// pending is a multipart upload that may be under way.
type pending struct {
	At       time.Time `json:"at"`             // of the intent
	UploadID string    `json:"id,omitempty"`   // "" until Create was answered
	Held     bool      `json:"held,omitempty"` // all parts are there; it waits to be published
	Left     bool      `json:"left,omitempty"` // it was given up and could not be aborted

	Joins   time.Time `json:"joins,omitzero"`    // its Complete was to be sent, and no answer is known
	Earlier time.Time `json:"earlier,omitzero"`  // so was that of an upload before it, and the object was not seen since
	Aborted bool      `json:"aborted,omitempty"` // by a cancel, which keeps it for what its Complete may yet bring
}

// upload returns what is known of an entry's upload; ok is false if none was
// ever intended.
func (j *journal) upload(at entry.Place) (p pending, ok bool, err error) {
	ok, err = j.load(journalKey('u', uint64(at)), &p)
	return p, ok, err
}

// setUpload is the intent while the id is "", then the id. It is durable.
func (j *journal) setUpload(at entry.Place, p pending) error {
	return j.store(journalKey('u', uint64(at)), p, true)
}

// forgetUpload is durable with the next synced record: until then a resume asks
// for an upload that is gone.
func (j *journal) forgetUpload(at entry.Place) error {
	return j.delete(journalKey('u', uint64(at)), false)
}

// elsewhere tells where a run's state is that is not this journal's: in runs/ID
// if another run has begun here, or was given up. A run of another job or device has
// no place in the folder at all.
func (j *journal) elsewhere(o runOptions) (base string, err error) {
	var was header
	ok, err := j.load(headerKey, &was)
	if err != nil || !ok || !was.Begun && !was.Canceled || was.Options.RunID == o.RunID {
		return "", err
	}
	if was.Options.Job != o.Job || was.Options.Device != o.Device {
		return "", target.NewError(target.CodeStateMismatch, "", "the folder is of another job or device: "+was.Options.differs(o), nil)
	}
	return RunsFolder + "/" + o.RunID, nil
}

// begin compares the recorded options with these, or records them.
func (j *journal) begin(h header) (header, error) {
	var was header
	ok, err := j.load(headerKey, &was)
	if err != nil {
		return h, err
	}
	if !ok {
		return h, j.store(headerKey, h, true)
	}
	if err := was.fits(h); err != nil {
		return h, err
	}
	if !was.Begun {
		was.Options = h.Options
		return was, j.store(headerKey, was, true)
	}
	return was, nil
}

// fits refuses what begin would refuse, and records nothing.
func (j *journal) fits(h header) error {
	var was header
	if ok, err := j.load(headerKey, &was); err != nil || !ok {
		return err
	}
	return was.fits(h)
}

func (was header) fits(h header) error {
	if was.Version != h.Version {
		return target.NewError(target.CodeStateMismatch, "", fmt.Sprintf("state of version %d, this software writes %d", was.Version, h.Version), nil)
	}
	if diff := was.Options.differs(h.Options); diff != "" && was.Begun {
		return target.NewError(target.CodeStateMismatch, "", "options differ from those of the first start: "+diff, nil)
	}
	return nil
}

func orNone(value any) string {
	if value == nil {
		return "none"
	}
	return fmt.Sprint(value)
}

// forgetClashes is durable with the next synced record.
func (j *journal) forgetClashes() error {
	return j.change(false, func() error { return errors.Join(j.values.Delete(clashesKey), j.values.Clear('c')) })
}

// differs names the options that are not the same.
func (o runOptions) differs(p runOptions) string {
	o.Endpoint, p.Endpoint = s3.SameEndpoint(o.Endpoint), s3.SameEndpoint(p.Endpoint)
	a, _ := json.Marshal(o) // of plain fields: cannot fail
	b, _ := json.Marshal(p)
	var was, now map[string]any
	if json.Unmarshal(a, &was) != nil || json.Unmarshal(b, &now) != nil {
		return "unreadable"
	}
	text := ""
	all := maps.Clone(was) // a field that was empty may have no name there
	maps.Copy(all, now)
	for _, name := range sortedKeys(all) {
		if before, after := orNone(was[name]), orNone(now[name]); before != after {
			text += fmt.Sprintf("%s was %s, is %s; ", name, before, after)
		}
	}
	if text == "" {
		return ""
	}
	return text[:len(text)-2]
}
