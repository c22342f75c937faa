package importer

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/internal/vfs"
)

func benchJournal(b *testing.B) *journal {
	b.Helper()
	disk, err := vfs.OS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	j, err := openJournal(Alone(disk), "")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := j.close(); err != nil {
			b.Error(err)
		}
		vfs.Close(disk)
	})
	return j
}

// lanes has sixteen lanes write the outcomes of n entries, page by page, made durable now and then.
func lanes(b *testing.B, j *journal, n int) {
	const count = 16
	var wait sync.WaitGroup
	var written atomic.Int64
	for lane := range count {
		wait.Go(func() {
			first := uint64(lane) * 1e6
			for i := range n / count {
				at := entry.PlaceOf(first+uint64(i/1024), i%1024)
				rec := record{Outcome: entry.OutcomeStored, Proof: entry.ProofSHA256, ChecksumType: "FULL_OBJECT", Verified: time.Now(),
					ETag: fmt.Sprintf("\"%016x%016x\"", uint64(at)*0x9e3779b97f4a7c15, uint64(at)*0xbf58476d1ce4e5b9)}
				if err := j.setOutcome(at, rec); err != nil {
					b.Error(err)
				}
				if i%1024 == 1023 {
					if err := j.setPage(at.Page(), entry.NewTally()); err != nil {
						b.Error(err)
					}
				}
				if written.Add(1)%10000 == 0 {
					if err := j.flush(); err != nil {
						b.Error(err)
					}
				}
			}
		})
	}
	wait.Wait()
}

// BenchmarkJournalOutcomes: what an entry costs.
func BenchmarkJournalOutcomes(b *testing.B) {
	j := benchJournal(b)
	b.ResetTimer()
	lanes(b, j, b.N)
}

// BenchmarkJournalUploads: what an upload costs, of which 64 are under way: two synced records, and one that is not.
func BenchmarkJournalUploads(b *testing.B) {
	j := benchJournal(b)
	var next atomic.Int64
	var wait sync.WaitGroup
	b.ResetTimer()
	for range 64 {
		wait.Go(func() {
			for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
				at := entry.Place(i)
				for _, p := range []pending{{At: time.Now()}, {At: time.Now(), UploadID: strings.Repeat("u", 60)}} {
					if err := j.setUpload(at, p); err != nil {
						b.Error(err)
					}
				}
				if err := j.forgetUpload(at); err != nil {
					b.Error(err)
				}
			}
		})
	}
	wait.Wait()
}

// BenchmarkJournalReads: what an entry costs that is read in order, as for the receipts.
func BenchmarkJournalReads(b *testing.B) {
	j := benchJournal(b)
	lanes(b, j, b.N)
	b.ResetTimer()
	if err := readOutcomes(j); err != nil {
		b.Fatal(err)
	}
}
