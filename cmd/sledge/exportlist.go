package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/sumlist"
)

// exportListEnd is the report as an error: a list that does not cover all that was to be loaded
// is no plain success.
func exportListEnd(r *sumlist.Report) error {
	switch {
	case r.Undigested > 0:
		return hint(fmt.Errorf("%w: %s", errUndigested, plural(r.Undigested, "file")),
			"the job asks for digests of parts (--file-digest parts), and nothing else is signed: sledge extract compares these files with them, and sledge verify proof --file does it for one")
	case r.Partial:
		return hint(fmt.Errorf("%w: it was sealed before its source had been loaded whole", errSkipped), "every file that the device holds is in the list; ask the sender for the rest")
	case r.Skipped > 0:
		return hint(fmt.Errorf("%w: %s", errSkipped, plural(r.Skipped, "entry")), "every file that the device holds is in the list; \"sledge list -l\" names what the loader had to skip")
	}
	return nil
}

type exportListFlags struct {
	keyFlags
	receipts string
	out      string

	proven bool // the job signer's key is known
}

func (a *app) exportListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export-list [PREFIX]",
		Short: "write the SHA-256 of every file, as sha256sum -c reads it",
		Long: `Write one line for each file of a sealed device whose path begins with PREFIX. The
digests are those that the loader computed and the device signed. Check what extract has
written in its folder:

  cd DIR && sha256sum --quiet -c LIST

With --receipts FOLDER no key is needed. An import's receipts give the list, compared
with the log on any one disk.

Directories and symbolic links have no line. A file without a SHA-256 of the whole has
none either: it is named on stderr, and the exit code is 13. Names follow GNU's escapes.
The list names files: it is confidential.`,
		Example: `  sledge export-list --site /srv/import-keys --label device.label --disk '/mnt/bay*' > files.sha256
  sledge export-list home/ --out home.sha256 --recovery recovery.identity --trust signer.pub --no-label --disk '/mnt/bay*'
  sledge export-list --receipts /srv/import/job1 --trust signer.pub --label device.label --disk /mnt/bay0 --out files.sha256`,
	}
	var f exportListFlags
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&f.receipts, "receipts", "", "take the records from an import's receipts `FOLDER`, or its state folder; no key is needed")
	cmd.Flags().StringVar(&f.out, "out", "", "write the list to this new file; it is there whole or not at all")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		return a.exportList(ctx, &f, strings.Join(args, "")) // one at most
	})
}

// exportList writes the list to its file, or to standard output, which it then has for
// itself.
func (a *app) exportList(ctx context.Context, f *exportListFlags, prefix string) (report, error) {
	r := &sumlist.Report{List: f.out}
	write := func(w io.Writer) error {
		l := sumlist.New(w, r)
		err := a.writeList(ctx, f, prefix, l)
		if err == nil && r.Entries() == 0 {
			err = noneBegins(prefix)
		}
		if flushErr := l.Flush(); err == nil {
			err = flushErr
		}
		return err
	}
	var err error
	if f.out == "" {
		out := a.out
		a.out = a.err // the verb's end
		err = streamed(ctx, write(out))
	} else {
		_, err = files.New(f.out, 0o600, write)
	}
	if err != nil {
		return nil, err
	}
	if err = exportListEnd(r); err == nil && !f.proven {
		err = errUnproven
	}
	return r, err
}

// writeList reads the records, from the device's index or from receipts.
func (a *app) writeList(ctx context.Context, f *exportListFlags, prefix string, l *sumlist.List) error {
	if f.receipts != "" {
		return a.listReceipts(ctx, f, prefix, l)
	}
	r, err := a.openReader(&f.keyFlags)
	if err != nil {
		return err
	}
	defer r.close()
	f.proven = r.Proven
	totals := r.Totals()
	l.Report.Partial = totals.ScanEntries > totals.Entries()
	return r.List(ctx, prefix, func(e appliance.Entry) error { return l.Record(e.Record) })
}
