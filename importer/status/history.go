package status

import (
	"bytes"
	"errors"
	"io/fs"

	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

const (
	historyMost = 1 << 20
	maxFile     = 4 << 20 // a file over this is not ours
)

// appendLine adds a line to the history. What is there stays as it is: a line that a
// crash has cut off is ended, and readers skip it.
func appendLine(disk vfs.FS, name string, line []byte) error {
	f, size, err := openHistory(disk, name)
	if err != nil {
		return err
	}
	if size > historyMost {
		f.Close()
		if err := thin(disk, name); err != nil {
			return err
		}
		if f, size, err = openHistory(disk, name); err != nil {
			return err
		}
	}
	var last [1]byte
	if size > 0 {
		if _, err = f.ReadAt(last[:], size-1); err == nil && last[0] != '\n' {
			line = append([]byte{'\n'}, line...)
		}
	}
	if err == nil {
		_, err = f.WriteAt(line, size)
	}
	return errors.Join(err, f.Close())
}

// openHistory opens the file to be written, and makes it where it is not there.
func openHistory(disk vfs.FS, name string) (f vfs.File, size int64, err error) {
	f, err = disk.Open(name, vfs.OpenOptions{Write: true})
	if errors.Is(err, fs.ErrNotExist) {
		f, err = disk.Create(name, vfs.CreateOptions{})
	}
	if err != nil {
		return nil, 0, err
	}
	if size, err = f.Size(); err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, size, nil
}

// thin leaves out every second line.
func thin(disk vfs.FS, name string) error {
	old, err := vfs.ReadFile(disk, name, maxFile)
	if err != nil {
		return err
	}
	return durable.WriteFile(disk, name, everySecond(old))
}

// everySecond leaves out every second line.
func everySecond(text []byte) (kept []byte) {
	keep := true
	for line := range bytes.Lines(text) {
		if keep {
			kept = append(kept, line...)
		}
		keep = !keep
	}
	return kept
}
