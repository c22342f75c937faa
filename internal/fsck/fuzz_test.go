package fsck

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sledge-io/sledge/internal/fsck/log"
	"github.com/sledge-io/sledge/internal/fsck/proof"
	"github.com/sledge-io/sledge/internal/fsck/record"
	"github.com/sledge-io/sledge/internal/fsck/wire"
	"github.com/sledge-io/sledge/internal/testlimit"
)

// encodeFields writes a message back; what a parser accepts must come out the same.
func encodeFields(m wire.Message) []byte {
	var e enc
	for _, f := range m {
		e.put(int(f.Number), f.Critical, f.Value)
	}
	return e
}

func FuzzFields(f *testing.F) {
	d := makeDevice(f, smallPlan())
	for _, e := range d.entries[:6] {
		f.Add(e[2:])
	}
	for _, seed := range [][]byte{{}, {3, 1, 0}, {3, 0x81, 0, 1}, {1, 1, 1}, {3, 1, 1, 3, 1, 1}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0}, {200, 1, 1, 5}} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		for _, known := range []wire.Schema{nil, wire.StartFields, wire.PackFields, record.RecordFields, record.ListFormFields} {
			m, err := wire.ParseFields(b, known)
			if err == nil && !bytes.Equal(encodeFields(m), b) {
				t.Fatalf("accepted %x, which is written %x", b, encodeFields(m))
			}
		}
	})
}

func FuzzLogEntry(f *testing.F) {
	d := makeDevice(f, smallPlan())
	for _, e := range d.entries {
		f.Add(e)
	}
	f.Add([]byte{1, 1})
	f.Add([]byte{0, 16, 3, 1, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		e, err := wire.ParseEntry(b)
		if err != nil {
			return
		}
		var o log.Order
		o.Start = &wire.StartEntry{Bays: wire.MaxBays}
		_ = o.Next(1, e)
		if e.Pack != nil && (e.Pack.Geometry.ShardLen() <= 0 || e.Pack.Geometry.ListLen() <= 0) {
			t.Fatalf("geometry %+v", e.Pack.Geometry)
		}
	})
}

func FuzzHeader(f *testing.F) {
	d := makeDevice(f, smallPlan())
	f.Add(d.header(1, d.who))
	f.Add(make([]byte, wire.HeaderSize))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		if _, err := wire.ParseHeader(b); err != nil && len(b) == wire.HeaderSize {
			// Mend the CRC, so that the fields are reached.
			b = bytes.Clone(b)
			copy(b, wire.HeaderMagic)
			b[8] = wire.FormatVersion
			binary.BigEndian.PutUint64(b[wire.HeaderSize-8:], crcOf(b[:wire.HeaderSize-8]))
			if h, err := wire.ParseHeader(b); err == nil && (h.Bay >= h.Bays || h.Bays > wire.MaxBays) {
				t.Fatalf("%+v", h)
			}
		}
	})
}

func FuzzJobFile(f *testing.F) {
	d := makeDevice(f, smallPlan())
	f.Add(d.job)
	f.Add([]byte(`{"payloadType":"` + wire.PayloadType + `","payload":"e30=","signatures":[{"sig":""}]}`))
	f.Add([]byte(`{"a":1,"a":2}`))
	f.Add([]byte(strings.Repeat("[", 1000) + strings.Repeat("]", 1000)))
	e, err := wire.ParseEnvelope(d.job)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(e.Payload)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		if j, err := wire.OpenJob(b, nil); err == nil && (j.K < 1 || j.Disks > wire.MaxBays || len(j.Devices) == 0) {
			t.Fatalf("%+v", j)
		}
		_, _ = wire.OpenJob(b, &Trust{Fingerprint: Fingerprint(public(d.jobKey))})
		// The bytes as payload, past the envelope.
		for _, kind := range []string{wire.JobPredicate, wire.SealPredicate, wire.TotalPredicate} {
			if s, err := (&wire.Envelope{Payload: b}).Statement(kind); err == nil {
				_, _ = wire.ParseJob(s)
			}
		}
	})
}

