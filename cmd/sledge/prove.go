package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/keyless"
)

type proveReport struct {
	Path  string `json:"path"`
	Kind  string `json:"kind"` // file, directory, symlink, …
	File  string `json:"file"`
	Bytes int    `json:"bytes"`
	plain bool   // there is content to compare with
}

func (r *proveReport) Print(w io.Writer) {
	more := ""
	if r.plain {
		more = " --file PLAINFILE"
	}
	fmt.Fprintf(w, "proof of %s %s: %s, %s\nanyone checks it with: sledge verify proof %s --trust signer.pub%s\n", r.Kind, escape(r.Path), escape(r.File), size(int64(r.Bytes)), escape(r.File), more)
}

func (a *app) proveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prove PATH --out FILE",
		Short: "write a proof that one file is in the sealed manifest",
		Long: `Write a proof of a few kilobytes that one file, with its digests and metadata, is
part of the sealed manifest. It holds the file's own record and nothing of any
other. "sledge verify proof" checks it without any secret.`,
		Example: `  sledge prove etc/hosts --out hosts.proof --site /srv/import-keys --label device.label --disk '/mnt/bay*'`,
	}
	var f keyFlags
	f.add(cmd.Flags())
	out := cmd.Flags().String("out", "", "where the proof is written (required)")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		if *out == "" {
			return nil, usagef("--out is missing: where shall the proof be written?")
		}
		r, err := a.openReader(&f)
		if err != nil {
			return nil, err
		}
		defer r.close()
		proof, err := r.Prove(ctx, args[0])
		if err != nil {
			return nil, err
		}
		p, err := fsck.VerifyProof(proof, fsck.Trust{}) // what it is of; and never give one that fails
		if err != nil {
			return nil, fmt.Errorf("the proof does not verify: %w", err)
		}
		if err := files.WriteNew(*out, proof, false); err != nil {
			return nil, err
		}
		return &proveReport{args[0], keyless.KindNoun(p.Record.Kind), *out, len(proof), keyless.HasContent(p.Record.Kind)}, chainEnd(r.Set, nil)
	})
}
