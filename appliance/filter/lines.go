package filter

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxLine bounds a line of a file with patterns or paths.
const maxLine = 64 << 10

// Patterns reads a file with one pattern a line. Spaces around it, empty lines and lines
// that begin with # do not count.
func Patterns(r io.Reader) ([]string, error) {
	return lines(r, bufio.ScanLines, func(line string) string {
		line = trim(line)
		if strings.HasPrefix(line, "#") {
			return ""
		}
		return line
	})
}

// trim takes spaces off, but for one at the end that is escaped.
func trim(line string) string {
	line = strings.TrimLeft(line, " \t\r")
	short := strings.TrimRight(line, " \t\r")
	if n := len(short) - len(strings.TrimRight(short, `\`)); n%2 == 1 && len(short) < len(line) {
		short = line[:len(short)+1]
	}
	return short
}

// Paths reads a file with one path a line. Empty lines and lines that begin with # do not
// count: such a name is written ./#name.
func Paths(r io.Reader) ([]string, error) {
	return lines(r, bufio.ScanLines, func(line string) string {
		if strings.HasPrefix(line, "#") {
			return ""
		}
		return line
	})
}

// Paths0 reads paths that NULs separate. Nothing in them is a comment.
func Paths0(r io.Reader) ([]string, error) {
	return lines(r, scanNul, func(line string) string { return line })
}

func scanNul(data []byte, atEOF bool) (advance int, token []byte, err error) {
	if i := bytes.IndexByte(data, 0); i >= 0 {
		return i + 1, data[:i], nil
	}
	if atEOF && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

func lines(r io.Reader, split bufio.SplitFunc, each func(string) string) (out []string, err error) {
	in := bufio.NewScanner(r)
	in.Buffer(nil, maxLine)
	in.Split(split)
	for in.Scan() {
		if line := each(in.Text()); line != "" {
			out = append(out, line)
		}
	}
	if errors.Is(in.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("a line is longer than %d bytes", maxLine)
	}
	return out, in.Err()
}
