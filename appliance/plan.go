package appliance

// Plan says whether what is to be loaded fits. The need is what the files' sizes say: holes,
// and content that is on the device already, take less.
type Plan struct {
	Entries  uint64 `json:"entries"`        // to load
	Bytes    int64  `json:"bytes"`          // of their files
	OnDisks  int64  `json:"bytes_on_disks"` // of all disks together: with parity, padding and metadata
	Metadata int64  `json:"metadata_bytes"` // of these, records, and what the seal makes of them
	Room     int64  `json:"room_bytes"`     // what files may take on the device, once the metadata is kept back
	Fits     bool   `json:"fits"`
	Fullest  string `json:"fullest_disk"` // the one that limits the room
}

// What an entry takes beside its content.
const (
	recordGuess  = 512      // bytes of its record: a path, times, owners, digests
	chunkGuess   = 64 << 10 // bytes of content for each authentication tag
	overheadByte = 16       // bytes of the tag
	unitGuess    = 16 << 20 // bytes of content for each further digest
	unitRecord   = 34 + 10  // bytes of a part's digest and a unit's check value
)

// Plan computes what so many more entries with so much content take, and what room there is.
func (d *Device) Plan(entries uint64, bytes int64) Plan {
	g := d.cfg.Job.Geometry
	p := Plan{Entries: entries, Bytes: bytes}
	records := int64(entries)*recordGuess + bytes/unitGuess*unitRecord
	packs := bytes/max(1, d.cfg.Job.Policy.PackSize) + 1
	d.mu.Lock()
	now := d.state.reserve(g.K)
	after := d.state
	d.mu.Unlock()
	after.records, after.size, after.packs = after.records+entries, after.size+records, after.packs+uint64(packs)
	keep := after.reserve(g.K)
	body := bytes + bytes/chunkGuess*overheadByte + packs*packSlack/2
	stripe := int64(g.K) * int64(g.BlockSize)
	stripes := (body + stripe - 1) / stripe
	list := int64(32*g.K+8*g.M) * 2
	p.Metadata = int64(len(d.bays))*(keep-now) + int64(g.M+1)*records
	p.OnDisks = stripes*(int64(g.BlockSize)+list)*int64(g.K+g.M) + p.Metadata
	var free int64
	p.Fullest, free = d.fullest()
	p.Room = max(0, d.roomOf(free-keep-records)-packSlack)
	p.Fits = entries == 0 || bytes <= p.Room && free > keep+records
	return p
}

// planOf is the plan of what a list has left to load.
func (d *Device) planOf(l *scanList) Plan {
	entries, bytes := l.tail.Count, l.tail.Bytes
	d.mu.Lock()
	if st := d.state.lists[l.copies.ID]; st != nil {
		entries, bytes = entries-min(entries, st.count()), max(0, bytes-st.bytes)
	}
	d.mu.Unlock()
	return d.Plan(entries, bytes)
}
