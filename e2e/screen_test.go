package e2e

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"time"
)

// screen is what a running command has printed so far.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements io.Writer.
func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// tells waits until the command has told something, and fails where it ends before.
func (b *background) tells(t *testing.T, what string) {
	t.Helper()
	b.until(t, what, func() bool { return strings.Contains(b.stderr.String(), what) })
}

// until waits for something that the command does, and fails where it ends before.
func (b *background) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	for deadline := time.Now().Add(longest); !done(); time.Sleep(50 * time.Millisecond) {
		select {
		case <-b.done:
			if !done() {
				t.Fatalf("the command has ended, and not: %s: %s", what, &b.stderr)
			}
			return
		default:
		}
		if time.Now().After(deadline) {
			t.Fatalf("not in %s: %s: %s", longest, what, &b.stderr)
		}
	}
}
