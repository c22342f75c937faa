package liar

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/manifest"
)

// Sight is who can see through a lie.
type Sight int

// The sights. What the keyless verifier sees, every command has to refuse.
const (
	Honest    Sight = iota // nothing is wrong
	Damage                 // something can be made again; the keyless verifier says so, and the others go on
	Blocks                 // with no key at all, by who reads every block; the others go on
	Public                 // with no key at all
	Unwrapped              // with no key at all: the wrap to the site is lost, and who opens the device by it cannot
	Unstated               // with no key at all: the seal statement is lost, which nobody but the device can make again
	Private                // with the load key alone: who reads the manifest has to refuse it
)

// Lie is a device that no honest loader makes.
type Lie struct {
	Name  string
	Sight Sight
	Tell  func(d *Device) error // before Write
	After func(d *Device) error // behind it; nil: nothing
}

// InLabel tells whether the lie is in the label, which not every command is given.
func (l Lie) InLabel() bool { return strings.HasPrefix(l.Name, labelLie) }

const labelLie = "label: "

// Lies is the corpus that every reader is held against. The device needs at least
// four records.
func Lies() []Lie {
	return slices.Concat(honest(), logLies(), jobLies(), labelLies(), statementLies(), forks(), pageLies(), totalLies(), listLies(), blockLies(), limitLies())
}

func honest() []Lie {
	return []Lie{
		{"nothing", Honest, func(*Device) error { return nil }, nil},
		{"pages of two records", Honest, small, nil},
	}
}

// small cuts the device into pages of two records and index packs of two such pages.
func small(d *Device) error {
	d.Repage(d.Records(), 2)
	d.PagesAnIndexPack = 3
	return nil
}

// inLog makes a lie of a change to the log's entries.
func inLog(name string, change func(e [][]byte) [][]byte) Lie {
	return Lie{name, Public, func(d *Device) error { d.Log = change; return nil }, nil}
}

// beforeEnd puts entries before the last one.
func beforeEnd(e [][]byte, more ...[]byte) [][]byte {
	return slices.Concat(e[:len(e)-1], more, e[len(e)-1:])
}

// edit changes the entries of a kind, as they are decoded.
func edit(name string, change func(e *manifest.Entry)) Lie {
	return inLog(name, func(list [][]byte) [][]byte {
		for i, raw := range list {
			e, err := manifest.DecodeEntry(raw)
			if err != nil {
				continue
			}
			change(&e)
			if again, err := encode(e); err == nil {
				list[i] = again
			}
		}
		return list
	})
}

// part makes a lie of a change to every entry of one kind.
func part[T any](of func(e *manifest.Entry) *T) func(name string, change func(*T)) Lie {
	return func(name string, change func(*T)) Lie {
		return edit(name, func(e *manifest.Entry) {
			if t := of(e); t != nil {
				change(t)
			}
		})
	}
}

// packs makes a lie of a change to every index pack, or to every other one.
func packs(index bool) func(name string, change func(*manifest.Pack)) Lie {
	return part(func(e *manifest.Entry) *manifest.Pack {
		if e.Pack == nil || e.Pack.IsIndex() != index {
			return nil
		}
		return e.Pack
	})
}

func encode(e manifest.Entry) ([]byte, error) {
	switch {
	case e.Start != nil:
		return e.Start.Encode()
	case e.Wrap != nil:
		return e.Wrap.Encode()
	case e.Event != nil:
		return e.Event.Encode()
	case e.Pack != nil:
		return e.Pack.Encode()
	case e.Page != nil:
		return e.Page.Encode()
	}
	return e.End.Encode()
}

