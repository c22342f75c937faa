package importer

import (
	"context"
	"time"

	"github.com/sledge-io/sledge/importer/request"
)

// joinSent is when a Complete of an entry may have been sent at the latest, of which no answer is
// known; zero if none was. What was to be sent may have waited until the process's last word.
func (c *canceler) joinSent(g *given) time.Time {
	sent := g.upload.open()
	if sent.IsZero() || g.upload.Aborted {
		return sent
	}
	return later(sent, c.lastSent)
}

// giveUp aborts what there is of an entry's upload, and reports whether nothing is left of it but
// what its Complete may yet bring. An upload without an id is looked for.
func (c *canceler) giveUp(ctx context.Context, g *given) bool {
	r, p := c.run, g.upload
	switch {
	case p.spent():
		return true
	case p.UploadID == "":
		c.list.count(&c.out.Aborted, r.orphan(ctx, g.action.Key, p.At))
		return true
	case r.giveBack(ctx, g.action.Key, p.UploadID) != nil:
		return false
	}
	c.list.count(&c.out.Aborted, 1)
	return true
}

// joined aborts an upload whose Complete may be under way in the store, and looks at its key. What
// is not there may yet appear: it is named, and the upload stays known to the next call.
func (c *canceler) joined(ctx context.Context, g *given, sent time.Time) error {
	r, at, p := c.run, g.entry.Place(), g.upload
	if err := r.ours(); err != nil {
		return err
	}
	if !p.Aborted {
		p.Aborted = c.giveUp(ctx, g)
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
