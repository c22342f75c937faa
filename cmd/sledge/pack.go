package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/files"
)

type packReport struct {
	Pack  uint64 `json:"pack"`
	File  string `json:"file"`
	Bytes int64  `json:"bytes"`
	Key   string `json:"key,omitempty"` // hexadecimal
	AD    string `json:"associated_data,omitempty"`
}

func (r *packReport) Print(w io.Writer) {
	fmt.Fprintf(w, "pack %d: %s, %s, one FLOE ciphertext (AES-256-GCM, 1 MiB segments)\n", r.Pack, escape(r.File), size(r.Bytes))
	printIf(w, r.Key != "", "key             %s\nassociated data %s\n", r.Key, r.AD)
}

func (a *app) packExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export NUMBER --out FILE",
		Short: "export one pack as a C2SP FLOE ciphertext",
		Long: `Write a pack, decoded and proven against the signed hashes, as one FLOE ciphertext,
header first. That needs no key. With --show-key, which does, its key and
associated data are printed for another implementation to decrypt it.`,
		Example: `  sledge pack export 0 --out 0.floe --trust signer.pub --label device.label --disk '/mnt/bay*'
  sledge pack export 0 --out 0.floe --show-key --site /srv/import-keys --label device.label --disk '/mnt/bay*'`,
	}
	var f keyFlags
	f.add(cmd.Flags())
	out := cmd.Flags().String("out", "", "where the pack is written (required)")
	show := cmd.Flags().Bool("show-key", false, "print the pack's key (of this pack only)")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		n, err := strconv.ParseUint(args[0], 10, 63)
		if err != nil || *out == "" {
			return nil, usagef("give a pack's number and --out FILE")
		}
		r := &packReport{Pack: n, File: *out}
		if *show {
			return r, a.exportWithKey(ctx, &f, r)
		}
		set, done, err := a.openSet(&f.chainFlags)
		if err != nil {
			return nil, err
		}
		defer done()
		if n >= set.End.Packs {
			return nil, noPack(n, set.End.Packs)
		}
		if err := r.write(func(w io.Writer) error { return set.ExportPack(ctx, n, w) }); err != nil {
			return nil, err
		}
		return r, chainEnd(set, nil)
	})
}

func (a *app) exportWithKey(ctx context.Context, f *keyFlags, r *packReport) error {
	reader, err := a.openReader(f)
	if err != nil {
		return err
	}
	defer reader.close()
	if r.Pack >= reader.End.Packs {
		return noPack(r.Pack, reader.End.Packs)
	}
	if err := r.write(func(w io.Writer) error { return reader.ExportPack(ctx, r.Pack, w) }); err != nil {
		return err
	}
	key, ad, err := reader.PackKey(r.Pack)
	if err != nil {
		return err
	}
	r.Key, r.AD = hex.EncodeToString(key), hex.EncodeToString(ad)
	return chainEnd(reader.Set, nil)
}

func noPack(n, packs uint64) error {
	return hint(fmt.Errorf("pack %d: %w: it has %s", n, appliance.ErrNotFound, plural(packs, "pack")), "packs are numbered from 0")
}

// write makes the file, whole or not at all.
func (r *packReport) write(f func(io.Writer) error) (err error) {
	r.Bytes, err = files.New(r.File, 0o644, f)
	return err
}
