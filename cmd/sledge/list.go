package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/internal/terminal"
	"github.com/sledge-io/sledge/manifest"
)

// listLine is an entry as list tells it, one JSON object a line with --json.
type listLine struct {
	Kind string `json:"kind"`
	name
	Size   int64  `json:"size"`
	Mode   string `json:"mode"`
	Mtime  string `json:"mtime,omitempty"`
	SHA256 string `json:"sha256,omitempty"`
	Target string `json:"target,omitempty"` // of links
	Reason string `json:"reason,omitempty"` // skipped
	Detail string `json:"detail,omitempty"` // skipped

	// A later look at the entry failed: this is the last good version.
	Remark       string `json:"remark,omitempty"`
	RemarkDetail string `json:"remark_detail,omitempty"`
}

type listReport struct {
	Entries uint64 `json:"entries"`
	Bytes   int64  `json:"bytes"`
	Skipped uint64 `json:"skipped"` // of the entries: never loaded
	Remarks uint64 `json:"remarks"` // of the entries: the last good version, as a later look failed
	long    bool
}

func (r *listReport) Print(w io.Writer) {
	if r.long {
		fmt.Fprintf(w, "%s, %s\n", plural(r.Entries, "entry"), size(r.Bytes))
		printIf(w, r.Skipped > 0, "skipped     %d of them: the loader could not read them\n", r.Skipped)
		printIf(w, r.Remarks > 0, "older       %d of them: a later look failed, the last good version is kept\n", r.Remarks)
	}
}

func describeEntry(r *manifest.Record) listLine {
	l := listLine{Kind: r.Kind.String(), name: nameOf(r.OrderKey()), Size: r.Size, Mode: modeOf(r), Target: escape(r.Target + r.LinkTo), Reason: escape(r.Reason), Detail: escape(r.Detail), Remark: escape(r.Remark), RemarkDetail: escape(r.RemarkDetail)}
	if !r.Mtime.IsZero() {
		l.Mtime = r.Mtime.UTC().Format(time.RFC3339Nano)
	}
	if r.SHA256 != nil {
		l.SHA256 = fmt.Sprintf("%x", r.SHA256)
	}
	return l
}

func modeOf(r *manifest.Record) string {
	m := fs.FileMode(r.Mode & 0o777)
	switch r.Kind {
	case manifest.KindDir:
		m |= fs.ModeDir
	case manifest.KindSymlink:
		m |= fs.ModeSymlink
	}
	return m.String()
}

// timeOf is an entry's time; "-" where none is recorded.
func timeOf(r *manifest.Record) string {
	if r.Mtime.IsZero() {
		return "-"
	}
	return r.Mtime.UTC().Format("2006-01-02 15:04:05")
}

func (a *app) listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [PREFIX]",
		Short: "list what a sealed device holds",
		Long: `List the entries of a sealed device whose path begins with PREFIX, in the manifest's
order. An entry is marked as an older version where a later look at the source failed.
With -l the line says why.

Characters of a name that a terminal would obey are written as escapes (\x1b, \n,
\u202e). Programs take the exact bytes: -0 ends each path with a zero byte. With --json
each entry is one JSON object on a line, with path_raw where path has escapes.`,
		Example: `  sledge list --site /srv/import-keys --label device.label --disk '/mnt/bay*'
  sledge list home/ -l --site-key site.key --trust signer.pub --no-label --disk '/mnt/bay*'
  sledge list --print0 --site /srv/import-keys --label device.label | xargs -0 -n1 echo`,
	}
	var f keyFlags
	f.add(cmd.Flags())
	long := cmd.Flags().BoolP("long", "l", false, "mode, size and time, too")
	zero := cmd.Flags().BoolP("print0", "0", false, "exact paths, each ended by a zero byte")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		prefix := strings.Join(args, "") // one at most
		r, err := a.openReader(&f)
		if err != nil {
			return nil, err
		}
		defer r.close()
		out := bufio.NewWriterSize(a.out, 64<<10)
		sum := &listReport{long: *long && !a.json}
		err = r.List(ctx, prefix, func(e appliance.Entry) error {
			sum.Entries++
			sum.Bytes += e.Record.DataLength()
			if e.Record.Kind == manifest.KindSkipped {
				sum.Skipped++
			}
			if e.Record.Remark != "" {
				sum.Remarks++
			}
			return a.listEntry(out, e.Record, *long, *zero)
		})
		if flushErr := out.Flush(); err == nil {
			err = flushErr
		}
		if err == nil && sum.Entries == 0 {
			err = noneBegins(prefix)
		}
		return sum, chainEnd(r.Set, streamed(ctx, err))
	})
}

func (a *app) listEntry(w io.Writer, r *manifest.Record, long, zero bool) error {
	path := escape(r.OrderKey())
	switch {
	case a.json:
		b, err := json.Marshal(describeEntry(r))
		if err == nil {
			_, err = fmt.Fprintf(w, "%s\n", terminal.PlainJSON(b))
		}
		return err
	case zero:
		_, err := fmt.Fprintf(w, "%s\x00", r.OrderKey())
		return err
	case long:
		more := ""
		if r.Kind == manifest.KindSymlink {
			more = " -> " + escape(r.Target)
		}
		if r.Kind == manifest.KindSkipped {
			more = " (skipped: " + escape(reasonText(r.Reason, r.Detail)) + ")"
		}
		if r.Remark != "" {
			more += " (older version: " + escape(reasonText(r.Remark, r.RemarkDetail)) + ")"
		}
		_, err := fmt.Fprintf(w, "%s %12d %19s %s%s\n", modeOf(r), r.Size, timeOf(r), path, more)
		return err
	}
	if a.outTTY && r.Remark != "" {
		path += " (older version)" // not where a program reads paths
	}
	_, err := fmt.Fprintln(w, path)
	return err
}

// reasonText joins a reason code with its details.
func reasonText(reason, detail string) string { return keyless.ReasonText(reason, detail) }
