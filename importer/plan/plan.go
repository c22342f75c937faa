package plan

import (
	"fmt"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/manifest"
)

// ActionKind is what is to be done for an entry.
type ActionKind uint8

// The kinds. ActionNone stores nothing: a policy leaves the entry out, or the
// loader skipped it.
const (
	ActionNone ActionKind = iota
	ActionPut
	ActionMultipart
)

// Action is the plan for one entry: a pure function of the entry and the run's
// options (P20).
type Action struct {
	Kind     ActionKind
	Outcome  entry.Outcome // ActionNone: what it counts as
	Reason   string        // ActionNone: why
	Path     string
	Key      string
	Size     int64
	PartSize int64        // ActionMultipart
	Parts    [][32]byte   // SHA-256 of each part; one of them for ActionPut
	Cut      *content.Cut // the target takes other parts than the record has: Parts are not known before the content is read
	SHA256   *[32]byte    // of the whole, if known
	CRC      string       // base64 CRC64NVME of the whole, if known
	Inline   []byte       // content that the record itself holds (symlinks)
	HashedBy string       // loader, importer
	EntryID  string
	Metadata map[string]string
	LeftOut  []string // names of metadata that does not fit

	Attributes target.Attributes // that the rules ask for
}

// Composite is S3's checksum of a multipart object: the SHA-256 of the parts'
// SHA-256, in base64, and the number of parts.
func (a *Action) Composite() string { return content.Composite(a.Parts) }

// Checksum is what the store must answer: plain for a single PUT, composite for
// a multipart object.
func (a *Action) Checksum() string {
	if a.Kind == ActionMultipart {
		return a.Composite()
	}
	return target.Encode64(a.Parts[0][:])
}

// Count is the number of parts.
func (a *Action) Count() int {
	if a.Cut != nil {
		return a.Cut.Parts
	}
	return len(a.Parts)
}

// partSpan returns offset and length of part n, from 1.
func (a *Action) PartSpan(n int) (offset, length int64) {
	if a.Kind != ActionMultipart {
		return 0, a.Size
	}
	offset = int64(n-1) * a.PartSize
	return offset, min(a.PartSize, a.Size-offset)
}

// Planner holds what an action depends on besides its entry.
type Planner struct {
	profile     target.Profile
	keys        keymap
	objects     []matcher
	symlinks    entry.Policy
	directories entry.Policy
	hardlinks   entry.Policy
	scope       manifest.Scope
	runID       string
	customerKey string          // MD5 of the key of SSE-C; "" without one
	renames     map[string]bool // oddities of keys that the target was seen to rewrite
	started     time.Time       // the run's first start: days of locks count from it
}

// Settings are what an action depends on besides its entry and its device.
type Settings struct {
	Profile     target.Profile
	Prefix      string // "" or ending in a slash
	Rules       Rules
	Symlinks    entry.Policy
	Directories entry.Policy
	RunID       string
	CustomerKey string    // MD5 of the key of SSE-C; "" without one
	Started     time.Time // the run's first start: days of locks count from it
}

// New makes the planner of a device's entries. The rules' policies count before those
// beside them.
func New(s Settings, scope manifest.Scope) (*Planner, error) {
	for policy, rule := range map[*entry.Policy]entry.Policy{&s.Symlinks: s.Rules.Symlinks, &s.Directories: s.Rules.Directories} {
		if rule != "" {
			*policy = rule
		}
	}
	objects, err := s.Rules.compile()
	return &Planner{profile: s.Profile, keys: newKeymap(s.Prefix, s.Rules, scope.Device), objects: objects, symlinks: s.Symlinks, directories: s.Directories,
		hardlinks: s.Rules.Hardlinks, scope: scope, runID: s.RunID, customerKey: s.CustomerKey, started: s.Started}, err
}

// Profile is the target's.
func (p *Planner) Profile() target.Profile { return p.profile }

// Since gives the planner the first start of a run that goes on.
func (p *Planner) Since(started time.Time) { p.started = started }

// KeyName is an entry's key below the prefix; ok is false where it becomes no object, or the
// target's profile takes no such key.
func (p *Planner) KeyName(e entry.Entry) (name string, ok bool) {
	if _, out := p.leaves(e); out {
		return "", false
	}
	key, ok := p.keys.key(e.Record.OrderKey())
	if !ok || p.profile.CheckKey(key) != "" {
		return "", false
	}
	return key[len(p.keys.prefix):], true
}

