package extsort

import (
	"errors"
	"iter"
)

// Pulled is one pair of a sorter read step by step.
type Pulled struct {
	Key, Value string
	OK         bool // false: there are no more, or Err is set
	Err        error
}

var errStopped = errors.New("stopped")

// Pull turns [Sorter.Each] into steps; stop must be called.
func Pull(s *Sorter) (next func() Pulled, stop func()) {
	step, stop := iter.Pull(func(yield func(Pulled) bool) {
		err := s.Each(func(k, v []byte) error {
			if !yield(Pulled{Key: string(k), Value: string(v), OK: true}) {
				return errStopped
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStopped) {
			yield(Pulled{Err: err})
		}
	})
	return func() Pulled { p, _ := step(); return p }, stop
}
