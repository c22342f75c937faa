package importer

import (
	"context"
	"time"

	"github.com/sledge-io/sledge/importer/request"
)

// joinSent is when a Complete of an entry may have been sent at the latest, of which no answer is
// known; zero if none was. What was to be sent may have waited until the process's last word.
func (c *canceler) joinSent(g *given) time.Time {
	switch {
	case g.upload.UploadID == "" || g.upload.Joins.IsZero():
		return time.Time{}
	case g.upload.Aborted:
		return g.upload.Joins
	}
	return later(g.upload.Joins, c.lastSent)
}

// joined aborts an upload whose Complete may be under way in the store, and looks at its key. What
// is not there may yet appear: it is named, and the upload stays known to the next call.
func (c *canceler) joined(ctx context.Context, g *given, sent time.Time) error {
	r, at, p := c.run, g.entry.Place(), g.upload
	if err := r.ours(); err != nil {
		return err
	}
	if !p.Aborted {
		p.Aborted = r.giveBack(ctx, g.action.Key, p.UploadID) == nil
		if p.Aborted {
			c.list.count(&c.out.Aborted, 1)
		}
		p.Joins, p.Left, p.Held = sent, !p.Aborted, false
		if err := r.keepUpload(ctx, &transfer{run: r, at: at, entry: g.entry, action: g.action}, p); err != nil {
			return err
		}
	}
	if err := c.object(ctx, g); err != nil {
		return err
	}
	switch {
	case g.there && p.Aborted:
		return r.dropUpload(ctx, at)
	case g.there:
		return nil
	}
	return c.late(g.action.Key, request.CompleteMultipartUpload, sent)
}
