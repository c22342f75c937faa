package manifest

import (
	"bytes"
	"encoding/json"
	"errors"
	"testing"

	"github.com/sledge-io/sledge/internal/fields"
	"github.com/sledge-io/sledge/internal/testlimit"
)

// typed fails unless an error says what the caller should do.
func typed(t *testing.T, err error) {
	t.Helper()
	if !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrUnsupportedVersion) && !errors.Is(err, ErrUnverified) {
		t.Fatalf("untyped error: %v", err)
	}
}

// without drops the fields that a schema does not know; they are skipped on reading.
func without(t *testing.T, b []byte, schema fields.Schema) []byte {
	t.Helper()
	r, w := fields.NewReader(b), fields.NewWriter(nil)
	for {
		f, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return w.Bytes()
		}
		if _, known := schema[f.Number]; known {
			w.Blob(f.Number, f.Critical, f.Value)
		}
	}
}

func FuzzRecord(f *testing.F) {
	for _, b := range encode(f, largeRecord("large"))[:2] {
		f.Add(b[:min(len(b), 400)])
	}
	hard := fileRecord("b")
	hard.Kind, hard.LinkTo = KindHardlink, "a"
	for _, r := range []*Record{fileRecord("a"), hard, {Kind: KindDir, Path: "dir", Mode: 0o755}, {Kind: KindSymlink, Path: "l", Target: "t", Size: 1}, {Kind: KindSkipped, Path: "s", Reason: "vanished", Detail: "d"},
		{Kind: KindDir, Path: "older", Remark: "unreadable", RemarkDetail: "d"}, {Kind: KindSymlink, Path: "o", Target: "t", Size: 1, Remark: "attributes"}} {
		f.Add(encode(f, r)[0])
	}
	f.Add([]byte{3, 1, 6, 5, 1, 'x', 49, 1, 1, 51, 1, 15, 55, 2, 1, 'a'})
	for _, at := range []uint64{1<<63 - 8, 1<<40 - 4, 1 << 40} {
		f.Add(listed(7, fieldExtents, extentItem(0, 7, 0, at)))
		f.Add(continuationOf(1, fieldExtents, 0, extentItem(0, 7, 0, at)))
	}
	f.Add(announced(fieldXattrs, MaxXattrs, [32]byte{1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		var j Joiner
		if _, err := j.Add(b); err != nil {
			typed(t, err)
		}
		r, err := DecodeRecord(b)
		if err != nil {
			typed(t, err)
			return
		}
		if r.continues() {
			return // not whole: there is nothing to encode
		}
		again, err := r.Encode()
		if err != nil {
			t.Fatalf("accepted, but not encoded: %v", err)
		}
		if len(again) > 1 {
			return // lists that a writer would have moved into continuation records
		}
		if !bytes.Equal(without(t, again[0], recordSchema), knownRecord(t, b)) {
			t.Fatalf("accepted\n%x, encoded again\n%x", b, again[0])
		}
	})
}

// knownRecord drops unknown fields of a record, of its lists and of its extents.
func knownRecord(t *testing.T, b []byte) []byte {
	t.Helper()
	r, w := fields.NewReader(without(t, b, recordSchema)), fields.NewWriter(nil)
	for {
		f, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return w.Bytes()
		}
		if f.Number >= fieldParts && f.Number <= fieldXattrs {
			f.Value = knownList(t, without(t, f.Value, listSchema), f.Number == fieldExtents)
		}
		w.Blob(f.Number, f.Critical, f.Value)
	}
}

// knownList rewrites the items of a list of extents.
func knownList(t *testing.T, b []byte, extents bool) []byte {
	t.Helper()
	if !extents {
		return b
	}
	r, w := fields.NewReader(b), fields.NewWriter(nil)
	for {
		f, ok, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return w.Bytes()
		}
		if f.Number != 3 {
			w.Blob(f.Number, f.Critical, f.Value)
			continue
		}
		var items [][]byte
		f.Items(func(it []byte) error {
			items = append(items, without(t, it, extentSchema))
			return nil
		})
		w.List(3, f.Critical, items)
	}
}

