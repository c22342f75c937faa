package receipt

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/sledge-io/sledge/manifest"
)

// Text is a line as a list has it.
type Text struct {
	Line
	Number uint64 // from 1

	salt [32]byte
	json []byte
}

// Leaf is what the log of the receipts has of the line. It is to be asked for before the next
// line is read.
func (t *Text) Leaf() []byte { return manifest.EncodeReceipt(manifest.Commitment(t.salt, t.json)) }

// Read gives a list line by line, each valid until the next. An error ends it, and names its line.
func Read(list io.Reader) iter.Seq2[*Text, error] {
	return func(yield func(*Text, error) bool) {
		in := &lines{in: bufio.NewReaderSize(list, 64<<10)}
		var t Text
		for n := uint64(1); ; n++ {
			text, err := in.next()
			if err == io.EOF {
				return
			}
			if err == nil {
				t, err = parse(text)
			}
			if err != nil {
				yield(nil, AtLine(n, err))
				return
			}
			if t.Number = n; !yield(&t, nil) {
				return
			}
		}
	}
}

// AtLine places an error in a list.
func AtLine(number uint64, err error) error {
	return fmt.Errorf("objects.list: line %d: %w", number, err)
}

// lines cuts a list into lines.
type lines struct {
	in   *bufio.Reader
	long []byte // a line that the buffer has no room for
}

// next returns the next line with its newline. The bytes are valid until the next call.
// The end of the list is io.EOF, within a line io.ErrUnexpectedEOF.
func (l *lines) next() ([]byte, error) {
	l.long = l.long[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		if len(l.long)+len(part) > MaxLine {
			return nil, fmt.Errorf("over %d bytes", MaxLine)
		}
		if err == nil && len(l.long) == 0 {
			return part, nil
		}
		l.long = append(l.long, part...)
		switch {
		case err == nil:
			return l.long, nil
		case errors.Is(err, io.EOF) && len(l.long) == 0:
			return nil, io.EOF
		case errors.Is(err, io.EOF):
			return nil, io.ErrUnexpectedEOF // every line has an end
		case !errors.Is(err, bufio.ErrBufferFull):
			return nil, err
		}
	}
}
