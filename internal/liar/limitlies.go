package liar

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/manifest"
)

// Sizes at which the format has its limits (docs/format.md section 2.2). They are written
// out here: the lies must not move with the checks.
const (
	longestLog       = 1 << 40
	longestEntry     = 4096
	longestRecord    = 65_536
	longestPath      = 4096
	longestFile      = 1 << 20
	longestWrap      = 64 << 10
	mostPageRecords  = 1024
	longestPageSteps = 15 // of 65,536 bytes
)

// limitLies are devices at the limits of the format, and one beyond them.
func limitLies() []Lie {
	of := func(name string, sight Sight, tell func(d *Device) error) Lie { return Lie{name, sight, tell, nil} }
	return []Lie{
		{"all at its limits", Honest, atLimits, witnessed(longestWrap)},
		hugeLog("a log of 2^40 entries", longestLog),
		hugeLog("a log of 2^40 + 1 entries", longestLog+1),
		of("an entry of 4,097 bytes", Public, longStart(longestEntry+1)),
		of("a page of 1,025 records", Private, links("z", mostPageRecords+1, 7, 0)),
		of("a record of 65,537 bytes", Private, links("z", 1, 7, longestRecord+1)),
		of("a path of 4,097 bytes", Private, links("z", 1, longestPath+1, 0)),
		of("a job file over 1 MiB", Public, func(d *Device) error { d.JobFile = spaces(longestFile + 1); return nil }),
		of("a statement over 1 MiB", Unstated, func(d *Device) error { d.StatementFile = spaces(longestFile + 1); return nil }),
		of("a wrap over 64 KiB", Unwrapped, longWrap(longestWrap+1)),
		{"a checkpoint over 64 KiB", Public, nothing, witnessed(longestWrap + 1)},
	}
}

// atLimits makes a device whose entry, pages, records, files and wrap are as large as they
// may be. Its checkpoint is one, too, once witnessed has been over it.
func atLimits(d *Device) error {
	d.JobFile, d.StatementFile = spaces(longestFile), spaces(longestFile)
	for _, tell := range []func(*Device) error{
		longStart(longestEntry), longWrap(longestWrap),
		links("y", longestPageSteps-1, 7, longestRecord), // a page of 983,040 bytes
		links("z", mostPageRecords, 7, 0),
	} {
		if err := tell(d); err != nil {
			return err
		}
	}
	return nil
}

func nothing(*Device) error { return nil }

// spaces fills a JSON file up behind its end.
func spaces(size int) func(file []byte) []byte {
	return func(file []byte) []byte { return append(file, bytes.Repeat([]byte{' '}, size-len(file))...) }
}

// filled is a message with an unknown field at its end that makes it so long.
func filled(message []byte, size int) []byte {
	for pad := size - len(message); pad > 0; pad-- {
		w := fields.NewWriter(nil)
		w.Blob(500, false, make([]byte, pad))
		if len(message)+len(w.Bytes()) == size {
			return slices.Concat(message, w.Bytes())
		}
	}
	return message
}

// hugeLog signs a size that no disk has the log for, on disks and label.
func hugeLog(name string, size uint64) Lie {
	var text []byte
	return Lie{name, Public, func(d *Device) (err error) {
		text, err = manifest.SignCheckpoint(d.scope.Origin(), size, [32]byte{1}, d.keys.Device)
		d.Label = func(l *manifest.Label) { l.Checkpoint = text }
		return err
	}, func(d *Device) error { return d.Put("log/checkpoint", text) }}
}

func longStart(size int) func(d *Device) error {
	return func(d *Device) error {
		d.Log = func(e [][]byte) [][]byte { e[0] = filled(e[0], size); return e }
		return nil
	}
}

// links adds n symlinks behind all else, on a page of their own, with paths and records of
// so many bytes; 0 leaves a record as it is.
func links(prefix string, n, path, size int) func(d *Device) error {
	return func(d *Device) error {
		var p Page
		for i := range n {
			name := fmt.Sprintf("z%s%05d", prefix, i)
			for len(name) < path {
				name += "/" + strings.Repeat("z", min(200, path-len(name)-1))
			}
			w := fields.NewWriter(nil)
			w.Uint(1, true, uint64(manifest.KindSymlink))
			w.Text(2, true, name)
			w.Uint(3, true, 1)
			w.Text(19, true, "z")
			p.Records = append(p.Records, filled(w.Bytes(), size))
		}
		d.Pages = append(d.Pages, p)
		d.Totals.Records += uint64(n)
		d.Totals.Symlinks += uint64(n)
		d.Totals.Bytes += uint64(n)
		d.Totals.ScanEntries += uint64(n)
		return nil
	}
}

// longWrap makes the wrap to the site longer, in the file and in the log.
func longWrap(size int) func(d *Device) error {
	return func(d *Device) error {
		for i, raw := range d.Head {
			e, err := manifest.DecodeEntry(raw)
			if err != nil || e.Wrap == nil || e.Wrap.Kind != manifest.WrapHPKE {
				continue
			}
			was := hex.EncodeToString(e.Wrap.SHA256[:])
			file, err := d.read("wraps/" + was + ".wrap")
			if err != nil {
				return err
			}
			file = filled(file, size)
			e.Wrap.SHA256 = crypto.SumSHA256(file)
			if d.Head[i], err = e.Wrap.Encode(); err != nil {
				return err
			}
			d.remove("wraps/" + was + ".wrap")
			if err := d.Put(fmt.Sprintf("wraps/%x.wrap", e.Wrap.SHA256), file); err != nil {
				return err
			}
		}
		return nil
	}
}

// witnessed adds the line of a witness that nobody knows to the checkpoint.
func witnessed(size int) func(d *Device) error {
	return func(d *Device) error {
		file, err := d.read("log/checkpoint")
		if err != nil {
			return err
		}
		sig := " " + base64.StdEncoding.EncodeToString(make([]byte, 68)) + "\n"
		name := strings.Repeat("w", size-len(file)-len("— ")-len(sig))
		return d.Put("log/checkpoint", slices.Concat(file, []byte("— "+name+sig)))
	}
}

// writeLong writes a log of one bundle some of whose entries are longer than a writer of the
// format makes them.
func (d *Device) writeLong(entries [][]byte) (size uint64, root [32]byte, err error) {
	if len(entries) > math.MaxUint8 {
		return 0, root, fmt.Errorf("a log of %d entries is more than one bundle", len(entries))
	}
	var bundle, tile []byte
	var tree manifest.Tree
	for _, e := range entries {
		bundle = append(append(bundle, byte(len(e)>>8), byte(len(e))), e...)
		h := manifest.LeafHash(e)
		tile = append(tile, h[:]...)
		tree.AddHash(h)
	}
	if err := d.Put("log/"+manifest.TilePath(-1, 0, len(entries)), bundle); err != nil {
		return 0, root, err
	}
	return uint64(len(entries)), tree.Root(), d.Put("log/"+manifest.TilePath(0, 0, len(entries)), tile)
}
