package findings

import (
	"encoding/json"
	"fmt"

	"github.com/sledge-io/sledge/internal/fsck/disk"
	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// Severity orders findings; the worst one decides the verdict.
type Severity int

const (
	Note       Severity = iota // worth knowing
	Warning                    // something is not as it should be; nothing is lost
	Repairable                 // damage that rebuild can undo
	Lost                       // bytes that nobody can bring back
	Fatal                      // not proven: do not use
)

var severityNames = []string{"note", "warning", "repairable", "lost", "fatal"}

func (s Severity) String() string { return severityNames[s] }

// MarshalJSON writes the severity's name.
func (s Severity) MarshalJSON() ([]byte, error) { return json.Marshal(s.String()) }

// Verdict is the answer in one word; it drives the exit code.
type Verdict int

const (
	VerdictClean Verdict = iota
	VerdictRepairable
	VerdictLost
	VerdictRefused
)

var verdictNames = []string{"clean", "repairable", "lost", "refused"}

func (v Verdict) String() string { return verdictNames[v] }

// MarshalJSON writes the verdict's name.
func (v Verdict) MarshalJSON() ([]byte, error) { return json.Marshal(v.String()) }

func (s Severity) verdict() Verdict {
	switch s {
	case Repairable:
		return VerdictRepairable
	case Lost:
		return VerdictLost
	case Fatal:
		return VerdictRefused
	}
	return VerdictClean
}

// The two answers to "who made this?".
const (
	OriginProven   = "proven"
	OriginUnproven = "consistent, origin not proven"
)

// Finding is one fact, or a run of like facts. Class is stable; Text is for people.
type Finding struct {
	Severity    Severity `json:"severity"`
	Class       string   `json:"class"`
	Disk        string   `json:"disk,omitempty"` // as the operator named it
	Bay         *int     `json:"bay,omitempty"`
	Pack        string   `json:"pack,omitempty"` // id in hexadecimal
	Shard       *int     `json:"shard,omitempty"`
	FirstStripe *int64   `json:"first_stripe,omitempty"`
	LastStripe  *int64   `json:"last_stripe,omitempty"`
	Count       int64    `json:"count,omitempty"`
	Text        string   `json:"text"`
	Hint        string   `json:"hint,omitempty"`
}

// Report is the answer of Manifest and Disks.
type Report struct {
	Origin     string `json:"origin"`
	Sealed     bool   `json:"sealed"`
	Job        string `json:"job,omitempty"`
	Device     string `json:"device,omitempty"`
	Generation uint64 `json:"generation,omitempty"`
	Checkpoint string `json:"checkpoint,omitempty"` // the signed text
	LogSize    int64  `json:"log_size,omitempty"`
	Root       string `json:"root,omitempty"`
	Packs      int64  `json:"packs"`
	IndexPacks int64  `json:"index_packs"`
	Pages      int64  `json:"pages"`
	BytesRead  int64  `json:"bytes_read"`
	Stripes    int64  `json:"stripes"`
	BlocksBad  int64  `json:"blocks_bad"`
	// TooFewDisks: more disks are missing than there is parity, and every loss is
	// theirs: with all disks here nothing would be lost.
	TooFewDisks bool      `json:"too_few_disks,omitempty"`
	JobFile     []byte    `json:"-"` // the job file that the log names
	Findings    []Finding `json:"findings"`
	Verdict     Verdict   `json:"verdict"`
}

// Has reports whether a finding of the class was made.
func (r *Report) Has(class string) bool {
	for i := range r.Findings {
		if r.Findings[i].Class == class {
			return true
		}
	}
	return false
}

// Place is where a finding was made; zero parts are left out.
type Place struct {
	disk  *disk.Seen
	bay   int // −1: none
	pack  *wire.PackEntry
	shard int // −1: none
}

func OnDisk(d *disk.Seen) Place { return Place{disk: d, bay: -1, shard: -1} }
func InBay(bay int) Place       { return Place{bay: bay, shard: -1} }
func Nowhere() Place            { return Place{bay: -1, shard: -1} }

func InPack(p *wire.PackEntry) Place         { return Place{bay: -1, pack: p, shard: -1} }
func InShard(p *wire.PackEntry, j int) Place { return Place{bay: int(p.Bays[j]), pack: p, shard: j} }
func (p Place) On(d *disk.Seen) Place        { p.disk = d; return p }
func (p Place) finding(f *Finding) (prefix string) {
	if p.disk != nil {
		f.Disk = p.disk.Name
		prefix += "disk " + QuoteName(p.disk.Name) + ": "
	}
	if p.bay >= 0 {
		bay := p.bay
		f.Bay = &bay
		prefix += fmt.Sprintf("bay %d: ", bay)
	}
	if p.pack != nil {
		f.Pack = p.pack.ID.String()
		prefix += fmt.Sprintf("%s %s: ", p.pack.Noun(), f.Pack)
	}
	if p.shard >= 0 {
		shard := p.shard
		f.Shard = &shard
		prefix += fmt.Sprintf("shard %d: ", shard)
	}
	return prefix
}
