package disk

import (
	"errors"
	"fmt"
	"io"
	"io/fs"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// Disk is one mounted disk of the appliance, or a copy of one. Name is what
// the operator called it; FS is the file system that has the folder sledge/. Its
// Open must not wait for anybody, whatever kind of file has a name: a pipe would
// hold the check for ever.
type Disk struct {
	Name string
	FS   fs.FS
}

// Seen is a Disk with what was learned of it.
type Seen struct {
	Name       string
	Fsys       fs.FS // the folder sledge/
	Header     *wire.Header
	Bay        int // from the header or from the shards; −1 unknown
	Job        *JobCopy
	JobErr     error // why job.dsse could not be read
	Checkpoint *CheckpointCopy
	Foreign    bool
}

var errRandomAccess = errors.New("file system gives no random access")

// File is an open regular file.
type File struct {
	io.ReaderAt
	fs.File
	Size int64
}

func OpenFile(fsys fs.FS, name string) (*File, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: not a regular file", name)
	}
	at, ok := f.(io.ReaderAt)
	if err == nil && !ok {
		err = fmt.Errorf("%s: %w", name, errRandomAccess)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return &File{ReaderAt: at, File: f, Size: info.Size()}, nil
}

// ReadFull reads exactly len(p) bytes at off.
func (f *File) ReadFull(p []byte, off int64) error {
	n, err := f.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

var ErrTooLong = errors.New("too long")

// ReadSmall reads a whole file of at most max bytes.
func ReadSmall(fsys fs.FS, name string, max int64) ([]byte, error) {
	f, err := fsys.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: not a regular file", name)
	}
	b, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > max {
		return nil, fmt.Errorf("%s: %w: over %d bytes", name, ErrTooLong, max)
	}
	return b, nil
}

func IsMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func ShardName(p *wire.PackEntry, j int) string {
	text := p.ID.String()
	return fmt.Sprintf("packs/%s/%s.%02d.shard", text[:2], text, j)
}

func PieceName(p *wire.PackEntry, j int) string {
	text := p.ID.String()
	return fmt.Sprintf("packs/%s/%s.%02d.piece", text[:2], text, j)
}

func HashesName(p *wire.PackEntry) string {
	text := p.ID.String()
	return fmt.Sprintf("packs/%s/%s.hashes", text[:2], text)
}

// EachEntry lists a folder without holding it in memory where the file system
// can do so. A folder that is missing is empty.
func EachEntry(fsys fs.FS, dir string, fn func(fs.DirEntry) error) error {
	f, err := fsys.Open(dir)
	if IsMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	d, ok := f.(fs.ReadDirFile)
	if !ok {
		return fmt.Errorf("%s: not a folder", dir)
	}
	for {
		list, err := d.ReadDir(256)
		for _, e := range list {
			if err := fn(e); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) || err == nil && len(list) == 0 {
			return nil
		}
		if err != nil {
			return err
		}
	}
}