func FuzzProof(f *testing.F) {
	d := makeDevice(f, smallPlan())
	for _, n := range []int{0, 1, 6, 7} {
		f.Add(d.proof(n))
		f.Add(d.records[n].raw)
	}
	f.Add(extentRecord(7, 1<<63-8))
	f.Add(extentRecord(1<<63-1, 1))
	f.Add(d.label())
	f.Add(d.checkpoint)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		if r, err := VerifyProof(b, Trust{}); err == nil {
			_ = r.CheckPlain(strings.NewReader("x"))
		}
		_ = proof.Parse(fmt.Appendf(nil, "%sextra %s\nindex 0\n\n%s", proofHead, base64.StdEncoding.EncodeToString(b), d.checkpoint))
		_, _ = wire.ParseLabel(b)
		if r, err := ParseRecord(b); err == nil {
			_ = (&ProofReport{Record: *r}).CheckPlain(strings.NewReader("x"))
		}
	})
}

func FuzzJournal(f *testing.F) {
	p := smallPlan()
	p.unsealed = true
	p.bodies = []int{5000}
	d := makeDevice(f, p)
	name := ""
	for path, file := range d.fs[0] {
		if strings.HasSuffix(path, ".journal") {
			name = strings.TrimPrefix(path, "sledge/journal/")
			f.Add(file.Data)
			f.Add(file.Data[:len(file.Data)-10])
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		o := d.options()
		o.Workers = 1
		for i, part := range [][]byte{b[:max(0, len(b)-1)], b} { // the first copy ends early
			files := maps.Clone(d.fs[i])
			files["sledge/journal/"+name] = &fstest.MapFile{Data: part}
			o.Disks[i].FS = files
		}
		o.Disks = o.Disks[:2]
		_, _ = Disks(context.Background(), o)
	})
}

func FuzzObjectLine(f *testing.F) {
	d := makeDevice(f, smallPlan())
	for line := range bytes.Lines(d.receipts(f, nil, nil)["objects.list"].Data) {
		f.Add(bytes.TrimSuffix(line, []byte("\n")))
	}
	f.Add([]byte(strings.Repeat("0", 64) + " {}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		var c compositeCheck
		if l, err := parseObjectLine(b); err == nil {
			_ = l.agrees()
			_ = c.line(l)
			_ = c.line(l)
		}
	})
}

// FuzzAcceptance: an acceptance or a commit marker from anybody, also past the
// signature, is read in bounded room.
func FuzzAcceptance(f *testing.F) {
	d := makeDevice(f, smallPlan())
	dir := d.receipts(f, conflicts, nil)
	kind, subjects, predicate := d.accept(f, dir, nil)
	for _, file := range [][]byte{signAcceptance(f, d.acceptorKey, kind, subjects, predicate), d.commit(f, dir, nil, nil)} {
		f.Add(file)
		e, err := wire.ParseEnvelope(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(e.Payload)
	}
	trust := Trust{Key: public(d.jobKey)}
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		o := AcceptanceOptions{Options: Options{Trust: &trust}, Receipts: []Receipts{{"r", dir}}}
		if _, err := VerifyAcceptance(context.Background(), b, o); err != nil {
			t.Fatal(err)
		}
		_, _ = VerifyCommit(b, trust)
		// The bytes as payload, past the envelope.
		e := &wire.Envelope{Payload: b}
		if s, err := e.Statement(wire.AcceptancePredicate); err == nil {
			if a, err := parseAcceptance(s); err == nil {
				checkParsed(t, a)
			}
		}
		if s, err := e.Statement(wire.CommitPredicate); err == nil {
			_ = (&CommitReport{}).read(s, &wire.JobFile{Job: d.who.Job}, "")
		}
	})
}

// checkParsed holds an accepted predicate to what its users rely on.
func checkParsed(t *testing.T, a *acceptance) {
	for _, d := range a.devices {
		if len(d.root) != 32 || a.absent[d.who.Device] {
			t.Fatalf("%+v", d)
		}
		for _, w := range d.waived {
			if len(w.lines) == 0 || !slices.IsSorted(w.lines) || uint64(w.lines[len(w.lines)-1]) >= d.size {
				t.Fatalf("%+v", w)
			}
		}
	}
}
