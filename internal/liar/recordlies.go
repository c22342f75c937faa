package liar

import (
	"fmt"

	"github.com/sledge-io/sledge/manifest"
)

// recordLies are records that say what cannot be.
func recordLies() []Lie {
	extent := func(name string, change func(e *manifest.Extent)) Lie {
		return Lie{"an extent " + name, Private, func(d *Device) error { return d.EditExtent(change) }, nil}
	}
	return []Lie{
		extent("that begins near 2^63", func(e *manifest.Extent) { e.PackOffset = 1<<63 - 1 - e.Length }),
		extent("behind every pack", func(e *manifest.Extent) { e.PackOffset = 1 << 40 }),
	}
}

// EditExtent changes the first extent of every file that has one in a pack.
func (d *Device) EditExtent(change func(e *manifest.Extent)) error {
	changed := 0
	for _, page := range d.Pages {
		for i, raw := range page.Records {
			r, err := manifest.DecodeRecord(raw)
			if err != nil || len(r.Extents) == 0 || r.Extents[0].Hole {
				continue
			}
			change(&r.Extents[0])
			again, err := r.Encode()
			if err != nil {
				return err
			}
			page.Records[i] = again[0]
			changed++
		}
	}
	if changed == 0 {
		return fmt.Errorf("no record has an extent")
	}
	return nil
}
