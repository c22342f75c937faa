package frames

import (
	"errors"
	"sync"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/vfs"
)

// addition is a replica that was begun on a disk, or why it was not.
type addition struct {
	b    *disk.Bay
	file vfs.File
	err  error
}

// candidates are as many disks as replicas are missing, less those that were tried.
func (f *Writer) candidates(tried map[*disk.Bay]bool) (out []*disk.Bay) {
	for _, b := range f.bays.Trusted() {
		if len(f.replicas)+len(out) == f.copies {
			break
		}
		if _, ok := f.replicas[b]; !ok && !tried[b] {
			out = append(out, b)
		}
	}
	return out
}

// addCopies begins replicas on all of these disks at once: each takes a seek for the
// file, and more for the fsyncs.
func (f *Writer) addCopies(on []*disk.Bay) []addition {
	out := make([]addition, len(on))
	var wg sync.WaitGroup
	for i, b := range on {
		wg.Go(func() {
			file, err := f.copyTo(b)
			out[i] = addition{b, file, err}
		})
	}
	wg.Wait()
	for _, a := range out {
		if a.err == nil {
			f.replicas[a.b] = a.file
		}
	}
	return out
}

// endsReplicating is an error that no further disk helps against. A disk that failed is
// marked; one without room is only left out.
func endsReplicating(added []addition) (ends error) {
	for _, a := range added {
		switch {
		case a.err == nil, disk.IsFull(a.err):
		case disk.OwnFault(a.err):
			ends = errors.Join(ends, a.b.Fail(a.err))
		case errors.Is(a.err, ErrNoSource):
			ends = errors.Join(ends, a.err)
		default:
			a.b.Fail(a.err)
		}
	}
	return ends
}
