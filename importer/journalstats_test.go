package importer

import (
	"testing"
	"testing/synctest"
)

// TestJournalCollectsNoStats: nothing of pebble's reads tables while it opens. Where the
// opening fails, as it does when the state disk's power goes, it closes its cache of files
// under such a reader, and a goroutine that nobody can catch divides by zero.
func TestJournalCollectsNoStats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := memDisk()
		for range 2 {
			j, err := openJournal(disk, "")
			if err != nil {
				t.Fatal(err)
			}
			if err := j.set([]byte("key"), []byte("value"), true); err != nil {
				t.Fatal(err)
			}
			if err := j.db.Flush(); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if j.db.Metrics().Table.InitialStatsCollectionComplete {
				t.Error("statistics of tables were collected")
			}
			if err := j.close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
