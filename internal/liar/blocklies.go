package liar

// blockLies are in the blocks of an index pack alone, and in their sums.
func blockLies() []Lie {
	blocks := func(name string, sight Sight, change func(stripes, stripe int64, blocks [][]byte)) Lie {
		return Lie{"blocks: " + name, sight, func(d *Device) error { d.Blocks = change; return nil }, nil}
	}
	return []Lie{
		blocks("bytes in the padding", Blocks, func(stripes, stripe int64, blocks [][]byte) {
			if last := blocks[len(blocks)-1]; stripe == stripes-1 {
				last[len(last)-1] = 1
			}
		}),
	}
}
