package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
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
}

type listReport struct {
	Entries uint64 `json:"entries"`
	Bytes   int64  `json:"bytes"`
	long    bool
}

func (r *listReport) print(w io.Writer) {
	if r.long {
		fmt.Fprintf(w, "%s, %s\n", plural(r.Entries, "entry"), size(r.Bytes))
	}
}

func describeEntry(r *manifest.Record) listLine {
	l := listLine{Kind: r.Kind.String(), name: nameOf(r.OrderKey()), Size: r.Size, Mode: modeOf(r), Target: escape(r.Target + r.LinkTo), Reason: r.Reason}
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

func (a *app) listCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [PREFIX]",
		Short: "list what a sealed device holds",
		Long: `List the entries of a sealed device whose path begins with PREFIX, in the
manifest's order. With --json stdout has one JSON object a line for each entry, and
a last line that says how the command ended.`,
		Example: `  sledge list --site /srv/site --label device.label --disk '/mnt/bay*'
  sledge list home/ -l --site-key site.key --trust signer.pub --no-label --disk '/mnt/bay*'
  sledge list --print0 --site /srv/site --label device.label | xargs -0 -n1 echo`,
	}
	var f keyFlags
	f.add(cmd.Flags())
	long := cmd.Flags().BoolP("long", "l", false, "mode, size and time, too")
	zero := cmd.Flags().Bool("print0", false, "exact paths, each ended by a zero byte")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		prefix := ""
		if len(args) == 1 {
			prefix = args[0]
		}
		r, err := a.openReader(&f)
		if err != nil {
			return nil, err
		}
		defer r.close()
		out := bufio.NewWriterSize(a.out, 64<<10)
		sum := &listReport{long: *long && !a.json}
		err = r.List(ctx, prefix, func(e appliance.Entry) error {
			sum.Entries++
			sum.Bytes += e.Record.Size
			return a.listEntry(out, e.Record, *long, *zero)
		})
		if flushErr := out.Flush(); err == nil {
			err = flushErr
		}
		return sum, chainEnd(r.Set, streamed(ctx, err))
	})
}

func (a *app) listEntry(w io.Writer, r *manifest.Record, long, zero bool) error {
	path := r.OrderKey()
	if a.outTTY {
		path = escape(path)
	}
	switch {
	case a.json:
		b, err := json.Marshal(describeEntry(r))
		if err == nil {
			_, err = fmt.Fprintf(w, "%s\n", b)
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
			more = " (skipped: " + r.Reason + ")"
		}
		_, err := fmt.Fprintf(w, "%s %12d %s %s%s\n", modeOf(r), r.Size, r.Mtime.UTC().Format("2006-01-02 15:04:05"), path, more)
		return err
	}
	_, err := fmt.Fprintln(w, path)
	return err
}
