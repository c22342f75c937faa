package sumlist

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

// Report counts what a list of digests has, and what it cannot have.
type Report struct {
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

func (r *Report) Print(w io.Writer) {
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

// Entries are all that were looked at, with a line or without.
func (r *Report) Entries() uint64 {
	return r.Files + r.Directories + r.Symlinks + r.Skipped + r.Undigested
}

// List writes the list, and counts.
type List struct {
	out    *bufio.Writer
	Report *Report
}

// New writes to w, and counts in r. Flush it.
func New(w io.Writer, r *Report) *List {
	return &List{bufio.NewWriterSize(w, 64<<10), r}
}

// Flush writes what is buffered.
func (l *List) Flush() error { return l.out.Flush() }

// file adds a file, or one of its further names.
func (l *List) file(path string, bytes int64, digest []byte) error {
	if digest == nil {
		if l.Report.Undigested++; len(l.Report.Names) < terminal.Most {
			l.Report.Names = append(l.Report.Names, terminal.NameOf(path))
		}
		return nil
	}
	l.Report.Files++
	l.Report.Bytes += bytes
	return writeLine(l.out, digest, path)
}

// Record takes a record of a device's manifest.
func (l *List) Record(r *manifest.Record) error {
	switch r.Kind {
	case manifest.KindFile, manifest.KindHardlink:
		return l.file(r.Path, r.Size, r.SHA256)
	case manifest.KindDir:
		l.Report.Directories++
	case manifest.KindSymlink:
		l.Report.Symlinks++
	case manifest.KindSkipped:
		l.Report.Skipped++
	}
	return nil
}

// fsckRecord takes a record as the verifier has read it.
func (l *List) fsckRecord(r *fsck.Record) error {
	switch r.Kind {
	case fsck.KindFile, fsck.KindHardLink:
		return l.file(string(r.Path), int64(r.Size), r.SHA256)
	case fsck.KindDirectory:
		l.Report.Directories++
	case fsck.KindSymlink:
		l.Report.Symlinks++
	case fsck.KindSkipped:
		l.Report.Skipped++
	}
	return nil
}

var escapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)

// writeLine writes a file's SHA-256 as a line that "sha256sum -c" checks. As GNU
// coreutils do, a line whose name needs escapes begins with a backslash.
func writeLine(w *bufio.Writer, digest []byte, path string) error {
	if path == "-" {
		path = "./-" // else it would be standard input
	}
	name := escapes.Replace(path)
	if name != path {
		w.WriteByte('\\')
	}
	w.WriteString(hex.EncodeToString(digest))
	w.WriteString("  ")
	w.WriteString(name)
	return w.WriteByte('\n') // the writer keeps the first error
}
