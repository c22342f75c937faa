package manifest

import (
	"encoding/binary"
	"fmt"
)

const tileWidth = 256

// LogWriter writes a log as the files of C2SP tlog-tiles, entry by entry, in
// memory of one bundle and one tile a level. Files are put once, in the order
// in which they become full; partial tiles only at Finish.
type LogWriter struct {
	put    func(name string, data []byte) error
	bundle []byte
	levels [][]byte // right-most tile of each level
	size   uint64
}

// NewLogWriter returns a writer that hands finished files to put; names are
// relative to the log's folder ("tile/0/000").
func NewLogWriter(put func(name string, data []byte) error) *LogWriter {
	return &LogWriter{put: put}
}

// Append adds an entry and returns its position.
func (l *LogWriter) Append(entry []byte) (uint64, error) {
	if len(entry) > MaxEntry {
		return 0, fmt.Errorf("log entry of %d bytes is over the limit of %d", len(entry), MaxEntry)
	}
	pos := l.size
	l.bundle = binary.BigEndian.AppendUint16(l.bundle, uint16(len(entry)))
	l.bundle = append(l.bundle, entry...)
	l.size++
	if l.size%tileWidth == 0 {
		if err := l.put(TilePath(-1, pos/tileWidth, tileWidth), l.bundle); err != nil {
			return 0, err
		}
		l.bundle = l.bundle[:0]
	}
	return pos, l.addHash(0, pos, LeafHash(entry))
}

// addHash appends hash number n of a level; a full tile is put and its root
// goes one level up.
func (l *LogWriter) addHash(level int, n uint64, h [32]byte) error {
	if level == len(l.levels) {
		l.levels = append(l.levels, nil)
	}
	l.levels[level] = append(l.levels[level], h[:]...)
	if (n+1)%tileWidth != 0 {
		return nil
	}
	tile := l.levels[level]
	if err := l.put(TilePath(level, n/tileWidth, tileWidth), tile); err != nil {
		return err
	}
	root := tileRoot(tile)
	l.levels[level] = tile[:0]
	return l.addHash(level+1, n/tileWidth, root)
}

func tileRoot(tile []byte) [32]byte {
	var t Tree
	for i := 0; i < len(tile); i += 32 {
		t.AddHash([32]byte(tile[i : i+32]))
	}
	return t.Root()
}

// Finish puts the partial files and returns size and root.
func (l *LogWriter) Finish() (size uint64, root [32]byte, err error) {
	if n := l.size % tileWidth; n > 0 {
		if err := l.put(TilePath(-1, l.size/tileWidth, int(n)), l.bundle); err != nil {
			return 0, root, err
		}
	}
	count := l.size
	for level, tile := range l.levels {
		if n := count % tileWidth; n > 0 {
			if err := l.put(TilePath(level, count/tileWidth, int(n)), tile); err != nil {
				return 0, root, err
			}
		}
		count /= tileWidth
	}
	return l.size, edgeRoot(l.levels), nil
}

// TilePath is the file of tile n of a level (−1: the entries) with a width of
// 256 for full ones (c2sp.org/tlog-tiles).
func TilePath(level int, n uint64, width int) string {
	name := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		name = fmt.Sprintf("x%03d/%s", n%1000, name)
	}
	if width < tileWidth {
		name = fmt.Sprintf("%s.p/%d", name, width)
	}
	if level < 0 {
		return "tile/entries/" + name
	}
	return fmt.Sprintf("tile/%d/%s", level, name)
}
