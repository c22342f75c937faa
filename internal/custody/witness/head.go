package witness

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// head reads size and root of a checkpoint whose signature was checked when it was kept.
func head(note []byte, origin string) (size uint64, root [32]byte, err error) {
	lines := strings.SplitN(string(note), "\n", 4)
	if len(lines) != 4 || lines[0] != origin {
		return 0, root, fmt.Errorf("%w: not of %s", ErrMemory, origin)
	}
	if size, err = strconv.ParseUint(lines[1], 10, 62); err != nil {
		return 0, root, fmt.Errorf("%w: size %.40q", ErrMemory, lines[1])
	}
	h, err := tlog.ParseHash(lines[2])
	if err != nil {
		return 0, root, fmt.Errorf("%w: root %.80q", ErrMemory, lines[2])
	}
	return size, h, nil
}
