package appliance

import (
	"sync"
	"time"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/manifest"
)

// Progress is a snapshot of a running load. Bytes and entries are those read;
// Safe ones are committed.
type Progress struct {
	Entries, TotalEntries uint64 // of the list that is loaded, as all that follows
	Bytes, TotalBytes     int64
	SafeEntries           uint64
	SafeBytes             int64
	Skipped               uint64
	File                  string // at work: the one that is read for longest
	SlowDisk              string // the one that the others wait for, if there is one
	SlowDiskRate          int64  // how many bytes a second it takes
	ReadBack, ToReadBack  int64  // bytes on disks, once all is loaded: what is committed is read back
}

// SkippedEntry is an entry that could not be loaded.
type SkippedEntry struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
	Detail string `json:"detail"`
	Kept   bool   `json:"kept"` // a version that was loaded before is on the device
}

// LoadReport is what a load did. Skipped and the scan's paths are capped; counts are
// exact.
type LoadReport struct {
	Scan         scan.Report    `json:"scan"` // the last one; counts of what was compared are of all scans
	Resumed      bool           `json:"resumed"`
	Entries      uint64         `json:"entries"`    // that this load has made safe, be it before an interruption
	Before       uint64         `json:"before"`     // of them, those of before this call
	Bytes        int64          `json:"bytes"`      // content of the entries
	Lost         uint64         `json:"lost"`       // that this load has written, and that the disks do not give back; none of the entries
	LostBytes    int64          `json:"lost_bytes"` // content of the lost ones
	SkippedCount uint64         `json:"skipped_count"`
	Skipped      []SkippedEntry `json:"skipped"`
	Remarked     uint64         `json:"remarked"`      // loaded, and not all of it: attributes, say
	KnownContent uint64         `json:"known_content"` // of the entries, files of which only the record is new: this call's
	Plan         Plan           `json:"plan"`          // of the last list, before its first byte
	Withdrawn    uint64         `json:"withdrawn"`     // gone from the source, and withdrawn
	WithdrawHeld uint64         `json:"withdraw_held"` // gone, and needed by entries that stay, or not gone for certain
	NotWithdrawn string         `json:"not_withdrawn"` // why nothing was, though something is gone; "" otherwise
	NoRoomCount  uint64         `json:"no_room_count"`
	NoRoom       []string       `json:"-"` // files that are larger than what is free
	FailedDisks  []string       `json:"failed_disks"`
	SlowDisk     string         `json:"slowest_disk,omitempty"` // the one that the others waited for, if there was one
	SlowDiskRate int64          `json:"slowest_disk_bytes_per_second,omitempty"`
	Status       Status         `json:"status"`

	readBack func(done, total int64) // takes the progress of the read-back
	damaged  []*scanList             // whose sources are scanned again
	gone     *goneEntries            // nil: nothing is withdrawn
	away     awayPaths               // of the skipped, those that were not there any more

	lists     map[manifest.ID]bool // that were loaded
	looks     uint64               // that the journal had before this call
	continued []manifest.ID        // those that earlier calls had begun
}

const maxSkipped = 10000

// remember takes from the journal what an earlier call could not load of the list.
func (l *loader) remember() error {
	st := l.d.state.lists[l.list.copies.ID]
	if st == nil || st.skipped == 0 {
		return nil
	}
	l.skipped.Add(st.skipped)
	l.report.SkippedCount += st.skipped
	return l.d.eachListed(func(list manifest.ID, b []byte) error {
		if list != l.list.copies.ID {
			return nil
		}
		kind, _, _, err := manifest.PeekRecord(b)
		if err != nil || kind != manifest.KindSkipped {
			return err
		}
		r, err := manifest.PeekHead(b)
		if err != nil {
			return err
		}
		if r.Reason == scan.Vanished {
			l.report.away.add(r.Path)
		}
		if r.Reason != catalog.Gone && len(l.report.Skipped) < maxSkipped {
			l.report.Skipped = append(l.report.Skipped, SkippedEntry{Path: r.Path, Reason: r.Reason, Detail: r.Detail})
		}
		return nil
	}, nil)
}

// keep returns a function that is to be called for all good entries: of those that were
// skipped the device has an earlier version. Whichever call skipped them, and as what,
// is the catalog's to judge.
func (r *LoadReport) keep() func(path string) {
	at := map[string][]int{}
	for i, s := range r.Skipped {
		at[s.Path] = append(at[s.Path], i)
	}
	return func(path string) {
		for _, i := range at[path] {
			r.Skipped[i].Kept = true
		}
	}
}

// tell puts what has become of the list into the report: what is committed, whoever
// committed it. Entries may be on both of a continued load's lists: until lookBack has
// counted them the longer one stands for both.
func (l *loader) tell() {
	l.d.mu.Lock()
	defer l.d.mu.Unlock()
	if st := l.d.state.lists[l.list.copies.ID]; st != nil {
		l.report.Entries, l.report.Bytes = max(l.report.Entries, st.good), max(l.report.Bytes, st.bytes)
		l.report.Remarked += st.remarked
		l.report.KnownContent += l.known.Load()
	}
}

// replaced notes a file whose size and time are those of the version on the device,
// and whose bytes are not.
func (l *loader) replaced(path string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.Scan.Replaced++
	l.report.Scan.ReplacedPaths = scan.AppendPath(l.report.Scan.ReplacedPaths, path)
}

// noRoom leaves a file out that cannot fit; the list stays unfinished.
func (l *loader) noRoom(it *scan.Item) {
	l.report.NoRoomCount++
	l.report.NoRoom = scan.AppendPath(l.report.NoRoom, it.Path)
}

// reportInterval is how often a work tells how far it is.
const reportInterval = 500 * time.Millisecond

// reportProgress calls the progress function until stop is called.
func (l *loader) reportProgress() (stop func()) {
	if l.o.Progress == nil {
		return func() {}
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(reportInterval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				l.o.Progress(l.progress())
			case <-done:
				l.o.Progress(l.progress())
				return
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

func (l *loader) progress() Progress {
	p := l.total
	p.File = l.files.oldest()
	p.SlowDisk, p.SlowDiskRate = l.d.slowest()
	p.Entries, p.Bytes, p.Skipped = l.entries.Load(), l.bytes.Load(), l.skipped.Load()
	l.d.mu.Lock()
	if st := l.d.state.lists[l.list.copies.ID]; st != nil {
		p.SafeEntries, p.SafeBytes = st.good, st.bytes
	}
	l.d.mu.Unlock()
	return p
}

func (l *loader) skip(it *scan.Item, reason, detail string) {
	l.skipped.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.report.SkippedCount++
	if reason == scan.Vanished {
		l.report.away.add(it.Path)
	}
	if len(l.report.Skipped) < maxSkipped {
		l.report.Skipped = append(l.report.Skipped, SkippedEntry{Path: it.Path, Reason: reason, Detail: detail})
	}
}

// slowest names the disk that the others wait for, and how many bytes a second it takes;
// "" if there is none.
func (d *Device) slowest() (disk string, rate int64) {
	if p := d.bays.Slowest(time.Now()); p != nil {
		return p.Disk, int64(p.Rate)
	}
	return "", 0
}
