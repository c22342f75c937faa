package ingesttest

import (
	"context"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/manifest"
)

// Memory is a device whose sinks keep entries in memory. All that they take is durable
// from the next flush on.
type Memory struct {
	mu      sync.Mutex
	now     state // accepted
	durable state
}

type state struct {
	kinds   map[string]manifest.Kind
	content map[string]string
	cursors map[ingest.SourceID]string
}

func (s *state) clone() state {
	return state{maps.Clone(s.kinds), maps.Clone(s.content), maps.Clone(s.cursors)}
}

// NewMemory is an empty one.
func NewMemory() *Memory {
	empty := state{map[string]manifest.Kind{}, map[string]string{}, map[ingest.SourceID]string{}}
	return &Memory{now: empty, durable: empty.clone()}
}

// Session implements Device.
func (m *Memory) Session(testing.TB) ingest.Sink {
	return &memorySink{m: m, refs: map[ingest.Ref]string{}}
}

// Crash implements Device.
func (m *Memory) Crash(testing.TB) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = m.durable.clone()
}

// Read implements Device.
func (m *Memory) Read(t testing.TB) map[string]string {
	m.Crash(t)
	return m.now.content
}

type memorySink struct {
	m    *Memory
	refs map[ingest.Ref]string
}

// Put implements ingest.Sink.
func (s *memorySink) Put(ctx context.Context, e ingest.Entry, body io.Reader) (ingest.Ref, error) {
	if err := e.Check(); err != nil {
		return ingest.Ref{}, err
	}
	var text string
	switch e.Kind {
	case manifest.KindFile:
		b, err := readAll(ctx, body)
		if err == nil {
			err = e.Ended(int64(len(b)))
		}
		if err != nil {
			return ingest.Ref{}, err
		}
		text = string(b)
	case manifest.KindDir:
		text = "/"
	case manifest.KindSymlink:
		text = "→" + e.Target
	}
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	ref := ingest.NewRef()
	s.refs[ref] = text
	return ref, s.m.put(e.Kind, e.Path, text)
}

func readAll(ctx context.Context, body io.Reader) ([]byte, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if body == nil {
		return nil, nil
	}
	return io.ReadAll(body)
}

// put keeps an entry if a manifest could have it beside the others.
func (m *Memory) put(kind manifest.Kind, path, text string) error {
	folder := kind == manifest.KindDir
	if was, ok := m.now.kinds[path]; ok && (was == manifest.KindDir) != folder {
		return fmt.Errorf("%w: %q is of another kind", ingest.ErrPathTaken, path)
	}
	for p, k := range m.now.kinds {
		if !folder && strings.HasPrefix(p, path+"/") || k != manifest.KindDir && strings.HasPrefix(path, p+"/") {
			return fmt.Errorf("%w: %q and %q", ingest.ErrPathTaken, p, path)
		}
	}
	m.now.kinds[path], m.now.content[path] = kind, text
	return nil
}

// Link implements ingest.Sink.
func (s *memorySink) Link(_ context.Context, e ingest.Entry, to ingest.Ref) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	text, ok := s.refs[to]
	if !ok {
		return fmt.Errorf("%w: %q: a further name of nothing", ingest.ErrEntry, e.Path)
	}
	return s.m.put(manifest.KindFile, e.Path, text)
}

// Withdraw implements ingest.Sink.
func (s *memorySink) Withdraw(_ context.Context, path string) error {
	if err := manifest.CheckPath(path); err != nil {
		return fmt.Errorf("%w: %w", ingest.ErrEntry, err)
	}
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	delete(s.m.now.kinds, path)
	delete(s.m.now.content, path)
	return nil
}

// Flush implements ingest.Sink.
func (s *memorySink) Flush(_ context.Context, c ingest.Cursor) error {
	if len(c.At) > ingest.MaxCursor {
		return fmt.Errorf("%w: a cursor of %d bytes", ingest.ErrEntry, len(c.At))
	}
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if !c.Source.IsZero() {
		s.m.now.cursors[c.Source] = string(c.At)
	}
	s.m.durable = s.m.now.clone()
	return nil
}

// Resume implements ingest.Sink.
func (s *memorySink) Resume(_ context.Context, source ingest.SourceID) (ingest.Cursor, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	at, ok := s.m.now.cursors[source]
	if !ok {
		return ingest.Cursor{}, nil
	}
	return ingest.Cursor{Source: source, At: []byte(at)}, nil
}
