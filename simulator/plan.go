package simulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
)

// Trouble is one thing that goes wrong in a life.
type Trouble string

// The troubles, by the phase that they belong to.
const (
	PowerCut          Trouble = "power-cut"
	LyingCache        Trouble = "lying-cache"
	CtrlC             Trouble = "ctrl-c"
	WriteError        Trouble = "write-error"
	SyncError         Trouble = "fsync-error"
	DiskFull          Trouble = "disk-full"
	DiskAbsent        Trouble = "disk-absent"
	LostWrite         Trouble = "lost-write"
	Misdirected       Trouble = "misdirected-write"
	RotWhileLoad      Trouble = "bit-rot"
	ClockBack         Trouble = "clock-back"
	ClockForward      Trouble = "clock-forward"
	FileChanges       Trouble = "file-changes"
	FileVanishes      Trouble = "file-vanishes"
	FileFails         Trouble = "file-unreadable"
	WrongCode         Trouble = "wrong-code"
	WrongOrder        Trouble = "wrong-order"
	DoubleLoad        Trouble = "double-load"
	SourceFails       Trouble = "source-fails"
	OtherMedium       Trouble = "other-medium"
	SecondSource      Trouble = "second-source"
	KindsFlip         Trouble = "kinds-flip"
	ModesChange       Trouble = "modes-change"
	LinksRotate       Trouble = "links-rotate"
	Continued         Trouble = "continued-later"
	Abandoned         Trouble = "load-abandoned"
	LeftUnfinished    Trouble = "left-unfinished"
	SmallDisks        Trouble = "small-disks"
	FsyncFull         Trouble = "fsync-full"
	NoDescriptors     Trouble = "no-descriptors"
	LyingHoles        Trouble = "lying-holes"
	SourceGone        Trouble = "source-gone"
	Forgets           Trouble = "disk-forgets"
	AttributesFail    Trouble = "attributes-fail"
	RebuildCut        Trouble = "rebuild-cut"
	SealPowerCut      Trouble = "seal-power-cut"
	SealCtrlC         Trouble = "seal-ctrl-c"
	SealError         Trouble = "seal-write-error"
	DoubleSeal        Trouble = "double-seal"
	ForeignDisk       Trouble = "foreign-disk"
	StaleDisk         Trouble = "stale-disk"
	OtherLabel        Trouble = "other-label"
	DisksLost         Trouble = "disks-lost"
	BlocksRot         Trouble = "blocks-rot"
	BlocksSwapped     Trouble = "blocks-swapped"
	ShardCut          Trouble = "shard-cut"
	SealedRebuildCut  Trouble = "sealed-rebuild-cut"
	LogRots           Trouble = "log-rot"
	TooMuchRots       Trouble = "too-much-rot"
	WireFails         Trouble = "requests-fail"
	HostCrash         Trouble = "host-crash"
	ImportCtrlC       Trouble = "import-ctrl-c"
	StateFull         Trouble = "state-full"
	StateLost         Trouble = "state-lost"
	SecondImport      Trouble = "second-import"
	DoubleImport      Trouble = "double-import"
	OtherHost         Trouble = "other-host"   // where the journal is in the target
	OtherCancel       Trouble = "other-cancel" // likewise
	KeyTaken          Trouble = "key-taken"
	SameObject        Trouble = "same-object"
	OthersUpload      Trouble = "others-upload"
	StoreLies         Trouble = "store-lies"
	OtherStore        Trouble = "other-store" // with versions, a slow Complete, small pages
	KeysRenamed       Trouble = "keys-renamed"
	AttributesDropped Trouble = "attributes-dropped"
	HeadBehind        Trouble = "head-lags"
	False412          Trouble = "false-412"
	ClocksApart       Trouble = "clocks-apart"
	TargetEmptied     Trouble = "target-emptied"
	TargetSwapped     Trouble = "target-swapped"
	StoreAway         Trouble = "store-away" // for longer than all retries
	CredentialsExpire Trouble = "credentials-expire"
	ImportPaused      Trouble = "import-paused" // and resumed by another process
	HoursEnd          Trouble = "hours-end"
	PausedHost        Trouble = "paused-host" // and taken over, where the journal is in the target
	AsleepHost        Trouble = "asleep-host" // likewise: its hours have ended
)

// Aspects of troubles that are counted by themselves, and not drawn alone. Calls that a
// source has refused are counted, too: see refusal.
const (
	NotRecognised Trouble = "not-recognised" // continued-later, of a medium that nothing tells from others
	SmallRoom     Trouble = "small-room"     // small-disks, whether or not they became full
	FlipRefused   Trouble = "flip-refused"   // kinds-flip, where another source is
	FlipCut       Trouble = "flip-cut"       // kinds-flip, cut where some of what is new is safe
	LinksFail     Trouble = "links-fail"     // links-rotate, where names that were loaded fail for good
	LinksSwap     Trouble = "links-swap"     // links-rotate, without a time that changes
)

// phase is a part of a life.
type phase int

const (
	loading phase = iota
	sealing
	carrying
	importing
)

func (p phase) String() string { return [...]string{"load", "seal", "carry", "import"}[p] }

