package custody

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

const (
	tileWidth  = 256
	maxEntries = 1 << 20
	maxEntry   = 65_534
	maxBundle  = tileWidth * (2 + 65_535)
	maxNotes   = 1 << 16 // checkpoints that are read of one folder
)

// read takes at most limit bytes of a file.
func read(fsys fs.FS, name string, limit int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(b)) > limit {
		err = fmt.Errorf("%w: %s is over %d bytes", wire.ErrMalformed, name, limit)
	}
	return b, err
}

// entries reads the entries of the log's size from their bundles.
func entries(fsys fs.FS, size uint64) (list [][]byte, err error) {
	for n := uint64(0); n*tileWidth < size; n++ {
		width := min(tileWidth, size-n*tileWidth)
		b, err := read(fsys, bundleName(n, width), maxBundle)
		if err != nil {
			return nil, err
		}
		for range width {
			if len(b) < 2 || len(b)-2 < int(binary.BigEndian.Uint16(b)) {
				return nil, fmt.Errorf("%w: bundle %d is cut", wire.ErrMalformed, n)
			}
			end := 2 + int(binary.BigEndian.Uint16(b))
			list, b = append(list, b[2:end]), b[end:]
		}
		if len(b) != 0 {
			return nil, fmt.Errorf("%w: bundle %d is too long", wire.ErrMalformed, n)
		}
	}
	return list, nil
}

func bundleName(n, width uint64) string {
	name := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		name = fmt.Sprintf("x%03d/%s", n%1000, name)
	}
	if width < tileWidth {
		name += ".p/" + strconv.FormatUint(width, 10)
	}
	return "tile/entries/" + name
}

// roots are the roots of the log's beginnings: roots[n] is over the first n entries.
func roots(list [][]byte) []tlog.Hash {
	var t wire.TreeStack
	all := []tlog.Hash{t.Root()}
	for _, e := range list {
		t.Push(tlog.RecordHash(e), 1)
		all = append(all, t.Root())
	}
	return all
}

// notes are the checkpoints that the folder keeps of older sizes.
func notes(fsys fs.FS) (all [][]byte, err error) {
	names, err := fs.ReadDir(fsys, "checkpoints")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if len(names) > maxNotes {
		return nil, fmt.Errorf("%w: %d checkpoints", wire.ErrMalformed, len(names))
	}
	for _, n := range names {
		if _, err := wire.Decimal(n.Name()); err != nil {
			continue // nobody's
		}
		b, err := read(fsys, "checkpoints/"+n.Name(), wire.MaxCheckpointSize)
		if err != nil {
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// checkpointIn finds the checkpoint in what somebody kept of a log: itself, or the body of a
// hand-over, whose first lines are the proof.
func checkpointIn(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))
	if bytes.HasPrefix(text, []byte("old ")) {
		if _, note, ok := bytes.Cut(text, []byte("\n\n")); ok {
			text = note
		}
	}
	if !bytes.HasSuffix(text, []byte("\n")) {
		text = append(bytes.Clone(text), '\n')
	}
	return text
}
