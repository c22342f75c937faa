package vfs

import (
	"errors"
	"io/fs"
)

// wrapRing is a disk that has fewer bytes than it says: writes take its bytes one
// after the other, and when it has none left it begins again at its first. What was
// stored there holds the newer bytes from then on.
type wrapRing struct {
	written int64
	stored  []wrapStored // in order; the oldest go when all of their bytes are another's
}

// wrapStored is a write that the disk still holds, or some of it.
type wrapStored struct {
	name       string
	off, n, at int64 // at: where its first byte was written, counted from the disk's first write
}

// wrapPiece is a part of an earlier write that part of a later one is stored over.
type wrapPiece struct {
	name  string
	off   int64 // in the file
	from  int64 // in the buffer
	bytes int64
}

// write places one write on a disk of so many bytes.
func (w *wrapRing) write(c call, size int64) (over []wrapPiece) {
	begin := w.written - size // where what it is stored over was written
	for _, old := range w.stored {
		from, to := max(old.at, begin), min(old.at+old.n, begin+c.len)
		if from < to {
			over = append(over, wrapPiece{old.name, old.off + from - old.at, from - begin, to - from})
		}
	}
	for len(w.stored) > 0 && w.stored[0].at+w.stored[0].n <= begin+c.len {
		w.stored = w.stored[1:]
	}
	w.stored = append(w.stored, wrapStored{c.name, c.off, c.len, w.written})
	w.written += c.len
	return over
}

// overwrite stores the piece's part of p; a file that is gone was lost already.
func (w wrapPiece) overwrite(inner FS, p []byte) error {
	f, err := inner.Open(w.name, OpenOptions{Write: true})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	_, err = f.WriteAt(p[w.from:w.from+w.bytes], w.off)
	return errors.Join(err, f.Close())
}
