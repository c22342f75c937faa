package main

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/sledge-io/sledge/simulator"
)

// staleLog is a disk's log as it was during load: the log folder, which is empty
// until seal, and the journal, which is what then says what is on the disk.
type staleLog struct {
	disk    *simulator.Disk
	folders []*simulator.Snapshot
}

// minJournal is more than an empty journal has.
const minJournal = 4096

// watchLoad copies logs as soon as something has been committed, while the load
// goes on. It returns when the load has ended, and whether the copies are from
// before that.
func (d *demo) watchLoad(done <-chan error) (during bool, err error) {
	for len(d.stale) == 0 {
		select {
		case err := <-done:
			d.copyLogs(1)
			if err == nil && len(d.stale) == 0 {
				err = errors.New("no disk holds a journal")
			}
			return false, err
		case <-time.After(10 * time.Millisecond):
			d.copyLogs(minJournal)
		}
	}
	return true, <-done
}

// copyLogs copies the log of every disk whose journal has grown. The loader is at
// work meanwhile: what cannot be copied now is tried again later.
func (d *demo) copyLogs(least int64) {
	for _, disk := range d.disks {
		if !hasJournal(disk.Folder, least) {
			continue
		}
		log, errLog := d.carrier.Snapshot(disk, "sledge/log")
		journal, err := d.carrier.Snapshot(disk, "sledge/journal")
		if errors.Join(errLog, err) == nil {
			d.stale = append(d.stale, staleLog{disk, []*simulator.Snapshot{log, journal}})
		}
	}
}

func hasJournal(folder string, least int64) bool {
	names, _ := filepath.Glob(filepath.Join(folder, "sledge", "journal", "*.journal"))
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.Size() >= least {
			return true
		}
	}
	return false
}
