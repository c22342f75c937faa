package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/custody/log"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck/custody"
	"github.com/sledge-io/sledge/internal/keyfile"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

type exportReport struct {
	Out  string `json:"out"`
	What string `json:"what"`
}

func (r *exportReport) Print(w io.Writer) { fmt.Fprintf(w, "%s: %s\n", shownName(r.Out), r.What) }

type exportFlags struct {
	out, key string
	sigstore bool
	entry    int64
}

func (a *app) custodyExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export DIR|STATEMENT --out NAME",
		Short: "copy a custody log for others, or write any statement as a Sigstore bundle",
		Long: `Copy the log in DIR into a new folder: the files that a verifier reads, and no others.
With --entry write one entry as it was signed.

With --sigstore write a Sigstore bundle of an entry, or of any statement (*.dsse): job,
seal, receipts, acceptance, commit marker. --key is the public key that must have signed
it. Other tools check the bundle offline: docs/audit.md has the commands.`,
		Example: `  sledge custody export /var/lib/sledge/custody/5f0c…-1 --out /media/stick/custody
  sledge custody export custody --entry 3 --sigstore --key device.pub --out handed-over.sigstore.json
  sledge custody export /mnt/bay0/sledge/statements/seal.dsse --sigstore --key device.pub --out seal.sigstore.json`,
	}
	var f exportFlags
	cmd.Flags().StringVar(&f.out, "out", "", "the new folder or `FILE` (required)")
	cmd.Flags().Int64Var(&f.entry, "entry", -1, "only this entry, a `NUMBER` from 0")
	cmd.Flags().BoolVar(&f.sigstore, "sigstore", false, "as a Sigstore bundle")
	cmd.Flags().StringVar(&f.key, "key", "", "the public key `FILE` of who signed it, for --sigstore")
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) { return a.exportCustody(args[0], &f) })
}

func (a *app) exportCustody(from string, f *exportFlags) (report, error) {
	if f.out == "" {
		return nil, usagef("--out is missing")
	}
	info, err := os.Stat(from)
	if err != nil {
		return nil, err
	}
	if !info.IsDir() && f.entry >= 0 {
		return nil, usagef("--entry is of a log, and %s is no folder", from)
	}
	if info.IsDir() && f.entry < 0 {
		if f.sigstore {
			return nil, usagef("--sigstore needs --entry: which entry of the log?")
		}
		return copyCustody(from, f.out)
	}
	statement, err := readStatement(from, f.entry)
	if err != nil {
		return nil, err
	}
	if !f.sigstore {
		return &exportReport{f.out, "one statement"}, files.WriteNew(f.out, statement, false)
	}
	if f.key == "" {
		return nil, usagef("--key is missing: who signed it?")
	}
	pub, err := keyfile.ReadPublic(f.key)
	if err != nil {
		return nil, err
	}
	bundle, err := crypto.SigstoreBundle(statement, manifest.PayloadType, pub)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return &exportReport{f.out, "a Sigstore bundle"}, files.WriteNew(f.out, bundle, false)
}

// readStatement reads a file, or an entry of a log.
func readStatement(from string, entry int64) ([]byte, error) {
	if entry < 0 {
		return files.Read(from, manifest.MaxStatement)
	}
	l, done, err := readCustody(from)
	if err != nil {
		return nil, err
	}
	defer done()
	if uint64(entry) >= l.Size() {
		return nil, usagef("--entry %d: the log has the entries 0 to %d", entry, l.Size()-1)
	}
	return l.Entries[entry], nil
}

func readCustody(dir string) (*log.Log, func(), error) {
	folder, err := openFolder(dir)
	if err != nil {
		return nil, nil, err
	}
	l, err := log.Open(folder)
	if err != nil {
		vfs.Close(folder)
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w: %w", custody.ErrNoLog, err)
		}
		return nil, nil, err
	}
	return l, func() { vfs.Close(folder) }, nil
}

// copyCustody copies what a verifier reads. The folder has its name when it is whole.
func copyCustody(from, to string) (report, error) {
	if _, err := os.Lstat(to); err == nil {
		return nil, fmt.Errorf("%s: %w", to, files.ErrExists)
	}
	_, done, err := readCustody(from)
	if err != nil {
		return nil, err
	}
	done()
	temp, err := os.MkdirTemp(filepath.Dir(to), ".custody-*")
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(from)
	if err == nil {
		defer root.Close()
		err = copyNamed(vfs.Plain(root), temp, log.JobName, log.CheckpointName, "tile", log.CheckpointsFolder)
	}
	if err == nil {
		err = os.Chmod(temp, 0o755)
	}
	if err == nil {
		err = os.Rename(temp, to)
	}
	if err == nil {
		err = files.SyncFolder(filepath.Dir(to))
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(temp))
	}
	return &exportReport{to, "a copy of the log"}, nil
}

// copyNamed copies files and folders of these names, durably.
func copyNamed(from fs.FS, to string, names ...string) error {
	for _, name := range names {
		err := fs.WalkDir(from, name, func(p string, d fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			full := filepath.Join(to, filepath.FromSlash(p))
			if d.IsDir() {
				return os.MkdirAll(full, 0o755)
			}
			in, err := from.Open(p)
			if err != nil {
				return err
			}
			defer in.Close()
			b, err := files.ReadLimited(in, p, 64<<20)
			if err != nil {
				return err
			}
			return files.WriteNew(full, b, false)
		})
		if err != nil {
			return err
		}
	}
	return nil
}
