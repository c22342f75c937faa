package appliance

import (
	"slices"
	"sync"
)

// atWork holds the names of the files that workers are reading now.
type atWork struct {
	mu    sync.Mutex
	files []*string // in the order of their beginning
}

// begin adds a file until end is called.
func (a *atWork) begin(path string) (end func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	file := &path
	a.files = append(a.files, file)
	return func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if i := slices.Index(a.files, file); i >= 0 {
			a.files = slices.Delete(a.files, i, i+1)
		}
	}
}

// oldest returns the file that has been read for longest, or "" if there is none.
func (a *atWork) oldest() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.files) == 0 {
		return ""
	}
	return *a.files[0]
}