var troubles = []struct {
	What  Trouble
	Phase phase
}{
	{PowerCut, loading}, {LyingCache, loading}, {CtrlC, loading}, {WriteError, loading}, {SyncError, loading}, {DiskFull, loading}, {DiskAbsent, loading},
	{LostWrite, loading}, {Misdirected, loading}, {RotWhileLoad, loading}, {ClockBack, loading}, {ClockForward, loading},
	{FileChanges, loading}, {FileVanishes, loading}, {FileFails, loading}, {WrongCode, loading}, {WrongOrder, loading}, {DoubleLoad, loading},
	{SourceFails, loading}, {OtherMedium, loading}, {SecondSource, loading}, {KindsFlip, loading}, {ModesChange, loading}, {LinksRotate, loading},
	{Continued, loading}, {Abandoned, loading}, {LeftUnfinished, loading}, {SmallDisks, loading},
	{FsyncFull, loading}, {NoDescriptors, loading}, {LyingHoles, loading}, {SourceGone, loading}, {Forgets, loading}, {RebuildCut, loading}, {AttributesFail, loading},
	{SealPowerCut, sealing}, {SealCtrlC, sealing}, {SealError, sealing}, {DoubleSeal, sealing},
	{ForeignDisk, carrying}, {StaleDisk, carrying}, {OtherLabel, carrying}, {DisksLost, carrying}, {BlocksRot, carrying}, {BlocksSwapped, carrying}, {ShardCut, carrying}, {LogRots, carrying}, {SealedRebuildCut, carrying}, {TooMuchRots, carrying},
	{WireFails, importing}, {HostCrash, importing}, {ImportCtrlC, importing}, {StateFull, importing}, {StateLost, importing}, {SecondImport, importing}, {DoubleImport, importing}, {OtherHost, importing}, {OtherCancel, importing}, {KeyTaken, importing}, {SameObject, importing}, {OthersUpload, importing}, {StoreLies, importing},
	{StoreAway, importing}, {CredentialsExpire, importing}, {ImportPaused, importing}, {HoursEnd, importing}, {PausedHost, importing}, {AsleepHost, importing},
	{OtherStore, importing}, {KeysRenamed, importing}, {AttributesDropped, importing}, {HeadBehind, importing}, {False412, importing}, {ClocksApart, importing}, {TargetEmptied, importing}, {TargetSwapped, importing},
}

// Troubles are all that a life may meet.
func Troubles() []Trouble {
	all := make([]Trouble, len(troubles))
	for i, t := range troubles {
		all[i] = t.What
	}
	return all
}

func (t Trouble) phase() phase {
	for _, x := range troubles {
		if x.What == t {
			return x.Phase
		}
	}
	panic("simulator: unknown trouble " + string(t))
}

// Event is a trouble with its own dice, so that leaving others out changes nothing
// of it.
type Event struct {
	What Trouble `json:"what"`
	Dice uint64  `json:"dice"`
}

func (e Event) rng() *rand.Rand { return rand.New(rand.NewPCG(e.Dice, 0x65)) }

// Plan is one life, decided before it begins.
type Plan struct {
	Seed    uint64    `json:"seed"`
	Allowed []Trouble `json:"-"` // what Events were drawn from; nil is all
	Events  []Event   `json:"events"`
	Only    []int     `json:"-"` // indices of Events that happen; nil is all
}

// NewPlan draws a life. Of the troubles only those given happen; nil is all.
func NewPlan(seed uint64, allowed []Trouble) Plan {
	rng := rand.New(rand.NewPCG(seed, 0x706c616e))
	p := Plan{Seed: seed, Allowed: allowed}
	if allowed == nil {
		allowed = Troubles()
	}
	if len(allowed) == 0 {
		return p
	}
	for range 1 + rng.IntN(8) {
		p.Events = append(p.Events, Event{allowed[rng.IntN(len(allowed))], rng.Uint64()})
	}
	if small := rand.New(rand.NewPCG(seed, 0x736d616c)); small.IntN(8) == 0 && slices.Contains(allowed, SmallDisks) {
		p.Events = append(p.Events, Event{SmallDisks, small.Uint64()})
	}
	slices.SortStableFunc(p.Events, func(a, b Event) int { return int(a.What.phase()) - int(b.What.phase()) })
	return p
}

// Alone is the plan with nothing but the events that happen: what is kept of a
// finding, so that it stays the same life whatever is drawn from its seed later.
func (p Plan) Alone() Plan {
	alone := Plan{Seed: p.Seed}
	for _, i := range p.indices() {
		alone.Events = append(alone.Events, p.Events[i])
	}
	return alone
}

// in lists the events of a phase that happen.
func (p Plan) in(ph phase) (events []Event) {
	for i, e := range p.Events {
		if e.What.phase() == ph && (p.Only == nil || slices.Contains(p.Only, i)) {
			events = append(events, e)
		}
	}
	return events
}

// has tells whether a trouble happens.
func (p Plan) has(what Trouble) bool {
	return slices.ContainsFunc(p.in(what.phase()), func(e Event) bool { return e.What == what })
}

// indices are those of the events that happen.
func (p Plan) indices() []int {
	if p.Only != nil {
		return p.Only
	}
	all := make([]int, len(p.Events))
	for i := range all {
		all[i] = i
	}
	return all
}

// Command replays the life.
func (p Plan) Command() string {
	s := fmt.Sprintf("sledge simulate --seed %d --lives 1", p.Seed)
	if p.Allowed != nil {
		var names []string
		for _, t := range p.Allowed {
			names = append(names, string(t))
		}
		s += " --faults " + strings.Join(names, ",")
	}
	if p.Only != nil {
		s += " --only " + joinInts(p.Only)
	}
	return s
}

func joinInts(all []int) string {
	if len(all) == 0 {
		return "none"
	}
	texts := make([]string, len(all))
	for i, n := range all {
		texts[i] = strconv.Itoa(n)
	}
	return strings.Join(texts, ",")
}

// String names the seed and what happens.
func (p Plan) String() string {
	texts := []string{}
	for _, i := range p.indices() {
		texts = append(texts, fmt.Sprintf("%d %s", i, p.Events[i].What))
	}
	return fmt.Sprintf("seed %d: %s", p.Seed, strings.Join(texts, ", "))
}