func FuzzEntry(f *testing.F) {
	for _, e := range testEntries(f) {
		b, err := e.Encode()
		must(f, err)
		f.Add(b)
	}
	f.Add([]byte{1, 1})
	f.Add(EncodeReceipt([32]byte{1}))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		e, err := DecodeEntry(b)
		if err != nil {
			typed(t, err)
			return
		}
		again, err := inner(e).Encode()
		if err != nil {
			t.Fatalf("accepted, but not encoded: %v", err)
		}
		if !bytes.Equal(again, b) && len(again) >= len(b) { // unknown fields are lost
			t.Fatalf("accepted\n%x, encoded again\n%x", b, again)
		}
		if _, err := DecodeEntry(again); err != nil {
			t.Fatalf("its own encoding is refused: %v", err)
		}
	})
}

func FuzzPage(f *testing.F) {
	page := func(directory byte, records ...string) []byte {
		b := []byte{Version, directory, 0, byte(len(records))}
		for _, r := range records {
			b = append(append(b, 0, 0, 0, byte(len(r))), r...)
		}
		return b
	}
	f.Add(page(0, "a", "", "record"), 0, false)
	f.Add(page(1, "line"), 1, true)
	f.Add(page(0, "x"), 65536, false)
	f.Add([]byte{1}, 1, false)
	// zeros more than up to the next step, so that inputs stay small.
	f.Fuzz(func(t *testing.T, b []byte, zeros int, directory bool) {
		defer testlimit.Alloc(t, testlimit.Input)()
		zeros = max(0, min(zeros, 2*PageStep))
		plain := append(bytes.Clone(b), make([]byte, -len(b)&(PageStep-1)+zeros)...)
		records, err := parsePage(plain, directory)
		if err != nil {
			typed(t, err)
			return
		}
		again := []byte{Version, 0, byte(len(records) >> 8), byte(len(records))}
		if directory {
			again[1] = 1
		}
		for _, r := range records {
			again = append(again, byte(len(r)>>24), byte(len(r)>>16), byte(len(r)>>8), byte(len(r)))
			again = append(again, r...)
		}
		again = append(again, make([]byte, -len(again)&(PageStep-1))...)
		if !bytes.Equal(again, plain) {
			t.Fatalf("a page of %d bytes was accepted and is %d bytes when written again", len(plain), len(again))
		}
	})
}

func FuzzDirEntry(f *testing.F) {
	f.Add(DirEntry{Page: 1, Path: "dir/", Kind: KindContinuation, Records: 5, Continuation: 7}.Encode())
	f.Add(DirEntry{Path: "a", Kind: KindFile, Records: 1024}.Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		d, err := DecodeDirEntry(b)
		if err != nil {
			typed(t, err)
			return
		}
		schema := fields.Schema{1: true, 2: true, 3: true, 4: false, 5: false}
		if again := d.Encode(); !bytes.Equal(again, without(t, b, schema)) {
			t.Fatalf("accepted %x, encoded again %x", b, again)
		}
	})
}

func FuzzJob(f *testing.F) {
	f.Add(testJobFile(f)[:0])
	payload, err := json.Marshal(testJob(f))
	must(f, err)
	f.Add(payload)
	f.Add([]byte(`{"version": 1}`))
	f.Add([]byte(`{"version": 1, "version": 1}`))
	f.Add([]byte(`{"version": 1, "critical": ["x"], "devices": [{"public_key": null}]}`))
	f.Fuzz(func(t *testing.T, predicate []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		if _, err := PeekJob(predicate); err != nil { // as an envelope
			typed(t, err)
		}
		if !json.Valid(predicate) {
			return
		}
		env, err := SignStatement(PredicateJob, nil, json.RawMessage(predicate), signerKey)
		if err != nil {
			return
		}
		j, err := PeekJob(env)
		if err != nil {
			typed(t, err)
			return
		}
		// What is accepted can be written and reads the same.
		again, err := j.Sign(signerKey)
		if err != nil {
			t.Fatalf("accepted, but not signed: %v", err)
		}
		opened, err := OpenJob(again, pub(signerKey))
		if err != nil {
			t.Fatalf("its own encoding is refused: %v", err)
		}
		a, _ := json.Marshal(j)
		b, _ := json.Marshal(opened)
		if !bytes.Equal(a, b) {
			t.Fatalf("%s reads back as %s", a, b)
		}
	})
}

