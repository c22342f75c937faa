package importer

import (
	"encoding/json"
	"path"
	"time"

	"github.com/sledge-io/sledge/importer/status"
)

const (
	historyEvery = 10 * time.Second
)

// point appends to history.jsonl, and thins it where it has grown too long.
func (t *teller) point(p status.Progress, now time.Time) {
	r := t.run
	line, err := json.Marshal(status.Point{At: now.UTC(), State: p.State, Entries: p.Entries, Objects: p.Objects, Bytes: p.Bytes,
		Failed: p.Failed, Retries: p.Retries, Throttle: p.Throttled, Requests: p.Requests})
	if err == nil {
		err = status.AppendLine(r.opts.StateDir, path.Join(r.base, status.HistoryName), append(line, '\n'))
	}
	if err != nil {
		r.opts.Log.Debug("history", "error", err)
	}
}
