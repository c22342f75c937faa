package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/manifest"
)

type grantReport struct {
	Device   string `json:"device"`
	Evidence string `json:"evidence"`
	Reason   string `json:"reason"`
	File     string `json:"file"`
}

func (r *grantReport) Print(w io.Writer) {
	fmt.Fprintf(w, "device      %s\nevidence    %s\nreason      %s\nstatement   %s\n", r.Device, r.Evidence, escape(r.Reason), escape(r.File))
}

func (a *app) jobReinstate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reinstate --device-id ID --evidence sha256:… --reason TEXT --out reinstate.dsse",
		Short: "sign that a device was wrongly taken for tampered",
		Long: `Sign a statement that a device was taken for tampered by mistake. The device's
owner tells its id and the evidence that "sledge device show" prints. Ask what has
happened first: the statement makes the device's word good again. It fits one
device in one state, and is good once.`,
		Example: `  sledge job reinstate --site /srv/site --device-id 5f0c2b7e9d4a4a1c8e6f3b2a1d0c9e8f --evidence sha256:1f0c… \
      --reason 'status beside a load, sledge 0.9' --out reinstate.dsse`,
	}
	var r manifest.Reinstatement
	folder := cmd.Flags().String("site", os.Getenv("SLEDGE_SITE"), "the site's key folder (env SLEDGE_SITE)")
	device := cmd.Flags().String("device-id", "", "the device's id (required)")
	out := cmd.Flags().String("out", "", "write the statement here (required)")
	cmd.Flags().StringVar(&r.Evidence, "evidence", "", "what \"sledge device show\" prints as evidence (required)")
	cmd.Flags().StringVar(&r.Reason, "reason", "", "one line for the device's history (required)")
	return a.verb(cmd, func(context.Context, []string) (report, error) {
		id, err := manifest.ParseID(*device)
		if err != nil {
			return nil, usagef("--device-id %q is not a device's id: %w", *device, err)
		}
		if *out == "" {
			return nil, usagef("--out names no file")
		}
		s, err := openSite(*folder)
		if err != nil {
			return nil, err
		}
		signer, err := s.Key(site.Signer)
		if err != nil {
			return nil, err
		}
		r.Device, r.Created = id, a.now().UTC()
		file, err := r.Sign(signer)
		if err != nil {
			return nil, &usageError{Err: err}
		}
		return &grantReport{id.String(), r.Evidence, r.Reason, *out}, files.WriteNew(*out, file, false)
	})
}
