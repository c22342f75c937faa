package extract

import (
	"crypto/rand"
	"encoding/hex"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/crypto"
)

// tempNames makes the temporary names of one run: ".sledge-", the run's 8 random bytes,
// 8 random bytes of the file, 8 bytes of a hash, ".part". The hash is over the device's
// log root, the folder and the random bytes. A later run of the same device into the same
// folder knows by it what an interrupted run has left. No entry can have such a name: the
// root is a hash over the entry.
type tempNames struct {
	root [32]byte
	run  [8]byte
}

const (
	tempBefore = ".sledge-"
	tempBehind = ".part"
	tempRandom = 16 // bytes
	tempHash   = 8
)

func newTempNames(root [32]byte) tempNames {
	n := tempNames{root: root}
	rand.Read(n.run[:])
	return n
}

// next returns a name for a file in dir, a path below the extraction folder.
func (n *tempNames) next(dir string) string {
	var random [tempRandom]byte
	copy(random[:], n.run[:])
	rand.Read(random[len(n.run):])
	return n.name(dir, random)
}

func (n *tempNames) name(dir string, random [tempRandom]byte) string {
	b := append([]byte("sledge extract\x00"), n.root[:]...)
	sum := crypto.SumSHA256(append(append(b, random[:]...), dir...))
	return tempBefore + hex.EncodeToString(random[:]) + hex.EncodeToString(sum[:tempHash]) + tempBehind
}

// isLeft reports whether a name in dir was made by another run of this device.
func (n *tempNames) isLeft(dir, name string) bool {
	middle, ok := strings.CutPrefix(name, tempBefore)
	if !ok || len(middle) != 2*(tempRandom+tempHash)+len(tempBehind) {
		return false
	}
	var random [tempRandom]byte
	if _, err := hex.Decode(random[:], []byte(middle[:2*tempRandom])); err != nil {
		return false
	}
	return [8]byte(random[:8]) != n.run && name == n.name(dir, random)
}

// createTemp makes a new file under a name that nothing had.
func (x *extractor) createTemp(at int, dir string) (f outFile, name string, err error) {
	const flags = unix.O_WRONLY | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	name = x.temps.next(dir)
	fd, err := unix.Openat(at, name, flags, 0o600)
	if err != nil {
		return outFile{}, "", &fs.PathError{Op: "create", Path: name, Err: err}
	}
	return outFile{fd}, name, nil
}
