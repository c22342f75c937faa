// Package codes shows a text as QR codes that a phone or a camera reads back: on paper each
// is printed twice, the second turned by 180°, with its text below. A code that lost a corner
// with a finder pattern cannot be read at any level of correction; its twin can.
package codes

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"strconv"
	"strings"

	"rsc.io/qr"
)

// MaxOne is the longest text that goes into one code: up to version 25 at level M.
const MaxOne = 1200

const (
	partHeader = "sledge part "
	maxParts   = 64
	room       = MaxOne - 96 // bytes of the text in one of several
)

// ErrParts: parts are missing, of several texts, or damaged.
var ErrParts = errors.New("these are not all parts of one text")

// Split cuts a text into what each code holds. Several are numbered and name the SHA-256 of
// the whole, which ends in one newline:
//
//	sledge part 1 of 3 <SHA-256 in hexadecimal>\n<bytes>
func Split(text []byte) ([][]byte, error) {
	if len(text) <= MaxOne {
		return [][]byte{text}, nil
	}
	var pieces [][]byte
	whole := bytes.TrimRight(text, "\n")
	sum := sha256.Sum256(append(whole[:len(whole):len(whole)], '\n'))
	for rest := whole; len(rest) > 0; {
		n := min(len(rest), room)
		for n > 1 && rest[n-1] == '\n' { // cameras lose it
			n--
		}
		pieces, rest = append(pieces, rest[:n]), rest[n:]
	}
	if len(pieces) > maxParts {
		return nil, fmt.Errorf("%d bytes are too many for QR codes: hand over the file", len(text))
	}
	var parts [][]byte
	for i, piece := range pieces {
		parts = append(parts, append(fmt.Appendf(nil, "%s%d of %d %x\n", partHeader, i+1, len(pieces), sum), piece...))
	}
	return parts, nil
}

// IsPart tells whether a text is one of several.
func IsPart(text []byte) bool { return bytes.HasPrefix(text, []byte(partHeader)) }

// Join puts parts together, in whatever order they were read.
func Join(parts [][]byte) ([]byte, error) {
	if len(parts) == 1 && !IsPart(parts[0]) {
		return parts[0], nil
	}
	var pieces [][]byte
	sum := ""
	for _, p := range parts {
		head, piece, ok := bytes.Cut(p, []byte("\n"))
		var i, n int
		var digest string
		if _, err := fmt.Sscanf(string(head), partHeader+"%d of %d %s", &i, &n, &digest); !ok || err != nil {
			return nil, fmt.Errorf("%w: one is no part", ErrParts)
		}
		if pieces == nil && n >= 1 && n <= maxParts {
			pieces, sum = make([][]byte, n), digest
		}
		if n != len(pieces) || digest != sum || i < 1 || i > n {
			return nil, fmt.Errorf("%w: part %d of %d is of another text", ErrParts, i, n)
		}
		pieces[i-1] = bytes.TrimRight(piece, "\r\n")
	}
	for i, p := range pieces {
		if p == nil {
			return nil, fmt.Errorf("%w: part %d of %d is missing", ErrParts, i+1, len(pieces))
		}
	}
	text := append(bytes.Join(pieces, nil), '\n')
	if fmt.Sprintf("%x", sha256.Sum256(text)) != sum {
		return nil, fmt.Errorf("%w: they do not come to the text's SHA-256", ErrParts)
	}
	return text, nil
}

const (
	quiet  = 4 // modules around a code
	module = 8 // pixels
)

// PNG is a code and its twin, turned by 180°, below it.
func PNG(text []byte) ([]byte, error) {
	code, err := qr.Encode(string(text), qr.M)
	if err != nil {
		return nil, fmt.Errorf("QR code: %w", err)
	}
	side := code.Size + 2*quiet
	img := image.NewPaletted(image.Rect(0, 0, side*module, 2*side*module), color.Palette{color.White, color.Black})
	for y := range code.Size {
		for x := range code.Size {
			if code.Black(x, y) {
				fill(img, x+quiet, y+quiet)
				fill(img, code.Size-1-x+quiet, side+code.Size-1-y+quiet)
			}
		}
	}
	var out bytes.Buffer
	err = png.Encode(&out, img)
	return out.Bytes(), err
}

func fill(img *image.Paletted, x, y int) {
	for dy := range module {
		for dx := range module {
			img.SetColorIndex(x*module+dx, y*module+dy, 1)
		}
	}
}

// Sheet is a page to print: each code twice, its text below.
func Sheet(title string, parts [][]byte) ([]byte, error) {
	var out strings.Builder
	fmt.Fprintf(&out, "<!doctype html>\n<meta charset=\"utf-8\">\n<title>%s</title>\n", html.EscapeString(title))
	out.WriteString("<style>body{font-family:sans-serif;max-width:40em;margin:1em auto}img{display:block;width:80mm}pre{white-space:pre-wrap;word-break:break-all;border:1px solid;padding:.5em}section{break-after:page}</style>\n")
	for i, p := range parts {
		img, err := PNG(p)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&out, "<section>\n<h1>%s</h1>\n<p>Code %s of %d, printed twice: one of the two is enough. The text below says the same.</p>\n<img alt=\"QR code\" src=\"data:image/png;base64,%s\">\n<pre>%s</pre>\n</section>\n",
			html.EscapeString(title), strconv.Itoa(i+1), len(parts), base64.StdEncoding.EncodeToString(img), html.EscapeString(string(p)))
	}
	return []byte(out.String()), nil
}

// Terminal draws a code with half blocks, dark on light.
func Terminal(text []byte) (string, error) {
	code, err := qr.Encode(string(text), qr.M)
	if err != nil {
		return "", fmt.Errorf("QR code: %w", err)
	}
	var out strings.Builder
	for y := -quiet; y < code.Size+quiet; y += 2 {
		for x := -quiet; x < code.Size+quiet; x++ {
			out.WriteString([]string{"█", "▀", "▄", " "}[half(code.Black(x, y))*2+half(code.Black(x, y+1))])
		}
		out.WriteByte('\n')
	}
	return out.String(), nil
}

func half(black bool) int {
	if black {
		return 1
	}
	return 0
}
