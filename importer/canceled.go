package importer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"sync"

	"github.com/sledge-io/sledge/internal/vfs"
)

// Canceled is what giving a run up has come to. Every object that it leaves, and
// every one that it removes, is a line of the file List; each call has one of its own.
type Canceled struct {
	// Recorded says that the state folder keeps, durably, that the run is canceled: before
	// this call, or by it. Without it nothing was given up.
	Recorded bool `json:"recorded"`

	// Unsure, instead of Recorded, says that the state folder shows that the run is canceled, and
	// may lose that with the power: starts and readers go by it as long as it is there.
	Unsure bool `json:"unsure,omitempty"`

	// HereOnly, with Recorded, says that the journal in the target does not keep that the run is
	// canceled: another host can go on with it, or has done so. Only an older sledge leaves that.
	HereOnly bool `json:"here_only,omitempty"`

	// ThereOnly, instead of Recorded, says that the journal in the target keeps that the run is
	// canceled, or may keep it, and that the state folder does not. No host goes on with it then.
	ThereOnly bool `json:"there_only,omitempty"`

	Aborted uint64 `json:"aborted"` // uploads of ours that were not finished
	Deleted uint64 `json:"deleted"` // objects of ours
	Left    uint64 `json:"left"`    // objects of ours that stay
	Changed uint64 `json:"changed"` // that are not ours any more, or not what we stored: they stay
	Failed  uint64 `json:"failed"`  // that could not be looked at or removed
	Gone    uint64 `json:"gone"`    // that the journal knows, and the target has not
	Uploads uint64 `json:"left_uploads"`
	List    string `json:"list"`               // in the state folder
	NoProbe string `json:"no_probe,omitempty"` // why the target could not be probed: uploads that no answer told of were not looked for

	// Late are the keys that are not in the target, and may yet appear there: a request of the run
	// had no answer. The call made again after that time knows.
	Late []Late `json:"late,omitempty"`

	// Unasked are the keys of the run's commit markers that the call did not come to.
	Unasked []string `json:"-"`

	// NotesUnread is why the run's notes of its commit markers could not all be read: there may be
	// markers whose keys the call did not know.
	NotesUnread string `json:"commit_notes_unread,omitempty"`

	// Journal is the one key that stays of a journal in the target: it tells every
	// other host that the run was given up.
	Journal string `json:"journal,omitempty"`

	// JournalLeft is the prefix below which more of it stays, or the run's marker does, until the
	// call is made again: this one was cut short or refused, or something is left that the journal
	// tells of.
	JournalLeft string `json:"journal_left,omitempty"`
}

// CanceledLine is one line of that file.
type CanceledLine struct {
	Key       string `json:"key"`
	VersionID string `json:"version_id,omitempty"`
	What      string `json:"what"` // left, deleted, changed, failed, gone, late
	Detail    string `json:"detail,omitempty"`
}

// canceledName is the list of a call, from 1.
func canceledName(call int) string {
	if call == 1 {
		return "canceled.jsonl"
	}
	return fmt.Sprintf("canceled-%d.jsonl", call)
}

// canceledList is the file of one call. Lines come from many workers, each whole.
type canceledList struct {
	disk vfs.FS
	name string
	file vfs.File
	mu   sync.Mutex
	end  io.Writer
}

// newCanceledList makes the next list of a run's folder.
func newCanceledList(disk vfs.FS, base string) (*canceledList, error) {
	for n := 1; ; n++ {
		name := path.Join(base, canceledName(n))
		file, err := disk.Create(name, vfs.CreateOptions{})
		if !errors.Is(err, fs.ErrExist) {
			return &canceledList{disk: disk, name: name, file: file, end: vfs.NewWriter(file, 0)}, stateError(err)
		}
	}
}

// add writes a line and counts it. It writes at once: what ends this process loses no
// line.
func (l *canceledList) add(line CanceledLine, count *uint64) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	l.count(count, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err = l.end.Write(append(text, '\n'))
	return stateError(err)
}

// count adds to a number of the call.
func (l *canceledList) count(n *uint64, more uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*n += more
}

func (l *canceledList) close() error {
	return stateError(errors.Join(l.file.Sync(), l.file.Close(), l.disk.SyncDir(path.Dir(l.name))))
}
