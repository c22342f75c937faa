package daemon

import (
	"bytes"
	"fmt"
	"sync"
	"time"
)

const (
	lastWords = 2 << 10     // bytes of a server's output that its end tells
	settles   = time.Second // how long an ended server's output is waited for; what it started may hold it open
)

// words keeps the last of what a server prints that nobody else reads.
type words struct {
	mu   sync.Mutex
	text []byte
}

// Write implements io.Writer.
func (w *words) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.text = append(w.text, p[max(0, len(p)-lastWords):]...)
	w.text = append(w.text[:0], w.text[max(0, len(w.text)-lastWords):]...)
	return len(p), nil
}

func (w *words) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return string(bytes.TrimSpace(w.text))
}

// hear has a server's output kept where the command gives it to nobody, and waited for
// when the server has ended.
func (d *Daemon) hear() {
	if d.cmd.Stdout == nil && d.cmd.Stderr == nil {
		d.words = &words{}
		d.cmd.Stdout, d.cmd.Stderr = d.words, d.words
	}
	if d.cmd.WaitDelay == 0 {
		d.cmd.WaitDelay = settles
	}
}

// follow waits for the server's end and notes how it was.
func (d *Daemon) follow() {
	began := time.Now()
	_ = d.cmd.Wait() // the state tells more
	d.how = fmt.Errorf("the server ended after %s: %s", time.Since(began).Round(time.Millisecond), d.cmd.ProcessState)
	if d.words != nil {
		if text := d.words.String(); text != "" {
			d.how = fmt.Errorf("%w: %s", d.how, text)
		} else {
			d.how = fmt.Errorf("%w, and it has printed nothing", d.how)
		}
	}
	close(d.exited)
}

// Ended tells how the server ended: after how long, with which exit status or by which
// signal, and its last output unless its command gives that to somebody else. It is nil
// while the server lives.
func (d *Daemon) Ended() error {
	select {
	case <-d.exited:
		return d.how
	default:
		return nil
	}
}
