package codes_test

import (
	"bytes"
	"errors"
	"image/png"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/custody/codes"
)

// TestParts: a long text goes over several codes and comes back from any order, with the line
// ends that cameras lose; parts that are missing or of another text are refused.
func TestParts(t *testing.T) {
	short := []byte(strings.Repeat("a line\n", 100))
	parts, err := codes.Split(short)
	if err != nil || len(parts) != 1 || !bytes.Equal(parts[0], short) {
		t.Fatalf("%v: %d parts of %d bytes", err, len(parts), len(short))
	}
	if got, err := codes.Join(parts); err != nil || !bytes.Equal(got, short) {
		t.Errorf("%v", err)
	}
	for n := codes.MaxOne + 1; n < codes.MaxOne+90; n++ {
		text := append([]byte(strings.Repeat("0123456789abcdef\n", 400))[:n-1:n-1], '\n')
		parts, err := codes.Split(text)
		if err != nil || len(parts) < 2 {
			t.Fatalf("%v: %d parts", err, len(parts))
		}
		for i := range parts {
			if len(parts[i]) > codes.MaxOne {
				t.Fatalf("part of %d bytes", len(parts[i]))
			}
			parts[i] = bytes.TrimRight(parts[i], "\n")
		}
		parts[0], parts[1] = parts[1], parts[0]
		if got, err := codes.Join(parts); err != nil || string(got) != strings.TrimRight(string(text), "\n")+"\n" {
			t.Fatalf("%d bytes: %v", n, err)
		}
	}
	one, _ := codes.Split(bytes.Repeat([]byte("x"), 3000))
	two, _ := codes.Split(bytes.Repeat([]byte("y"), 3000))
	for what, list := range map[string][][]byte{
		"missing": one[1:], "of another text": {one[0], two[1], one[2]}, "none": nil, "no part": {one[0], []byte("x")}, "a number over": {bytes.Replace(one[0], []byte("1 of 3"), []byte("4 of 3"), 1)},
		"changed": {one[0], one[1], append(bytes.Clone(one[2]), 'z')}, "a count of nothing": {[]byte("sledge part 0 of 0 x\n")},
	} {
		if _, err := codes.Join(list); !errors.Is(err, codes.ErrParts) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := codes.Split(make([]byte, 1<<20)); err == nil {
		t.Error("a megabyte goes into codes")
	}
}

// TestTwin: the printed image holds the code twice, the second one turned by 180°.
func TestTwin(t *testing.T) {
	b, err := codes.PNG([]byte("old 0\n\nsledge"))
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	w, h := img.Bounds().Dx(), img.Bounds().Dy()
	if h != 2*w {
		t.Fatalf("%d × %d", w, h)
	}
	for y := range w {
		for x := range w {
			if img.At(x, y) != img.At(w-1-x, h-1-y) {
				t.Fatalf("not turned at %d, %d", x, y)
			}
		}
	}
	page, err := codes.Sheet("Hand <over>", [][]byte{[]byte("a&b"), []byte("c")})
	if err != nil || strings.Count(string(page), "data:image/png") != 2 || !strings.Contains(string(page), "<pre>a&amp;b</pre>") || strings.Contains(string(page), "<over>") {
		t.Errorf("%v: %s", err, page)
	}
	text, err := codes.Terminal([]byte("x"))
	if err != nil || strings.Count(text, "\n") != 15 || !strings.Contains(text, "▀") {
		t.Errorf("%v:\n%s", err, text)
	}
}
