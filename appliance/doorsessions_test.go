package appliance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	mrand "math/rand"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance/ingest"
	"github.com/sledge-io/sledge/manifest"
)

// clientFiles is what each client of TestDoorCrashSessions puts, one flush a file.
const clients, clientFiles = 6, 5

func clientBody(client, n int) []byte {
	size := 300 + n
	if (client+n)%3 == 0 {
		size += ingest.SmallBody
	}
	return doorBody(doorPut{size: size}, client)
}

// runClients has several sessions put files at once until all is there or the power goes.
// It returns how many files of each client were acknowledged.
func (r *memRig) runClients() (acked [clients]int, err error) {
	d, err := r.device()
	if err != nil {
		return acked, err
	}
	defer d.Close()
	door, err := d.OpenDoor(context.Background())
	if err != nil {
		return acked, err
	}
	var wg sync.WaitGroup
	errs := make([]error, clients)
	for c := range clients {
		s := door.Session()
		wg.Go(func() {
			for n := range clientFiles {
				b := clientBody(c, n)
				e := ingest.Entry{Path: fmt.Sprintf("c%d/%d", c, n), Kind: manifest.KindFile, Size: int64(len(b))}
				if _, errs[c] = s.Put(context.Background(), e, bytes.NewReader(b)); errs[c] == nil {
					errs[c] = s.Flush(context.Background(), ingest.Cursor{})
				}
				if errs[c] != nil {
					return
				}
				acked[c]++
			}
		})
	}
	wg.Wait()
	return acked, errors.Join(append(errs, door.Close(context.Background()))...)
}

// TestDoorCrashSessions cuts the power while several clients put files at once. What each was
// told as durable is read back without m disks; what is there besides is whole.
func TestDoorCrashSessions(t *testing.T) {
	seed := seedOf(t)
	rng := mrand.New(mrand.NewSource(seed))
	rig := func() *memRig {
		r := newMemRig(t, rigOptions{k: 2, m: 1, disks: 4, block: 4096, packSize: 128 << 10})
		r.step, r.cfg.Workers = time.Millisecond, 3
		return r
	}
	count := rig()
	ops := count.haltAt(0)
	if acked, err := count.runClients(); err != nil || acked[0] != clientFiles {
		t.Fatal(acked, err)
	}
	total, runs := ops(), 16
	if long() {
		runs = 1000
	}
	for range runs {
		n, percent, bay := 1+rng.Int63n(total), []int{0, 50, 100}[rng.Intn(3)], rng.Intn(4)
		r := rig()
		r.haltAt(n)
		acked, _ := r.runClients()
		r.use(r.clone(rng, percent))
		got, _, err := r.readDoor([]int{bay})
		if acked == [clients]int{} && err != nil {
			continue // not even prepared
		}
		if err == nil {
			err = fitsClients(got, acked)
		}
		if err != nil {
			t.Fatalf("seed %d: op %d of %d, %d %% kept, bay %d away: %v", seed, n, total, percent, bay, err)
		}
	}
}

func fitsClients(got wantTree, acked [clients]int) error {
	for c := range clients {
		for n := range clientFiles {
			path := fmt.Sprintf("c%d/%d", c, n)
			g, there := got[path]
			if !there && n < acked[c] {
				return fmt.Errorf("%s was acknowledged, and is not there", path)
			}
			if there && g != "file "+string(clientBody(c, n)) {
				return fmt.Errorf("%s has %d bytes that nobody put", path, len(g))
			}
			delete(got, path)
		}
	}
	return wantTree{}.diff(got)
}
