package pack

import (
	"testing"
	"testing/synctest"

	"github.com/sledge-io/sledge/manifest"
)

// TestBuffersOldestPack: of the packs that wait the one that was begun first gets the
// next buffer, whoever waited first.
func TestBuffersOldestPack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := Buffering{manifest.Geometry{K: 1, M: 1, BlockSize: 4096}, 4096}.New(2)
		older, newer := p.turn(), p.turn()
		held := []*stripeBuffer{p.get(newer), p.get(older)}
		var order []uint64
		for _, turn := range []uint64{newer, newer, older, older} {
			go func() {
				b := p.get(turn)
				order = append(order, turn)
				p.put(b)
			}()
			synctest.Wait()
		}
		p.put(held[0])
		synctest.Wait()
		if len(order) != 4 || order[0] != older || order[1] != older {
			t.Errorf("order %v: the pack of turn %d waits for that of turn %d", order, older, newer)
		}
	})
}