func logLies() []Lie {
	end := part(func(e *manifest.Entry) *manifest.End { return e.End })
	start := part(func(e *manifest.Entry) *manifest.Start { return e.Start })
	page := part(func(e *manifest.Entry) *manifest.PageEntry { return e.Page })
	wrap := part(func(e *manifest.Entry) *manifest.WrapEntry { return e.Wrap })
	toSite := part(func(e *manifest.Entry) *manifest.WrapEntry {
		if e.Wrap == nil || e.Wrap.Kind != manifest.WrapHPKE {
			return nil
		}
		return e.Wrap
	})
	anyPack := part(func(e *manifest.Entry) *manifest.Pack { return e.Pack })
	pack, index := packs(false), packs(true)
	return []Lie{
		end("the end entry's packs", func(e *manifest.End) { e.Packs++ }),
		end("the end entry's pages", func(e *manifest.End) { e.Pages-- }),
		end("the end entry's index packs", func(e *manifest.End) { e.IndexPacks++ }),
		end("the end entry's first pack", func(e *manifest.End) { e.FirstPack++ }),
		end("the end entry's first page", func(e *manifest.End) { e.FirstPage-- }),
		end("the end entry's first index", func(e *manifest.End) { e.FirstIndex++ }),
		end("the end entry's body lengths", func(e *manifest.End) { e.BodySize++ }),
		inLog("no end entry", func(e [][]byte) [][]byte { return e[:len(e)-1] }),
		inLog("two end entries", func(e [][]byte) [][]byte { return append(e, e[len(e)-1]) }),
		inLog("an unknown kind of entry", func(e [][]byte) [][]byte { return beforeEnd(e, []byte{manifest.Version, 99}) }),
		inLog("an entry of another version", func(e [][]byte) [][]byte { return beforeEnd(e, []byte{99, 3}) }),
		inLog("an event behind the packs", func(e [][]byte) [][]byte {
			return beforeEnd(e, []byte{manifest.Version, byte(manifest.EntryEvent), 5, 4, 'n', 'o', 't', 'e'})
		}),
		inLog("an unknown event", func(e [][]byte) [][]byte {
			return slices.Insert(e, 2, []byte{manifest.Version, byte(manifest.EntryEvent), 5, 2, 'n', 'o'})
		}),
		start("one bay more in the log", func(x *manifest.Start) { x.Bays++ }),
		start("another job serial in the log", func(x *manifest.Start) { x.JobSerial++ }),
		page("a page's number", func(x *manifest.PageEntry) { x.Number++ }),
		index("an index pack's pages", func(x *manifest.Pack) { x.Pages++ }),
		toSite("a wrap to a stranger", func(x *manifest.WrapEntry) { x.Recipients[0][0] ^= 1 }),
		toSite("a wrap to two", func(x *manifest.WrapEntry) { x.Recipients = append(x.Recipients, x.Recipients[0]) }),
		inLog("a wrap twice", func(e [][]byte) [][]byte { return slices.Insert(e, 2, e[1]) }),
		pack("more shards not written than parity", func(x *manifest.Pack) { x.Lost = []byte{0, 1} }),
		anyPack("an index pack with a pack's id", func(x *manifest.Pack) { x.ID = manifest.ID{1} }),
		index("an index pack's body over its pages", func(x *manifest.Pack) { x.BodySize = 1 << 32 }),
		pack("a pack of other parameters", func(x *manifest.Pack) { x.Header[3] ^= 1 }),
		anyPack("a shard in a bay that is none", func(x *manifest.Pack) { x.Bays[0] = 63 }),
		start("a serial of 2^63", func(x *manifest.Start) { x.JobSerial = 1 << 63 }),
		wrap("a wrap of another generation", func(x *manifest.WrapEntry) { x.Generation++ }),
	}
}

// in gives the object of this name within another.
func in(o map[string]any, name string) map[string]any { return o[name].(map[string]any) }

