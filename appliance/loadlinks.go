package appliance

import (
	"context"
	"time"

	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/manifest"
)

// links commits the further names of hard links: the record of the name that
// carries the data gives digests and extents. Names whose carrier could not be
// loaded are loaded as files of their own.
func (l *loader) links(ctx context.Context) error {
	carriers, done, err := l.carriers(ctx)
	if err != nil {
		return err
	}
	defer done()
	committed, room := l.committed(), l.d.roomForFile()
	carrier, stop := newest(carriers)
	defer stop()
	var b ingest.Batch
	since := l.d.cfg.Now()
	return l.work(ctx, func(send func(unit) error) error {
		var prev *manifest.Record
		err := l.items(ctx, func(n uint64, it *scan.Item) error {
			if it.Kind != manifest.KindHardlink {
				return nil
			}
			if committed.Has(n) {
				l.entries.Add(1)
				return nil
			}
			if prev == nil || prev.Path != it.LinkTo {
				var err error
				if prev, err = carrier(it.LinkTo); err != nil {
					return err
				}
			}
			if prev == nil || prev.Path != it.LinkTo || prev.Kind != manifest.KindFile || !l.sameFile(it, prev) {
				it.Kind, it.LinkTo, it.Group = manifest.KindFile, "", 0
				if it.Size > room && l.src.Needs(it.Path) > room {
					l.noRoom(it)
					return nil
				}
				return send(unit{first: n, items: []*scan.Item{it}})
			}
			r := *prev
			r.Kind, r.Path, r.LinkTo, r.LinkGroup = manifest.KindHardlink, it.Path, it.LinkTo, it.Group
			b.Add(&ingest.Pending{Ordinal: n, Record: r})
			l.entries.Add(1)
			if now := l.d.cfg.Now(); b.Full() || now.Sub(since) >= time.Duration(l.d.cfg.Job.Policy.PackSeconds)*time.Second {
				full := b
				b, since = ingest.Batch{}, now
				return l.d.commit(nil, nil, &full, l.list.copies.ID)
			}
			return nil
		})
		if err == nil && !b.Empty() {
			err = l.d.commit(nil, nil, &b, l.list.copies.ID)
		}
		return err
	})
}

// sameFile checks that the further name still is the file that was loaded.
func (l *loader) sameFile(it *scan.Item, r *manifest.Record) bool {
	now := l.src.Stat(it.Path)
	return now.Kind == manifest.KindFile && now.Ino == it.Ino && now.Size == r.Size && now.Mtime == r.Mtime.UnixNano() && now.Ctime == r.Ctime.UnixNano()
}

// carriers sorts the committed records that carry the data of link groups.
func (l *loader) carriers(ctx context.Context) (*extsort.Sorter, func(), error) {
	return l.chains(ctx, func(r *manifest.Record) bool { return r.Kind == manifest.KindFile && r.LinkGroup != 0 })
}

// chains sorts committed records by path, each with its continuations; of several of
// one path the newest is the last.
func (l *loader) chains(ctx context.Context, want func(*manifest.Record) bool) (*extsort.Sorter, func(), error) {
	s, done, err := l.d.newSorter(sortMemory)
	if err != nil {
		return nil, nil, err
	}
	var chain []byte
	var path string
	keep := false
	flush := func() error {
		if !keep {
			return nil
		}
		keep = false
		return s.Add([]byte(path), chain)
	}
	err = l.d.eachRecord(func(b []byte) error {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		r, err := manifest.PeekHead(b)
		if err != nil {
			return err
		}
		if r.Kind == manifest.KindContinuation {
			if keep {
				chain = appendChain(chain, b)
			}
			return nil
		}
		if err := flush(); err != nil {
			return err
		}
		if want(r) {
			keep, path, chain = true, r.Path, appendChain(nil, b)
		}
		return nil
	})
	if err == nil {
		err = flush()
	}
	if err != nil {
		done()
		return nil, nil, err
	}
	return s, done, nil
}

// newest reads sorted chains path by path; stop must be called.
func newest(chains *extsort.Sorter) (get prior, stop func()) {
	next, stop := extsort.Pull(chains)
	at := next()
	return func(path string) (*manifest.Record, error) {
		var chain string
		for ; at.OK && at.Key <= path; at = next() {
			if at.Key == path {
				chain = at.Value
			}
		}
		if at.Err != nil || chain == "" {
			return nil, at.Err
		}
		return decodeChain([]byte(chain))
	}, stop
}
