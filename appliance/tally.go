package appliance

import (
	"context"
	"encoding/binary"
	"strings"

	"github.com/sledge-io/sledge/appliance/catalog"
	"github.com/sledge-io/sledge/manifest"
)

// tally counts what a device holds.
type tally struct {
	entries  uint64 // good ones
	skipped  uint64
	lost     uint64 // that cannot be given back any more
	remarked uint64 // good ones with a later look that failed
	bytes    int64  // content of the good ones
	dropped  uint64 // below what is no folder any more
	live     int64  // content of the good ones that is in packs, each place once
}

// tallyAsk is what else a caller wants to know of the entries. The zero value asks for
// nothing.
type tallyAsk struct {
	lists map[manifest.ID]bool // scan lists whose entries are ours
	entry func(tallied)        // called for every entry that was loaded
}

// tallied is what a tally tells of one entry.
type tallied struct {
	path   string
	size   int64
	seq    uint64 // as the catalog's Entry has it
	ours   bool
	lost   bool
	failed bool // a later look at it failed
}

// tallyOf counts by the catalog's rule over the whole journal.
func (d *Device) tallyOf() (t tally, err error) {
	lists, err := d.findLists()
	if err != nil {
		return t, err
	}
	return d.tallyWith(lists, tallyAsk{})
}

// tallyWith is tallyOf where the lists have been read.
func (d *Device) tallyWith(lists []*scanList, ask tallyAsk) (t tally, err error) {
	if len(d.state.lists) == 0 {
		return t, nil
	}
	looks, done, err := d.looks(context.Background(), lists, func(b []byte, list manifest.ID, r *manifest.Record, lost bool) []byte {
		flags := byte(0)
		if r.Remark != "" {
			flags |= tallyRemark
		}
		if lost {
			flags |= tallyLost
		}
		if ask.lists[list] {
			flags |= tallyOurs
		}
		return stored(append(binary.AppendUvarint(b, uint64(r.DataLength())), flags), r)
	})
	if err != nil {
		return t, err
	}
	defer done()
	places, gone, err := d.newSorter(sortMemory)
	if err != nil {
		return t, err
	}
	defer gone()
	live := &liveBytes{places: places}
	err = catalog.Resolve(looks, catalog.Visit{
		Entry: func(e *catalog.Entry) error {
			t.count(e, live, ask.entry)
			return nil
		},
		Dropped: func(*catalog.Entry) error { t.dropped++; return nil },
	})
	if err == nil {
		t.live, err = live.sum()
	}
	return t, err
}

// What a tally's values say besides the size.
const (
	tallyRemark = 1 << iota
	tallyLost
	tallyOurs
)

func (t *tally) count(e *catalog.Entry, live *liveBytes, tell func(tallied)) {
	if !e.Good {
		t.skipped++
		return
	}
	size, n := binary.Uvarint(e.Value)
	flags := e.Value[n]
	if tell != nil {
		tell(tallied{strings.TrimSuffix(e.Key, "/"), int64(size), e.Seq, flags&tallyOurs != 0, flags&tallyLost != 0, e.Remark != ""})
	}
	if flags&tallyLost != 0 {
		t.lost++
		return
	}
	t.entries++
	live.add(e.Value[n+1:])
	t.bytes += int64(size)
	if e.Remark != "" || flags&tallyRemark != 0 {
		t.remarked++
	}
}
