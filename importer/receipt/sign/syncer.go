package sign

import (
	"errors"
	"sync"

	"github.com/sledge-io/sledge/internal/vfs"
)

// syncer syncs and closes files in the background, several at once, so that the
// file system makes one journal commit of them. The zero value is ready.
type syncer struct {
	mu    sync.Mutex
	files sync.WaitGroup
	slots chan struct{}
	err   error
}

const syncsAtOnce = 16

// add takes a file that is written. Its own error comes with a later call.
func (s *syncer) add(f vfs.File) error {
	if s.slots == nil {
		s.slots = make(chan struct{}, syncsAtOnce)
	}
	s.slots <- struct{}{}
	s.files.Go(func() {
		err := errors.Join(f.Sync(), f.Close())
		<-s.slots
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.err == nil {
			s.err = err
		}
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// wait returns once every file is synced, with the first error.
func (s *syncer) wait() error {
	s.files.Wait()
	return s.err
}
