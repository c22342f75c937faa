package status

import (
	"encoding/json"
	"path"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/internal/vfs"
)

// Folder is where a run tells how it is: its folder, Base, in the state folder. Nothing in it is
// synced: it is worth nothing after a crash.
type Folder struct {
	Disk vfs.FS
	Base string
	Run  string // id of the run
}

// Write replaces status.json.
func (f Folder) Write(s Status) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return Replace(f.Disk, path.Join(f.Base, Name), append(text, '\n'))
}

// Last is what the run has told last. It is false where that is nothing, or is of another run.
func (f Folder) Last() (was Status, ok bool) {
	text, err := vfs.ReadFile(f.Disk, path.Join(f.Base, Name), maxFile)
	ok = err == nil && json.Unmarshal(text, &was) == nil && was.Run == f.Run
	was.Changed = was.NotFound()
	return was, ok
}

// Add appends to history.jsonl, with the changes of the requests at once since the point before,
// and thins it where it has grown too long.
func (f Folder) Add(p Progress, now time.Time, steps []request.Decision) error {
	line, err := json.Marshal(Point{At: now.UTC(), State: p.State, Entries: p.Entries, Objects: p.Objects, Bytes: p.Bytes,
		Failed: p.Failed, Retries: p.Retries, Throttle: p.Throttled, Requests: p.Requests, Limit: p.Limit, Steps: steps})
	if err != nil {
		return err
	}
	return appendLine(f.Disk, path.Join(f.Base, HistoryName), append(line, '\n'))
}
