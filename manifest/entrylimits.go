package manifest

import "fmt"

// floeParams begin the header of every pack (section 4.2).
const floeParams = "\x00\x00\x00\x10\x00\x00\x00\x00\x00\x20"

// pageSlot is the room that one page can take in an index pack's body.
const pageSlot = (MaxPageCiphertext + PageAlign - 1) / PageAlign * PageAlign

// eventWords are what an event may say (section 5.2).
var eventWords = map[string]bool{
	"load-started": true, "load-resumed": true, "disk-failed": true, "disk-rebuilt": true,
	"disk-absent": true, "pack-degraded": true, "note": true,
}

// checkBody holds a body to its segments or, of an index pack, to its pages.
func (p *Pack) checkBody(index bool) error {
	if index {
		if most := int64(p.Pages) * pageSlot; p.BodySize > most {
			return fmt.Errorf("%d bytes in %d pages, at most %d", p.BodySize, p.Pages, most)
		}
		return nil
	}
	if string(p.Header[:len(floeParams)]) != floeParams {
		return fmt.Errorf("a header of other parameters: %x", p.Header[:len(floeParams)])
	}
	full := int64(p.Segments) << 20
	if p.BodySize > full || p.BodySize < full-1<<20+32 {
		return fmt.Errorf("%d bytes do not fit %d segments", p.BodySize, p.Segments)
	}
	return nil
}
