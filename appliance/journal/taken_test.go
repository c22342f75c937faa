package journal

import (
	"errors"
	"reflect"
	"testing"

	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// beforeDoors are the fields that programs without doors know.
var beforeDoors = fields.Schema{1: true, 2: true, 3: true, 4: false, 5: false, 6: false, 7: false}

// TestOlderReaders: who does not know doors refuses a journal that holds what a door took,
// for it would seal without that. Cursors and part lists are of no weight for a seal.
func TestOlderReaders(t *testing.T) {
	skipped := &Message{List: Doors, Records: [][]byte{{1}}, Cursors: []Cursor{{Source: manifest.ID{1}, At: []byte("x")}}, PartLists: []PartList{{Record: 0, Parts: []Part{{Size: 5}}}}}
	if err := fields.Decode(skipped.Encode(), beforeDoors, func(fields.Field) error { return nil }); err != nil {
		t.Errorf("cursors and part lists: %v", err)
	}
	for name, taken := range map[string]Taken{"a withdrawal": {Withdrawn: "a"}, "an entry": {Record: [][]byte{{1}}, Body: []byte("x")}} {
		m := &Message{List: Doors, Taken: []Taken{taken}}
		if err := fields.Decode(m.Encode(), beforeDoors, func(fields.Field) error { return nil }); !errors.Is(err, fields.ErrUnknownCritical) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTakenComesBack(t *testing.T) {
	r := manifest.Record{Kind: manifest.KindFile, Path: "a/b", Size: 4, SHA256: make([]byte, 32)}
	records, err := EncodeTaken(r)
	if err != nil {
		t.Fatal(err)
	}
	m := &Message{List: Doors, Records: [][]byte{{1}, {2}},
		Cursors:   []Cursor{{Source: manifest.ID{1}, At: []byte("at")}, {Source: manifest.ID{2}}},
		Taken:     []Taken{{Record: records, Body: []byte("body"), Parts: []Part{{Size: 3, SHA256: [32]byte{1}}, {Size: 1}}}, {Withdrawn: "c"}},
		PartLists: []PartList{{Record: 1, Parts: []Part{{Size: 9}}}}}
	got, err := Decode(m.Encode())
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]any{"cursors": {m.Cursors[0], got.Cursors[0]}, "taken": {m.Taken, got.Taken}, "part lists": {m.PartLists, got.PartLists}} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s: %v, want %v", name, pair[1], pair[0])
		}
	}
	back, err := got.Taken[0].Of()
	if err != nil || back.Path != "a/b" || len(back.Extents) != 0 {
		t.Errorf("%+v, %v", back, err)
	}
}

// TestOddTaken: what no door writes is refused.
func TestOddTaken(t *testing.T) {
	for name, m := range map[string]*Message{
		"both":                    {Taken: []Taken{{Withdrawn: "a", Record: [][]byte{{1}}}}},
		"a path upwards":          {Taken: []Taken{{Withdrawn: "../a"}}},
		"a list of no record":     {Records: [][]byte{{1}}, PartLists: []PartList{{Record: 1}}},
		"a part below nothing":    {Records: [][]byte{{1}}, PartLists: []PartList{{Parts: []Part{{Size: -1}}}}},
		"a body without a record": {Taken: []Taken{{Body: []byte("x")}}},
	} {
		if _, err := Decode(m.Encode()); !errors.Is(err, manifest.ErrCorrupt) {
			t.Errorf("%s: %v", name, err)
		}
	}
	short := Taken{Body: []byte("abc")}
	short.Record, _ = EncodeTaken(manifest.Record{Kind: manifest.KindFile, Path: "a", Size: 4, SHA256: make([]byte, 32)})
	if _, err := short.Of(); !errors.Is(err, manifest.ErrCorrupt) {
		t.Errorf("a body of another length: %v", err)
	}
}
