package prompt

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"
)

// TestReadLine: a line is of bounded length, with or without its end; no line is an end.
func TestReadLine(t *testing.T) {
	for in, want := range map[string]string{"code\n": "code", "code\r\nmore\n": "code", "code": "code", "\n": "", strings.Repeat("x", maxTyped+9): strings.Repeat("x", maxTyped)} {
		if l := readLine(strings.NewReader(in)); l.err != nil || l.text != want {
			t.Errorf("%.20q: %d bytes, %v", in, len(l.text), l.err)
		}
	}
	if l := readLine(strings.NewReader("")); !errors.Is(l.err, io.EOF) {
		t.Errorf("of nothing: %q, %v", l.text, l.err)
	}
}

// TestNoTerminal: nothing is asked where the answer could be seen.
func TestNoTerminal(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	var out strings.Builder
	if text, err := Hidden(t.Context(), r, &out, "code: "); err == nil || text != "" || out.Len() > 0 {
		t.Errorf("%q, %v, asked %q", text, err, out.String())
	}
}
