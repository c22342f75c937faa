package main

import (
	"fmt"
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
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			if err == nil && len(d.stale) == 0 {
				d.copyLogs(1)
				if len(d.stale) == 0 {
					err = fmt.Errorf("no disk holds a journal")
				}
			}
			return during, err
		case <-tick.C:
			if len(d.stale) == 0 {
				d.copyLogs(minJournal)
				during = len(d.stale) > 0
			}
		}
	}
}

// copyLogs copies the log of every disk whose journal has grown. The loader is at
// work meanwhile: what cannot be copied now is tried again later.
func (d *demo) copyLogs(least int64) {
	for _, disk := range d.disks {
		if !hasJournal(disk.Folder, least) {
			continue
		}
		s := staleLog{disk: disk}
		for _, folder := range []string{"sledge/log", "sledge/journal"} {
			snapshot, err := d.carrier.Snapshot(disk, folder)
			if err != nil {
				break
			}
			s.folders = append(s.folders, snapshot)
		}
		if len(s.folders) == 2 {
			d.stale = append(d.stale, s)
		}
	}
}

func hasJournal(folder string, least int64) bool {
	names, err := filepath.Glob(filepath.Join(folder, "sledge", "journal", "*.journal"))
	if err != nil {
		return false
	}
	for _, name := range names {
		if info, err := os.Stat(name); err == nil && info.Size() >= least {
			return true
		}
	}
	return false
}
