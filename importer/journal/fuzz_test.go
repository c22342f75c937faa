package journal

import (
	"testing"

	"github.com/klauspost/compress/s2"

	"github.com/sledge-io/sledge/internal/vfs"
)

// FuzzFrame: what is read as a frame is written as it was.
func FuzzFrame(f *testing.F) {
	f.Add(appendFrame(nil, head{what: whatSet, kind: 'o', number: 7, durable: 9, file: 3, at: 80}, []byte("value")), uint32(3), uint32(80))
	f.Add([]byte(frameMagic), uint32(1), uint32(0))
	f.Fuzz(func(t *testing.T, b []byte, file, at uint32) {
		h, body, err := parseFrame(b, file, at)
		if err != nil {
			return
		}
		again := appendFrame(nil, h, body)
		if string(again) != string(b[:len(again)]) {
			t.Errorf("%x is written as %x", b, again)
		}
		p := pageKey{h.kind, h.number}
		if b, err := unpack(body); err == nil {
			if rows, err := parseRows(p, b); err == nil && string(appendRows(nil, rows)) != string(b) {
				t.Errorf("rows %x", b)
			}
		}
		if list, err := parseTurn(body, at); err == nil && string(appendTurn(nil, list)) != string(body) {
			t.Errorf("list %x", body)
		}
	})
}

// FuzzOpen: whatever is in a journal's files, opening and reading it ends, in bounded memory. The
// bodies are given their frames here, so that what is in them is met.
func FuzzOpen(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0}, []byte{0, 1, 0, 0, 0, 1, 'x'}, []byte{'o', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 47}, []byte("loose"))
	f.Add([]byte{}, []byte{}, []byte{}, appendFrame(nil, head{what: whatDelete, kind: 'o', file: 1, at: headSize}, nil))
	f.Fuzz(func(t *testing.T, table, rows, list, rest []byte) {
		disk := memory()
		for _, dir := range []string{"state", folder} {
			if err := disk.Mkdir(dir, 0); err != nil {
				t.Fatal(err)
			}
		}
		write := func(name string, b []byte) {
			file, err := disk.Create(folder+"/"+name, vfs.CreateOptions{})
			if err == nil {
				_, err = file.WriteAt(b, 0)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		write(changesName(1), append(appendFrame(nil, head{what: whatBegin, number: version, file: 1}, table), rest...))
		page := appendFrame(nil, head{what: whatPage, kind: 'o', file: 1}, s2.Encode(nil, rows))
		write(pagesName(1), appendFrame(page, head{what: whatTurn, file: 1, at: uint32(len(page))}, list))
		s, err := Open(disk, folder)
		if err != nil {
			return
		}
		for _, kind := range []Kind{'o', 'h', Sums} {
			c := s.Cursor(kind, 0)
			for range 4096 {
				if _, _, ok, err := c.Next(); err != nil || !ok {
					break
				}
			}
		}
		if s.Set(Key{'o', 1}, []byte("1")) == nil {
			forceTurn(s)
		}
		s.Close()
	})
}
