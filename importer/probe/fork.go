package probe

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// fork is a prober of some of p's keys, which works beside others. Nobody else touches these keys
// until it has joined.
func (p *Prober) fork(names ...string) *Prober {
	f := &Prober{target: p.target, calls: p.calls, prefix: p.prefix, keys: names, own: p.own}
	f.versions = p.versions
	for _, name := range names {
		key := p.prefix + name
		for _, u := range p.uploads {
			if u.Key == key {
				f.uploads = append(f.uploads, u)
			}
		}
		if slices.Contains(p.lost, key) {
			f.lost = append(f.lost, key)
		}
		if versions := p.written[key]; len(versions) > 0 {
			for _, version := range versions {
				f.wrote(key, target.Stored{VersionID: version})
			}
		}
		if p.seen[key] {
			f.saw(key, "")
		}
	}
	return f
}

// join takes over what a fork has learned of its keys, and what it has left.
func (p *Prober) join(f *Prober) {
	for _, name := range f.keys {
		key := p.prefix + name
		p.uploads = slices.DeleteFunc(p.uploads, func(u target.Upload) bool { return u.Key == key })
		p.lost = slices.DeleteFunc(p.lost, func(lost string) bool { return lost == key })
		delete(p.written, key)
		delete(p.seen, key)
	}
	p.uploads, p.lost = append(p.uploads, f.uploads...), append(p.lost, f.lost...)
	if p.written == nil {
		p.written = map[string][]string{}
	}
	maps.Copy(p.written, f.written)
	for key := range f.seen {
		p.saw(key, "")
	}
	p.versions = p.versions || f.versions
	for _, key := range f.report.Left {
		p.Leave(key)
	}
	for _, key := range f.report.Kept {
		p.keep(key)
	}
}

// clean removes the probe's own objects and uploads, of all keys at once, and names what is left.
func (p *Prober) clean(ctx context.Context) error { return p.cleanBy(ctx, (*Prober).Remove) }

// cleanBefore is clean before anything was written: no Complete is under way that could make an
// object behind our look, so that uploads and objects are asked for at once.
func (p *Prober) cleanBefore(ctx context.Context) error {
	return p.cleanBy(ctx, (*Prober).removeAtOnce)
}

func (p *Prober) cleanBy(ctx context.Context, remove func(*Prober, context.Context, string) error) error {
	p.report.Left, p.report.Kept = nil, nil
	forks, ends := make([]*Prober, len(p.keys)), make([]error, len(p.keys))
	var all sync.WaitGroup
	for i, name := range p.keys {
		forks[i] = p.fork(name)
		all.Go(func() { ends[i] = forks[i].cleanOne(ctx, name, remove) })
	}
	all.Wait()
	for _, f := range forks {
		p.join(f)
	}
	return request.First(ends)
}

// cleanOne is clean for one key.
func (p *Prober) cleanOne(ctx context.Context, name string, remove func(*Prober, context.Context, string) error) error {
	key := p.prefix + name
	err := remove(p, ctx, key)
	if err == nil {
		return nil
	}
	p.keepOrLeave(key, err)
	if request.Forbidden(err) {
		return nil
	}
	return err
}

// removeAtOnce ends the uploads of a fork's only key while it removes the objects.
func (p *Prober) removeAtOnce(ctx context.Context, key string) error {
	uploads := p.fork(p.keys...)
	ends := make([]error, 2)
	var ended sync.WaitGroup
	ended.Go(func() { ends[0] = uploads.abort(ctx, key) })
	ends[1] = p.removeObjects(ctx, key)
	ended.Wait()
	p.uploads, p.lost = uploads.uploads, uploads.lost
	for _, key := range uploads.report.Left {
		p.Leave(key)
	}
	return request.First(ends)
}

// abortAll ends uploads of a key, all at once.
func (p *Prober) abortAll(ctx context.Context, key string, ids []string) error {
	ends := make([]error, len(ids))
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() {
			ends[i] = p.as(ctx, request.AbortMultipartUpload, func(ctx context.Context) error { return p.target.AbortUpload(ctx, key, id) })
		})
	}
	all.Wait()
	return request.First(ends)
}
