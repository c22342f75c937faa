package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"path"
	"time"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

const (
	historyEvery = 10 * time.Second
	historyMost  = 1 << 20
	historyRead  = 4 << 20 // a file over this is not ours
)

// point appends to history.jsonl, and thins it where it has grown too long.
func (t *teller) point(p Progress, now time.Time) {
	r := t.run
	line, err := json.Marshal(Point{At: now.UTC(), State: p.State, Entries: p.Entries, Objects: p.Objects, Bytes: p.Bytes,
		Failed: p.Failed, Retries: p.Retries, Throttle: p.Throttled, Requests: p.Requests, Limit: p.Limit, Steps: t.steps()})
	if err == nil {
		err = appendLine(r.opts.StateDir, path.Join(r.base, HistoryName), append(line, '\n'))
	}
	if err != nil {
		r.opts.Log.Debug("history", "error", err)
	}
}

// steps are the changes of the requests at once that no point has yet.
func (t *teller) steps() (steps []request.Decision) {
	if t.run.calls == nil {
		return nil
	}
	steps, t.stepped = t.run.calls.Decisions(t.stepped)
	steps = steps[len(steps)-min(len(steps), maxSteps):]
	for i := range steps {
		steps[i].At = steps[i].At.UTC().Round(time.Millisecond)
	}
	return steps
}

// appendLine adds a line to the history. What is there stays as it is: a line that a
// crash has cut off is ended, and readers skip it.
func appendLine(disk vfs.FS, name string, line []byte) error {
	f, size, err := openHistory(disk, name)
	if err != nil {
		return err
	}
	if size > historyMost {
		f.Close()
		if err := thin(disk, name); err != nil {
			return err
		}
		if f, size, err = openHistory(disk, name); err != nil {
			return err
		}
	}
	var last [1]byte
	if size > 0 {
		if _, err = f.ReadAt(last[:], size-1); err == nil && last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	if err == nil {
		_, err = f.WriteAt(line, size)
	}
	return errors.Join(err, f.Close())
}

// openHistory opens the file to be written, and makes it where it is not there.
func openHistory(disk vfs.FS, name string) (f vfs.File, size int64, err error) {
	f, err = disk.Open(name, vfs.OpenOptions{Write: true})
	if errors.Is(err, fs.ErrNotExist) {
		f, err = disk.Create(name, vfs.CreateOptions{})
	}
	if err != nil {
		return nil, 0, err
	}
	if size, err = f.Size(); err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, size, nil
}

// thin leaves out every second line.
func thin(disk vfs.FS, name string) error {
	old, err := vfs.ReadFile(disk, name, historyRead)
	if err != nil {
		return err
	}
	return durable.WriteFile(disk, name, everySecond(old))
}

// everySecond leaves out every second line.
func everySecond(text []byte) (kept []byte) {
	keep := true
	for line := range bytes.Lines(text) {
		if keep {
			kept = append(kept, line...)
		}
		keep = !keep
	}
	return kept
}