func jobLies() []Lie {
	job := func(name string, change func(d *Device) error) Lie {
		return Lie{"job file: " + name, Public, change, nil}
	}
	set := func(name string, value any, where ...string) Lie {
		return job(fmt.Sprintf("%s %.40s", name, fmt.Sprint(value)), func(d *Device) error {
			o := d.Job
			for _, w := range where {
				o = in(o, w)
			}
			o[name] = value
			return nil
		})
	}
	return []Lie{
		set("direction", "export"),
		set("file_digest", "md5", "policy"),
		set("symlinks", "follow", "policy"),
		set("directories", "maybe", "policy"),
		set("kind", "scrypt", "unlock", "kdf"),
		set("version", 2),
		set("critical", []string{"later"}),
		set("disks", 1, "geometry"),
		set("serial", 0),
		set("created", "yesterday"),
		set("expires", 5),
		set("site", 5),
		set("recipients", []any{}),
		set("devices", []any{}),
		set("verifier", "AAAA", "unlock"),
		set("salt", "", "unlock", "kdf"),
		set("iterations", 1, "unlock", "kdf"),
		set("iterations", 1<<40, "unlock", "kdf"),
		set("pack_size", 1, "policy"),
		set("pack_size", 1<<40, "policy"),
		set("pack_seconds", 0, "policy"),
		set("pack_seconds", 100000, "policy"),
		set("k", 0, "geometry"),
		set("block_size", 5000, "geometry"),
		set("m", 0, "geometry"),
		set("importer", []any{"AAAA"}, "roles"),
		set("k", math.MaxInt64, "geometry"), // k + m runs over
		set("created", nil),
		set("expires", nil),
		set("unlock", nil),
		set("policy", nil),
		set("geometry", nil),
		job("a recipient's key id", func(d *Device) error {
			d.Job["recipients"].([]any)[0].(map[string]any)["key_id"] = strings.Repeat("ab", 32)
			return nil
		}),
		job("a recipient's key", func(d *Device) error {
			d.Job["recipients"].([]any)[0].(map[string]any)["public_key"] = "AAAA"
			return nil
		}),
		job("no site among the recipients", func(d *Device) error {
			d.Job["recipients"] = d.Job["recipients"].([]any)[1:]
			return nil
		}),
		job("100 roles", func(d *Device) error {
			o := in(d.Job, "roles")
			o["importer"] = slices.Repeat(o["importer"].([]any)[:1], 100)
			return nil
		}),
		job("kind of recipient", func(d *Device) error {
			d.Job["recipients"].([]any)[0].(map[string]any)["kind"] = "rsa"
			return nil
		}),
		job("another signer", func(d *Device) (err error) { d.JobSigner, err = NewKey(); return err }),
		job("shows another signer", func(d *Device) error {
			d.Job["signer"] = d.Job["devices"].([]any)[0].(map[string]any)["public_key"]
			return nil
		}),
	}
}

func labelLies() []Lie {
	label := func(name string, change func(l *manifest.Label)) Lie {
		return Lie{labelLie + name, Public, func(d *Device) error { d.Label = change; return nil }, nil}
	}
	return []Lie{
		label("one disk more", func(l *manifest.Label) { l.Disks++ }),
		label("another serial", func(l *manifest.Label) { l.JobSerial++ }),
		label("another job file", func(l *manifest.Label) { l.JobSHA256[0] ^= 1 }),
		label("another generation", func(l *manifest.Label) { l.Scope.Generation++ }),
	}
}

func statementLies() []Lie {
	set := func(name string, value any) Lie {
		return Lie{fmt.Sprint("statement: ", name, " ", value), Public, func(d *Device) error { d.Statement[name] = value; return nil }, nil}
	}
	return []Lie{set("log_size", 3), set("disks", 7), set("job_serial", 9), set("log_root", bytes.Repeat([]byte{1}, 32)),
		set("degraded_packs", 1), set("absent_bays", []int{2}), set("absent_bays", []int{64}), set("unread_packs", 99), set("degraded_packs", nil),
		set("replaced_bays", []int{2}), set("left_bays", []int{64}), set("recovery", "nobody's")}
}

