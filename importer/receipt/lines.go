package receipt

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Lines reads an objects.list line by line.
type Lines struct {
	in   *bufio.Reader
	long []byte // a line that the buffer has no room for
}

// NewLines returns the lines of a list.
func NewLines(list io.Reader) *Lines { return &Lines{in: bufio.NewReaderSize(list, 64<<10)} }

// Next returns the next line with its newline. The bytes are valid until the next call.
// The end of the list is io.EOF, within a line io.ErrUnexpectedEOF.
func (l *Lines) Next() ([]byte, error) {
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
