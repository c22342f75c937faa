package main

import (
	"bufio"
	"encoding/hex"
	"strings"
)

var sumEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)

// writeSumLine writes a file's SHA-256 as a line that "sha256sum -c" checks. As GNU
// coreutils do, a line whose name needs escapes begins with a backslash.
func writeSumLine(w *bufio.Writer, digest []byte, path string) error {
	if path == "-" {
		path = "./-" // else it would be standard input
	}
	name := sumEscapes.Replace(path)
	if name != path {
		w.WriteByte('\\')
	}
	w.WriteString(hex.EncodeToString(digest))
	w.WriteString("  ")
	w.WriteString(name)
	return w.WriteByte('\n') // the writer keeps the first error
}
