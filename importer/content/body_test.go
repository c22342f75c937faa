package content

import (
	"io"
	"testing"
)

func TestBody(t *testing.T) {
	data := striped(4, 3<<20)
	b := NewBody(Inline(data), 100, 2<<20)
	for range 2 {
		got, err := io.ReadAll(b)
		if err != nil || string(got) != string(data[100:100+2<<20]) {
			t.Fatalf("%d bytes: %v", len(got), err)
		}
		if cap(b.buf) > BufferSize {
			t.Errorf("a buffer of %d bytes", cap(b.buf))
		}
		b.Seek(0, io.SeekStart)
	}
	if n, _ := b.Seek(0, io.SeekEnd); n != 2<<20 {
		t.Errorf("end at %d", n)
	}
	if _, err := b.Seek(-1, io.SeekStart); err == nil {
		t.Error("a negative place was accepted")
	}
	short := NewBody(Inline(data[:50]), 0, 60)
	if _, err := io.ReadAll(short); err != io.ErrUnexpectedEOF || short.Detach() != io.ErrUnexpectedEOF {
		t.Errorf("short content: %v", err)
	}
	if _, err := b.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	b.Detach()
	b.Seek(0, io.SeekStart)
	if _, err := b.Read(make([]byte, 1)); err != errDetached {
		t.Errorf("after detach: %v", err)
	}
}
