package sign

import (
	"bufio"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Log is a receipt log that is being written: the lines first, then the two signatures. After an
// error nothing else may be done with it but Close.
type Log struct {
	disk    vfs.FS
	folder  string
	salts   Salts
	dirs    map[string]bool // folders with new entries
	syncing syncer          // files of the log
	list    vfs.File
	out     *bufio.Writer
	log     *manifest.LogWriter
	lines   uint64
	size    uint64
	root    [32]byte
	signed  []byte // the checkpoint
}

// Create begins a log in a folder of the state folder, in place of one that was cut off before
// its total.
func Create(disk vfs.FS, folder string, salts Salts) (*Log, error) {
	if err := durable.MkdirAll(disk, folder+"/log"); err != nil {
		return nil, err
	}
	l := &Log{disk: disk, folder: folder, salts: salts, dirs: map[string]bool{}}
	list, err := l.create(folder + "/" + ListName)
	if err != nil {
		return nil, err
	}
	l.list, l.out = list, bufio.NewWriterSize(vfs.NewWriter(list, 0), 1<<20)
	l.log = manifest.NewLogWriter(func(name string, data []byte) error { return l.file("log/"+name, data) })
	return l, nil
}

// Add writes the next line.
func (l *Log) Add(line *receipt.Line) error {
	text, err := json.Marshal(line)
	if err != nil {
		return err
	}
	if n := 64 + 1 + len(text) + 1; n > receipt.MaxLine {
		return fmt.Errorf("objects.list: line %d of %d bytes is over the limit of %d", l.lines+1, n, receipt.MaxLine)
	}
	salt := l.salts.Line(l.lines)
	l.lines++
	if _, err := l.log.Append(manifest.EncodeReceipt(manifest.Commitment(salt, text))); err != nil {
		return err
	}
	fmt.Fprintf(l.out, "%x %s\n", salt, text) // a bufio.Writer keeps its error for Flush
	return nil
}

// Lines is how many were added.
func (l *Log) Lines() uint64 { return l.lines }

// Finish writes the end of list and log: both are durable then, and not signed.
func (l *Log) Finish() error {
	if err := l.syncing.wait(); err != nil {
		return err
	}
	if err := l.out.Flush(); err != nil {
		return err
	}
	err := errors.Join(l.list.Sync(), l.list.Close())
	if l.list = nil; err != nil {
		return err
	}
	l.size, l.root, err = l.log.Finish()
	if err = errors.Join(err, l.syncing.wait()); err != nil {
		return err
	}
	return l.syncFolders()
}

// syncFolders makes the names of the files durable.
func (l *Log) syncFolders() error {
	for dir := range l.dirs {
		if err := l.disk.SyncDir(dir); err != nil {
			return err
		}
	}
	return l.disk.SyncDir(l.folder)
}

// Checkpoint signs what Finish has written: from then on its key must sign no other log of this
// origin.
func (l *Log) Checkpoint(origin string, key ed25519.PrivateKey) (err error) {
	if l.signed, err = manifest.SignCheckpoint(origin, l.size, l.root, key); err != nil {
		return err
	}
	return durable.WriteFile(l.disk, l.folder+"/"+CheckpointName, l.signed)
}

// Total signs the total of the log; its presence means that all is whole.
func (l *Log) Total(total receipt.Total, key ed25519.PrivateKey) error {
	total.Records = l.lines
	statement, err := manifest.SignStatement(manifest.PredicateReceipt,
		[]manifest.Subject{manifest.SHA256Subject("checkpoint", l.signed)}, total, key)
	if err != nil {
		return err
	}
	return durable.WriteFile(l.disk, l.folder+"/"+TotalName, statement)
}

// Close gives back what a log holds that was not finished.
func (l *Log) Close() error {
	_ = l.syncing.wait() // its error was told by Add or Finish, or what ended them counts
	if l.list == nil {
		return nil
	}
	err := l.list.Close()
	l.list = nil
	return err
}

// create makes a file anew, in place of one that a crash left.
func (l *Log) create(name string) (vfs.File, error) {
	f, err := l.disk.Create(name, vfs.CreateOptions{})
	if errors.Is(err, fs.ErrExist) {
		if err := l.disk.Remove(name); err != nil {
			return nil, err
		}
		f, err = l.disk.Create(name, vfs.CreateOptions{})
	}
	return f, err
}

// file writes one file of the log. It is synced while the next ones are made, its
// folder at the end.
func (l *Log) file(name string, data []byte) error {
	name = l.folder + "/" + name
	if dir := path.Dir(name); !l.dirs[dir] {
		if err := durable.MkdirAll(l.disk, dir); err != nil {
			return err
		}
		l.dirs[dir] = true
	}
	f, err := l.create(name)
	if err != nil {
		return err
	}
	if _, err = f.WriteAt(data, 0); err != nil {
		return errors.Join(err, f.Close())
	}
	return l.syncing.add(f)
}