// Plan returns the action for an entry. An error is an *Error of class
// FatalObject: this entry cannot be stored in this target.
func (p *Planner) Plan(e entry.Entry) (*Action, error) {
	r := e.Record
	a := &Action{Path: r.Path, Size: r.Size, HashedBy: entry.ByLoader, EntryID: entryID(p.scope, e.Raw[0])}
	if reason, out := p.leaves(e); out {
		a.Kind, a.Outcome, a.Reason = ActionNone, entry.OutcomeNoObject, reason
		if r.Kind == manifest.KindSkipped {
			a.Outcome = entry.OutcomeSkipped
		}
		return a, nil
	}
	a.Key, _ = p.keys.key(r.OrderKey()) // leaves has asked
	switch r.Kind {
	case manifest.KindDir:
		p.inline(a, nil)
	case manifest.KindSymlink:
		p.inline(a, []byte(r.Target))
	case manifest.KindFile, manifest.KindHardlink:
		if err := p.content(a, r); err != nil {
			return nil, err
		}
	default:
		return nil, target.NewError(target.CodeRefused, r.Path, fmt.Sprintf("entry of %v", r.Kind), nil)
	}
	if problem := p.profile.CheckKey(a.Key); problem != "" {
		return nil, target.NewError(target.CodeKeyInvalid, r.Path, problem, nil)
	}
	if what := p.renamed(a.Key); what != "" {
		return nil, target.NewError(target.CodeKeyInvalid, r.Path, "this target stores a key with "+what+" under another name", nil)
	}
	if p.keys.reserved(a.Key) {
		return nil, target.NewError(target.CodeKeyCollision, r.Path, "keys that begin with "+manifest.ReservedKeys+" right below the prefix are the import's own", nil)
	}
	if e.Clash.Kind != entry.ClashNone {
		return nil, target.NewError(target.CodeKeyCollision, r.Path, e.Clash.Cause(), nil)
	}
	a.Attributes = p.Attributes(r, a.Size)
	a.Metadata, a.LeftOut = metadata(r, a.EntryID, p.runID, p.profile.MaxMeta, a.Attributes.Size())
	return a, nil
}

// leaves tells whether an entry becomes no object, and why.
func (p *Planner) leaves(e entry.Entry) (reason string, out bool) {
	r := e.Record
	switch {
	case r.Kind == manifest.KindSkipped:
		return r.Reason, true
	case r.Kind == manifest.KindDir && p.directories == entry.PolicySkip:
		return "directories are left out by policy", true
	case r.Kind == manifest.KindDir && p.directories == entry.PolicyEmpty && e.Filled:
		return "directories with entries are left out by policy", true
	case r.Kind == manifest.KindSymlink && p.symlinks == entry.PolicySkip:
		return "symlinks are left out by policy", true
	case r.Kind == manifest.KindHardlink && p.hardlinks == entry.PolicySkip:
		return "hard links are left out by policy", true
	}
	if _, ok := p.keys.key(r.OrderKey()); !ok {
		return "keys.strip takes this directory away", true
	}
	return "", false
}

// inline plans an object whose content the signed record itself holds.
func (p *Planner) inline(a *Action, content []byte) {
	sum := crypto.SumSHA256(content)
	a.Kind, a.Size, a.Inline, a.HashedBy = ActionPut, int64(len(content)), content, entry.ByImporter
	a.Parts, a.SHA256 = [][32]byte{sum}, &sum
	if a.Inline == nil {
		a.Inline = []byte{}
	}
}

func (p *Planner) content(a *Action, r *manifest.Record) error {
	if len(r.SHA256) == 32 {
		a.SHA256 = (*[32]byte)(r.SHA256)
	}
	if r.HasCRC {
		a.CRC = target.Encode64(content.CRCBytes(r.CRC))
	}
	how, err := content.CutFor(p.profile, r)
	if err != nil {
		return target.NewError(target.CodeTooLarge, r.Path, err.Error(), nil)
	}
	a.Kind, a.PartSize = ActionMultipart, how.PartSize
	if how.PartSize == 0 {
		a.Kind = ActionPut
	}
	switch {
	case how.Anew:
		a.Cut, a.HashedBy = &how, entry.ByImporter // its parts are hashed when it is sent
		return nil
	case how.PartSize == 0:
		a.Parts = [][32]byte{*a.SHA256} // the record's own check: one part has its digest
		return nil
	}
	a.Parts = make([][32]byte, len(r.Parts))
	for i, sum := range r.Parts {
		a.Parts[i] = [32]byte(sum)
	}
	return nil
}
