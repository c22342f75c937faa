package appliance

import (
	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/appliance/journal"
	"github.com/sledge-io/sledge/appliance/staging"
	"github.com/sledge-io/sledge/manifest"
)

// loadState is what the journal says has been committed. What of it is in the
// manifest package catalog decides; see tallyOf.
type loadState struct {
	packs    uint64
	records  uint64
	size     int64  // of the encoded records
	entries  uint64 // looks, failed ones included
	body     int64  // bodies of packs
	segments uint64 // of these bodies
	known    map[manifest.ID]bool
	lists    map[manifest.ID]*listState
	partial  map[partialKey]*ingest.Partial
	events   [][]byte
	homes    []packHome // by pack number
	reads    map[journal.Key]*diskReads
	staged   *staging.Set // what doors took and is in no pack
	cursors  map[manifest.ID][]byte
}

// listState is what has become of a scan list.
type listState struct {
	done      journal.Ranges
	good      uint64 // entries that were loaded
	skipped   uint64 // entries that could not be
	remarked  uint64 // loaded, and not all of it
	bytes     int64  // content of the good ones
	abandoned bool   // the rest was given up
}

// count is how many of the list's items have been committed.
func (l *listState) count() uint64 {
	if l == nil {
		return 0
	}
	return l.done.Count()
}

// list makes the state of a list that is met for the first time.
func (s *loadState) list(id manifest.ID) *listState {
	l := s.lists[id]
	if l == nil {
		l = &listState{}
		s.lists[id] = l
	}
	return l
}

// begun tells whether anything of a list has been committed.
func (s *loadState) begun(list manifest.ID) bool {
	if s.lists[list].count() > 0 {
		return true
	}
	for key := range s.partial {
		if key.list == list {
			return true
		}
	}
	return false
}

type partialKey struct {
	list    manifest.ID
	ordinal uint64
}

func (s *loadState) addPack(p *manifest.Pack) {
	s.packs++
	s.body += p.BodySize
	s.segments += p.Segments
	s.known[p.ID] = true
	s.place(p)
}

func newLoadState() loadState {
	return loadState{known: map[manifest.ID]bool{}, lists: map[manifest.ID]*listState{}, partial: map[partialKey]*ingest.Partial{},
		staged: staging.NewSet(), cursors: map[manifest.ID][]byte{}}
}

func (s *loadState) add(m *journal.Message) error {
	for _, b := range m.Records {
		if err := s.addRecord(m.List, b); err != nil {
			return err
		}
	}
	if err := s.addTaken(m.Taken); err != nil {
		return err
	}
	for _, c := range m.Cursors {
		s.cursors[c.Source] = c.At
	}
	s.events = append(s.events, m.Events...)
	for _, id := range m.Abandoned {
		s.list(id).abandoned = true
		s.dropPartial(id, 0, 1<<64-1)
	}
	for _, r := range m.Reads {
		s.note(r)
	}
	if m.List.IsZero() {
		return nil
	}
	for _, r := range m.Ranges {
		s.list(m.List).done.Add(r)
		s.dropPartial(m.List, r.From, r.To)
	}
	if len(m.Partial) == 0 {
		return nil
	}
	p, err := ingest.DecodePartial(m.Partial)
	if err != nil {
		return err
	}
	key := partialKey{m.List, p.Ordinal}
	if p.From > 0 {
		old := s.partial[key]
		if old == nil || old.To != p.From || old.Identity != p.Identity {
			delete(s.partial, key) // does not fit: the file is read from its beginning
			return nil
		}
		p.Prepend(old)
	}
	s.partial[key] = p
	return nil
}

// inProgress tells whether some of a long file is committed.
func (s *loadState) inProgress(list manifest.ID, ordinal uint64) bool {
	return s.partial[partialKey{list, ordinal}] != nil
}

func (s *loadState) addRecord(list manifest.ID, b []byte) error {
	s.records++
	s.size += int64(len(b))
	kind, path, cont, err := manifest.PeekRecord(b)
	if err != nil || cont > 0 {
		return err
	}
	s.entries++
	if s.staged.Len() > 0 && kind != manifest.KindSkipped {
		s.staged.Committed(kind, path)
	}
	l := s.list(list)
	if kind != manifest.KindSkipped {
		l.good++
		size, remark, err := peekSize(b)
		l.bytes += size
		if remark {
			l.remarked++
		}
		return err
	}
	r, err := manifest.PeekHead(b)
	if err == nil && r.Reason != catalog.Gone {
		l.skipped++
	}
	return err
}

// dropPartial forgets long files in progress.
func (s *loadState) dropPartial(list manifest.ID, from, to uint64) {
	for key := range s.partial {
		if key.list == list && key.ordinal >= from && key.ordinal < to {
			delete(s.partial, key)
		}
	}
}