func FuzzProof(f *testing.F) {
	s := newSealedLog(f, 3, 3)
	p := s.proof(f, 1)
	f.Add(p.Encode())
	p.JobFile, p.LogPath, p.PagePath = []byte("{}"), nil, nil
	f.Add(p.Encode())
	f.Add([]byte(proofHeader + "extra AQ==\nindex 0\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		p, err := ParseProof(b)
		if err != nil {
			typed(t, err)
			return
		}
		if again := p.Encode(); !bytes.Equal(again, b) && len(again) >= len(b) { // unknown fields are lost
			t.Fatalf("accepted\n%s\nencoded again\n%s", b, again)
		}
		if _, _, _, err := p.Verify(pub(signerKey)); err != nil {
			typed(t, err)
		}
	})
}

func FuzzLabel(f *testing.F) {
	l := Label{Scope: testScope(f), Disks: 3, JobSerial: 1, Checkpoint: []byte("checkpoint\n")}.Encode()
	f.Add(l)
	f.Add(bytes.ReplaceAll(l, []byte("\n"), []byte("\r\n")))
	f.Add([]byte("sledge label 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		l, err := ParseLabel(b)
		if err != nil {
			typed(t, err)
			return
		}
		if !bytes.Equal(l.Encode(), bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))) {
			t.Fatalf("accepted\n%s\nencoded again\n%s", b, l.Encode())
		}
	})
}

func FuzzWrap(f *testing.F) {
	_, b := testWrap(f)
	f.Add(b)
	f.Add((&Wrap{Kind: WrapUnlock, Scope: testScope(f), Body: []byte("body")}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		w, err := DecodeWrap(b)
		if err != nil {
			typed(t, err)
			return
		}
		if again := w.Encode(); !bytes.Equal(again[:2], b[:2]) || !bytes.Equal(again[2:], without(t, b[2:], fields.Schema{1: true, 2: true, 3: true, 4: false, 5: true})) {
			t.Fatalf("accepted\n%x, encoded again\n%x", b, again)
		}
	})
}

func FuzzWrapCheck(f *testing.F) {
	c, job, file := testWrapCheck(f)
	f.Add(c.Encode())
	f.Add((&WrapCheck{JobSHA256: [32]byte{1}, Wrap: []byte{1}, WrapEntry: []byte{1}, WrapSignature: make([]byte, 64), PackEntry: []byte{1}, PackSignature: make([]byte, 64)}).Encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		c, err := DecodeWrapCheck(b)
		if err != nil {
			typed(t, err)
			return
		}
		known := without(t, b[1:], fields.Schema{1: true, 2: true, 3: true, 4: true, 5: true, 6: true})
		if again := c.Encode(); !bytes.Equal(again[1:], known) {
			t.Fatalf("accepted\n%x, encoded again\n%x", b, again)
		}
		c.Verify(job, file, siteKey())
	})
}

func FuzzCheckpoint(f *testing.F) {
	const origin = "sledge/00/11/1"
	msg, err := SignCheckpoint(origin, 42, [32]byte{1}, deviceKey)
	must(f, err)
	f.Add(msg)
	f.Add([]byte(origin + "\n42\nAQIDAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"))
	f.Add([]byte(origin + "\n042\nAQ=\r=\n"))
	verifyKey := pub(deviceKey)
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		if _, err := OpenCheckpoint(b, origin, verifyKey); err != nil {
			typed(t, err)
		}
		// The same as a text that the device key signed: then it is read.
		signed, err := signNote(string(b), origin)
		if err != nil {
			return
		}
		cp, err := OpenCheckpoint(signed, origin, verifyKey)
		if err != nil {
			typed(t, err)
			return
		}
		again, err := SignCheckpoint(origin, cp.Size, cp.Root, deviceKey)
		if err != nil || !bytes.Equal(again, signed) {
			t.Fatalf("accepted\n%s\nsigned again\n%s", signed, again)
		}
	})
}

func FuzzBundle(f *testing.F) {
	f.Add([]byte{0, 1, 'a', 0, 0, 0, 2, 'b', 'c'}, 3)
	f.Add([]byte{}, 0)
	f.Fuzz(func(t *testing.T, b []byte, width int) {
		defer testlimit.Alloc(t, testlimit.Input)()
		width = max(0, min(width, tileWidth))
		entries, err := splitBundle(b, width)
		if err != nil {
			typed(t, err)
			return
		}
		var again []byte
		for _, e := range entries {
			again = append(append(again, byte(len(e)>>8), byte(len(e))), e...)
		}
		if len(entries) != width || !bytes.Equal(again, b) {
			t.Fatalf("%x is %d entries, written again %x", b, len(entries), again)
		}
	})
}
