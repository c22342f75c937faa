package simulator

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance"
)

// TestFlips flips bits of every file of a sealed device: on one disk, where all
// must be read all the same, and of small files on all disks at once, where it is
// read right or refused. The verifier names each. Of each file a number of bits is
// drawn; SLEDGE_LONG=1 flips every bit.
func TestFlips(t *testing.T) {
	l := tinyLife(t, 100)
	flips := 0
	rng := rand.New(rand.NewPCG(1, 2))
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range l.files(t, 0) {
			if !yield(name) {
				return
			}
		}
	})
	rounds := 50
	if long() {
		rounds = 1
	}
	for range rounds {
		for _, name := range names {
			whole := l.get(t, 0, name)
			if len(whole) == 0 {
				continue
			}
			bits := []int{rng.IntN(8 * len(whole))}
			if long() {
				bits = nil
				for bit := range 8 * len(whole) {
					bits = append(bits, bit)
				}
			}
			for _, bit := range bits {
				spoilt := bytes.Clone(whole)
				spoilt[bit/8] ^= 1 << (bit % 8)
				l.put(t, 0, name, spoilt)
				l.judge(t, fmt.Sprintf("%s, byte %d of %d, bit %d", name, bit/8, len(whole), bit%8), true)
				l.put(t, 0, name, whole)
				flips++
			}
			if t.Failed() {
				return
			}
		}
	}
	t.Logf("figure: %d flips over %d files", flips, len(names))
}

// TestFlipsEverywhere: the same flip in the copies on all disks.
func TestFlipsEverywhere(t *testing.T) {
	l := tinyLife(t, 100)
	rng := rand.New(rand.NewPCG(3, 4))
	flips := 0
	for name := range l.files(t, 0) {
		if strings.Contains(name, "/packs/") && !strings.HasSuffix(name, ".hashes") || path.Base(name) == "disk.header" {
			continue // not the same on all disks
		}
		whole := l.get(t, 0, name)
		for range 40 {
			if len(whole) == 0 {
				break
			}
			bit := rng.IntN(8 * len(whole))
			if inKeyID(whole, bit/8) {
				continue // DSSE calls it a hint, and nothing is decided by it
			}
			spoilt := bytes.Clone(whole)
			spoilt[bit/8] ^= 1 << (bit % 8)
			for i := range l.disks {
				if bytes.Equal(l.get(t, i, name), whole) {
					l.put(t, i, name, spoilt)
				}
			}
			l.judge(t, fmt.Sprintf("%s on all disks, byte %d, bit %d", name, bit/8, bit%8), false)
			for i := range l.disks {
				if bytes.Equal(l.get(t, i, name), spoilt) {
					l.put(t, i, name, whole)
				}
			}
			flips++
		}
	}
	must(t, l.readBack(context.Background()))
	t.Logf("figure: %d flips", flips)
}

// inKeyID: the value, or a letter of the name, with which the field is an unknown one.
func inKeyID(envelope []byte, at int) bool {
	const name = `"keyid":"`
	from := bytes.Index(envelope, []byte(name))
	letter := at > from && at < from+len(`"keyid`)
	return from >= 0 && (letter || at >= from+len(name) && at < from+len(name)+64)
}

// TestLabelFlips: no other text passes for the label.
func TestLabelFlips(t *testing.T) {
	l := tinyLife(t, 100)
	for bit := range 8 * len(l.label) {
		label := bytes.Clone(l.label)
		label[bit/8] ^= 1 << (bit % 8)
		if set, err := appliance.OpenSet(l.set(nil), l.signerKey(), label); err == nil && set.LabelChecked {
			t.Errorf("byte %d, bit %d: %q was taken for %q", bit/8, bit%8, label[max(0, bit/8-10):min(len(label), bit/8+10)], l.label[max(0, bit/8-10):min(len(label), bit/8+10)])
		}
	}
}
