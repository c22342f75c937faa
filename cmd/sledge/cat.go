package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/manifest"
)

type catReport struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"`
}

func (r *catReport) Print(io.Writer) {}

func (a *app) catCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "cat PATH",
		Short: "print one file of a sealed device",
		Long: `Write the content of one file to stdout, or the target of a symbolic link. Every byte
has been decrypted under its tag before it is written. With --json the line that says
how the command ended is on stderr, as stdout is the file.`,
		Example: `  sledge cat etc/hosts --site /srv/import-keys --label device.label --disk '/mnt/bay*'
  sledge cat big.img --offset 1048576 --length 4096 --site-key site.key --trust signer.pub --no-label`,
	}
	var f keyFlags
	f.add(cmd.Flags())
	offset := cmd.Flags().Int64("offset", 0, "begin at this byte")
	length := cmd.Flags().Int64("length", -1, "write at most this many bytes (default: all that follow)")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		out := a.out
		a.out = a.err // the verb's end
		if *offset < 0 {
			return nil, usagef("--offset %d is negative", *offset)
		}
		if *length < 0 && cmd.Flags().Changed("length") {
			return nil, usagef("--length %d is negative", *length)
		}
		r, err := a.openReader(&f)
		if err != nil {
			return nil, err
		}
		defer r.close()
		n, err := copyEntry(ctx, out, r, args[0], *offset, *length)
		a.repaired(r.Reader)
		return &catReport{args[0], n}, chainEnd(r.Set, err)
	})
}

func copyEntry(ctx context.Context, out io.Writer, r *reader, path string, offset, length int64) (int64, error) {
	e, err := r.Lookup(ctx, path)
	if err != nil {
		return 0, err
	}
	switch e.Record.Kind {
	case manifest.KindFile, manifest.KindHardlink:
	case manifest.KindSymlink:
		target := e.Record.Target
		target = target[min(offset, int64(len(target))):]
		if length >= 0 {
			target = target[:min(length, int64(len(target)))]
		}
		n, err := io.WriteString(out, target)
		return int64(n), err
	default:
		return 0, usagef("%q is a %s, it has no content", path, e.Record.Kind)
	}
	content, err := r.Open(ctx, e.Record)
	if err != nil {
		return 0, err
	}
	defer content.Close()
	left := max(0, content.Size()-offset)
	if length >= 0 {
		left = min(left, length)
	}
	buf := make([]byte, 1<<20)
	n, err := io.CopyBuffer(onlyWriter{out}, &cancelReader{ctx, io.NewSectionReader(content, offset, left)}, buf)
	if err != nil {
		return n, fmt.Errorf("%q: %w", path, err)
	}
	return n, nil
}

// onlyWriter hides other methods, so that the buffer is used.
type onlyWriter struct{ io.Writer }

// cancelReader stops between two reads when the command is interrupted.
type cancelReader struct {
	ctx context.Context
	r   io.Reader
}

func (c *cancelReader) Read(p []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	return c.r.Read(p)
}
