package log

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// C2SP tlog-tiles: a tile has up to 256 hashes, a bundle up to 256 entries.
const (
	TileWidth     = 256
	maxBundleSize = TileWidth * (2 + wire.MaxEntrySize)
)

func TilePath(kind string, n int64, width int) string {
	path := fmt.Sprintf("%03d", n%1000)
	for n >= 1000 {
		n /= 1000
		path = fmt.Sprintf("x%03d/%s", n%1000, path)
	}
	path = "log/tile/" + kind + "/" + path
	if width < TileWidth {
		path += fmt.Sprintf(".p/%d", width)
	}
	return path
}

// parseBundle splits a run of entries as one file holds them: u16 length ‖ bytes.
func parseBundle(b []byte, width int) ([][]byte, error) {
	entries := make([][]byte, 0, width)
	for len(b) > 0 {
		if len(b) < 2 || len(entries) == width {
			return nil, fmt.Errorf("%w: bundle framing", wire.ErrMalformed)
		}
		n := int(binary.BigEndian.Uint16(b))
		if n > len(b)-2 || n > wire.MaxEntrySize {
			return nil, fmt.Errorf("%w: bundle framing", wire.ErrMalformed)
		}
		entries = append(entries, b[2:2+n:2+n])
		b = b[2+n:]
	}
	if len(entries) != width {
		return nil, fmt.Errorf("%w: bundle of %d entries, not %d", wire.ErrMalformed, len(entries), width)
	}
	return entries, nil
}

func LeafHashes(entries [][]byte) []tlog.Hash {
	h := make([]tlog.Hash, len(entries))
	for i, e := range entries {
		h[i] = tlog.RecordHash(e)
	}
	return h
}

func parseTile(b []byte, width int) ([]tlog.Hash, error) {
	if len(b) != 32*width {
		return nil, fmt.Errorf("%w: tile of %d bytes", wire.ErrMalformed, len(b))
	}
	h := make([]tlog.Hash, width)
	for i := range h {
		h[i] = wire.HashOf(b[32*i:])
	}
	return h, nil
}