// forks are two checkpoints of one generation; disk 1 has the other one.
func forks() []Lie {
	fork := func(name string, sight Sight, after func(d *Device) error) Lie {
		return Lie{"two checkpoints: " + name, sight, func(*Device) error { return nil }, after}
	}
	return []Lie{
		fork("one is older", Damage, func(d *Device) error { return d.SignAt(2, true, 1) }),
		fork("one is of no entries", Damage, func(d *Device) error { return d.SignAt(0, true, 1) }),
		fork("one is older and does not fit", Public, func(d *Device) error { return d.SignAt(2, false, 1) }),
		fork("one is of no entries and does not fit", Public, func(d *Device) error { return d.SignAt(0, false, 1) }),
		fork("one is of another generation", Damage, func(d *Device) error { return d.SignGeneration(2, 2) }),
		fork("two of one size", Public, func(d *Device) error { return d.SignAt(len(d.written), false, 1) }),
		fork("one is newer", Public, func(d *Device) error { return d.SignAt(len(d.written)+1, true, 1) }),
	}
}

func pageLies() []Lie {
	pages := func(name string, change func(d *Device)) Lie {
		return Lie{name, Private, func(d *Device) error {
			if err := small(d); err != nil {
				return err
			}
			change(d)
			return nil
		}, nil}
	}
	lines := func(name string, change func(l []manifest.DirEntry) []manifest.DirEntry) Lie {
		return pages("directory page: "+name, func(d *Device) {
			d.Lines = func(pack int, l []manifest.DirEntry) []manifest.DirEntry {
				if pack > 0 {
					return l
				}
				return change(l)
			}
		})
	}
	return []Lie{
		pages("records of a page in descending order", func(d *Device) { slices.Reverse(d.Pages[1].Records) }),
		pages("pages in descending order", func(d *Device) { slices.Reverse(d.Pages) }),
		pages("a record twice", func(d *Device) { d.Pages[0].Records[1] = d.Pages[0].Records[0] }),
		pages("a record twice, in two pages", func(d *Device) { d.Pages[1].Records[0] = d.Pages[0].Records[1] }),
		lines("another path", func(l []manifest.DirEntry) []manifest.DirEntry { l[1].Path += "!"; return l }),
		lines("another kind", func(l []manifest.DirEntry) []manifest.DirEntry { l[1].Kind ^= 3; return l }),
		lines("another page", func(l []manifest.DirEntry) []manifest.DirEntry { l[1].Page = 9; return l }),
		lines("another number of records", func(l []manifest.DirEntry) []manifest.DirEntry { l[1].Records++; return l }),
		lines("a continuation", func(l []manifest.DirEntry) []manifest.DirEntry { l[1].Continuation = 1; return l }),
		lines("a line less", func(l []manifest.DirEntry) []manifest.DirEntry { return l[:1] }),
		lines("a line more", func(l []manifest.DirEntry) []manifest.DirEntry { return append(l, l[1]) }),
		pages("the first path of an index pack", func(d *Device) {
			d.First = func(pack int, key string) string { return fmt.Sprint("zz", pack) }
		}),
	}
}

func totalLies() []Lie {
	totals := func(name string, change func(t *manifest.Totals)) Lie {
		return Lie{"totals: " + name, Private, func(d *Device) error { change(&d.Totals); return nil }, nil}
	}
	return []Lie{
		totals("records", func(t *manifest.Totals) { t.Records++ }),
		totals("files", func(t *manifest.Totals) { t.Files-- }),
		totals("directories", func(t *manifest.Totals) { t.Dirs++ }),
		totals("symlinks", func(t *manifest.Totals) { t.Symlinks++ }),
		totals("hard links", func(t *manifest.Totals) { t.Hardlinks++ }),
		totals("skipped", func(t *manifest.Totals) { t.Skipped++ }),
		totals("bytes", func(t *manifest.Totals) { t.Bytes++ }),
		{"totals of a manifest without pages", Private, func(d *Device) error { d.Pages = nil; return nil }, nil},
		{"a page left out", Private, func(d *Device) error {
			err := small(d)
			d.Pages = d.Pages[1:]
			return err
		}, nil},
	}
}
