package manifest

import (
	"bytes"
	"iter"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// slowFiles takes a second for each file, and counts who asks.
type slowFiles struct {
	LogFiles
	mu    sync.Mutex
	asked map[string]int
}

func (f *slowFiles) LogCopies(name string, size, max int64) iter.Seq[[]byte] {
	f.mu.Lock()
	f.asked[name]++
	f.mu.Unlock()
	time.Sleep(time.Second)
	return f.LogFiles.LogCopies(name, size, max)
}

// TestLogReadApart: who reads one part of the log waits for nobody who reads another, and
// what several want at the same time is read once.
func TestLogReadApart(t *testing.T) {
	files, cp, _ := writtenLog(t, 3*tileWidth+7)
	synctest.Test(t, func(t *testing.T) {
		slow := &slowFiles{LogFiles: files, asked: map[string]int{}}
		log, err := OpenLog(cp, slow)
		must(t, err)
		clear(slow.asked)
		begin := time.Now()
		var all sync.WaitGroup
		for i := range uint64(12) {
			all.Go(func() {
				pos := i%3*tileWidth + i
				if b, err := log.Entry(pos); err != nil || !bytes.Equal(b, logEntry(pos)) {
					t.Errorf("entry %d: %q, %v", pos, b, err)
				}
			})
		}
		all.Wait()
		if took := time.Since(begin); took != 2*time.Second {
			t.Errorf("three tiles and bundles of a second each, apart: %v", took)
		}
		for name, n := range slow.asked {
			if n != 1 {
				t.Errorf("%s was read %d times", name, n)
			}
		}
	})
}
