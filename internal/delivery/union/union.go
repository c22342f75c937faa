package union

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"

	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/extsort"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// Union holds the lists of several devices of a job together by key. A key that
// several devices have stands in the target once, so it is counted once; where
// their contents differ, all of them are named. Lists may be of any length: they
// are sorted on disk, encrypted. First every Add, then Report.
type Union struct {
	sorter  *extsort.Sorter
	buf     []byte
	report  Report
	folders bool
	above   []over // keys that the one at hand begins with
}

// over is a key that stands, and the first device that has it.
type over struct {
	key    string
	device int
}

// Report is what several lists come to.
type Report struct {
	Objects  uint64 // that stand in the target, each key once
	Bytes    int64  // of these
	Shared   uint64 // keys that several devices have, with the same content
	Disputed uint64 // keys that several devices have, with different content
	Disputes []Dispute
}

// Dispute is a key for which devices have different content. Devices are numbers
// as Add was given them.
type Dispute struct {
	Key    string
	Holder int   // whose object stands in the target
	Others []int // whose content is another one

	// Above is a key of the holder on the way to Key, in a store of folders: it is an object
	// there, and for the others it has to be a folder.
	Above string
}

// maxDisputes bounds the disputes that are named; all are counted.
const maxDisputes = 1000

// New returns an empty one; Close it.
func New(scratch vfs.FS) *Union {
	return &Union{sorter: extsort.New(extsort.Config{FS: scratch, Dir: "sort"})}
}

// Folders has Report look for keys of one device that are folders on the way to another's, as
// a store of folders takes no such two.
func (u *Union) Folders() { u.folders = true }

// Plan adds an object that a device's import would store.
func (u *Union) Plan(device int, key string, size int64, r *manifest.Record) error {
	sum, err := checksumOf(r)
	if err != nil {
		return err
	}
	h := held{device: device, stands: true, size: size, content: sum}
	u.buf = h.append(u.buf[:0])
	return u.sorter.Add([]byte(key), u.buf)
}

// Close removes the scratch files.
func (u *Union) Close() error { return u.sorter.Close() }

// Add takes a device's list. Only what has a key counts: what stands in the
// target, and what is in conflict with it.
func (u *Union) Add(device int, list io.Reader) error {
	_, err := receipt.Each(list, func(line receipt.Line, r *manifest.Record, n uint64) error {
		if !line.InStore() && line.Error != target.CodeConflict || line.Key == "" || line.Size == nil {
			return nil
		}
		sum, err := checksumOf(r)
		if err != nil {
			return receipt.AtLine(n, err)
		}
		h := held{device: device, stands: line.InStore(), size: *line.Size, content: sum}
		u.buf = h.append(u.buf[:0])
		return u.sorter.Add([]byte(line.Key), u.buf)
	})
	return err
}

// Report compares what stands under one key.
func (u *Union) Report() (*Report, error) {
	u.report = Report{Disputes: []Dispute{}}
	var key []byte
	var group []held
	err := u.sorter.Each(func(k, value []byte) error {
		h, err := decodeHeld(value)
		if err != nil {
			return err
		}
		if !bytes.Equal(k, key) {
			u.judge(string(key), group)
			key, group = append(key[:0], k...), group[:0]
		}
		group = append(group, h)
		return nil
	})
	if err != nil {
		return nil, err
	}
	u.judge(string(key), group)
	return &u.report, nil
}

// judge counts a key. Where none of the devices' objects stands in the target, the
// conflict is with somebody else.
func (u *Union) judge(key string, group []held) {
	first := -1
	for i, h := range group {
		if h.stands {
			first = i
			break
		}
	}
	if first < 0 {
		return
	}
	u.report.Objects++
	u.report.Bytes += group[first].size
	u.nested(key, group)
	d, same := Dispute{Key: key, Holder: group[first].device}, false
	for i, h := range group {
		switch {
		case i == first:
		case h.stands && h.agrees(group[first]):
			same = true
		default:
			d.Others = append(d.Others, h.device)
		}
	}
	if same {
		u.report.Shared++
	}
	if len(d.Others) > 0 {
		u.dispute(d)
	}
}

func (u *Union) dispute(d Dispute) {
	if u.report.Disputed++; len(u.report.Disputes) < maxDisputes {
		u.report.Disputes = append(u.report.Disputes, d)
	}
}

// nested finds the keys of other devices that are folders on the way to this one. In byte
// order nothing else comes between a key and those that begin with it.
func (u *Union) nested(key string, group []held) {
	if !u.folders {
		return
	}
	for n := len(u.above); n > 0 && !strings.HasPrefix(key, u.above[n-1].key); n-- {
		u.above = u.above[:n-1]
	}
	for _, o := range u.above {
		if strings.HasSuffix(o.key, "/") || key[len(o.key)] != '/' {
			continue // a directory's own key is no object in the way
		}
		d := Dispute{Key: key, Holder: o.device, Above: o.key}
		for _, h := range group {
			if h.device != o.device {
				d.Others = append(d.Others, h.device)
			}
		}
		if len(d.Others) > 0 {
			u.dispute(d)
		}
	}
	u.above = append(u.above, over{key, group[0].device})
}

// held is what a list says under a key.
type held struct {
	device  int
	stands  bool
	size    int64
	content string // the record's checksum
}

// agrees tells whether two objects that both stand may be one. Checksums are the
// manifest's, however a target had the content cut: the loader cuts content of one
// size in one way, so the same content has the same checksum on every device.
func (h held) agrees(o held) bool { return h.size == o.size && h.content == o.content }

func (h held) append(b []byte) []byte {
	stands := uint64(0)
	if h.stands {
		stands = 1
	}
	for _, v := range []uint64{uint64(h.device), stands, uint64(h.size)} {
		b = binary.AppendUvarint(b, v)
	}
	return append(b, h.content...)
}

func decodeHeld(b []byte) (held, error) {
	var v [3]uint64
	for i := range v {
		n := 0
		if v[i], n = binary.Uvarint(b); n <= 0 {
			return held{}, errors.New("a union's scratch file is damaged")
		}
		b = b[n:]
	}
	return held{int(v[0]), v[1] == 1, int64(v[2]), string(b)}, nil
}
