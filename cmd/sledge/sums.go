package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/manifest"
)

// exportListReport counts what a list of digests has, and what it cannot have.
type exportListReport struct {
	Files       uint64          `json:"files"` // lines of the list; each name of a file is one
	Bytes       int64           `json:"bytes"`
	Directories uint64          `json:"directories"`
	Symlinks    uint64          `json:"symlinks"`
	Skipped     uint64          `json:"skipped"` // never loaded
	Undigested  uint64          `json:"without_sha256"`
	Names       []terminal.Name `json:"without_sha256_names,omitempty"` // the first of them
	Partial     bool            `json:"partial"`                        // the source had not been loaded whole when it was sealed
	List        string          `json:"list,omitempty"`                 // --out
}

func (r *exportListReport) Print(w io.Writer) {
	fmt.Fprintf(w, "listed      %s, %s\n", terminal.Plural(r.Files, "file"), terminal.Size(r.Bytes))
	terminal.PrintIf(w, r.Directories+r.Symlinks > 0, "no digest   %s, %s: they have no content\n", terminal.Plural(r.Directories, "directory"), terminal.Plural(r.Symlinks, "symbolic link"))
	terminal.PrintIf(w, r.Skipped > 0, "skipped     %d: the loader could not read them\n", r.Skipped)
	terminal.PrintIf(w, r.Undigested > 0, "NOT LISTED  %s with digests of its parts only\n", terminal.Plural(r.Undigested, "file"))
	for _, n := range r.Names {
		fmt.Fprintf(w, "  %s\n", terminal.CutMiddle(n.Path, terminal.LongName))
	}
	terminal.PrintIf(w, r.Undigested > uint64(len(r.Names)), "  and %d more; sledge list --json shows them, without sha256\n", r.Undigested-uint64(len(r.Names)))
	terminal.PrintIf(w, r.List != "", "written     %s\n", terminal.Escape(r.List))
}

func (r *exportListReport) entries() uint64 {
	return r.Files + r.Directories + r.Symlinks + r.Skipped + r.Undigested
}

// sumList writes the list, and counts.
type sumList struct {
	out *bufio.Writer
	r   *exportListReport
}

func newSumList(w io.Writer, r *exportListReport) *sumList {
	return &sumList{bufio.NewWriterSize(w, 64<<10), r}
}

// flush writes what is buffered.
func (l *sumList) flush() error { return l.out.Flush() }

// file adds a file, or one of its further names.
func (l *sumList) file(path string, bytes int64, digest []byte) error {
	if digest == nil {
		if l.r.Undigested++; len(l.r.Names) < terminal.Most {
			l.r.Names = append(l.r.Names, terminal.NameOf(path))
		}
		return nil
	}
	l.r.Files++
	l.r.Bytes += bytes
	return writeSumLine(l.out, digest, path)
}

func (l *sumList) record(r *manifest.Record) error {
	switch r.Kind {
	case manifest.KindFile, manifest.KindHardlink:
		return l.file(r.Path, r.Size, r.SHA256)
	case manifest.KindDir:
		l.r.Directories++
	case manifest.KindSymlink:
		l.r.Symlinks++
	case manifest.KindSkipped:
		l.r.Skipped++
	}
	return nil
}

func (l *sumList) fsckRecord(r *fsck.Record) error {
	switch r.Kind {
	case fsck.KindFile, fsck.KindHardLink:
		return l.file(string(r.Path), int64(r.Size), r.SHA256)
	case fsck.KindDirectory:
		l.r.Directories++
	case fsck.KindSymlink:
		l.r.Symlinks++
	case fsck.KindSkipped:
		l.r.Skipped++
	}
	return nil
}

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
