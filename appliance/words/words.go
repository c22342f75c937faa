// Package words is what texts of errors, reports and events are made of: numbers of things, a
// stranger's text as UTF-8, an error's text without paths.
//
// It imports nothing of ours.
package words

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// Count is "1 pack" or "3 packs", for texts.
func Count[T int | uint64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// UTF8 is a stranger's text as the format's text fields hold it.
func UTF8(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// Cause is an error's text without paths, which records and reports hold elsewhere.
func Cause(err error) string {
	var errno unix.Errno
	if errors.As(err, &errno) {
		return errno.Error()
	}
	return UTF8(err.Error())
}
