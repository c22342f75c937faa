package testlimit

import "testing"

// recorder notes a failure instead of failing.
type recorder struct {
	testing.TB
	failed bool
}

func (r *recorder) Helper()               {}
func (r *recorder) Errorf(string, ...any) { r.failed = true }

var kept []byte

func TestAlloc(t *testing.T) {
	for size, want := range map[int]bool{1 << 20: false, 9 << 20: true} {
		r := &recorder{TB: t}
		end := Alloc(r, 8<<20)
		kept = make([]byte, size)
		end()
		if r.failed != want {
			t.Errorf("%d bytes: failed %v", size, r.failed)
		}
	}
}
