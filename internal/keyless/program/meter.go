package program

import (
	"fmt"
	"sync"
	"time"

	"github.com/sledge-io/sledge/internal/cmdline"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
)

// meter shows how far a check is: one line that is written again and again on a terminal, a
// line now and then elsewhere, JSON lines with --json.
type meter struct {
	app *app

	mu    sync.Mutex
	shown time.Time
	phase string
	drawn bool
}

func (m *meter) Tell(s fsck.Status) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now, every := time.Now(), 5*time.Second
	if m.app.tty && !m.app.json {
		every = 200 * time.Millisecond
	}
	first := s.Phase != m.phase
	if first {
		m.clear()
	} else if now.Sub(m.shown) < every {
		return
	}
	m.phase, m.shown = s.Phase, now
	line := fmt.Sprintf("%s, %s of %s, %d of %s", s.Phase, terminal.Size(s.BytesDone), terminal.Size(s.BytesTotal), s.PacksDone, terminal.Plural(s.PacksTotal, "pack"))
	switch {
	case m.app.quiet:
	case m.app.json:
		cmdline.WriteLine(m.app.err, map[string]any{"event": "progress", "verb": "verify", "phase": s.Phase, "bytes": s.BytesDone, "total_bytes": s.BytesTotal,
			"note": fmt.Sprintf("%d of %s", s.PacksDone, terminal.Plural(s.PacksTotal, "pack"))})
	case m.app.tty:
		fmt.Fprintf(m.app.err, "\r%.78s\x1b[K", "verify: "+line)
		m.drawn = true
	case !first: // a line that only says "0" helps nobody
		fmt.Fprintf(m.app.err, "verify: %s\n", line)
	}
}

// End takes the line away.
func (m *meter) End() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clear()
}

func (m *meter) clear() {
	if m.drawn {
		fmt.Fprint(m.app.err, "\r\x1b[K")
		m.drawn = false
	}
}
