package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/manifest"
)

func (a *app) jobExtend() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "extend OLD.dsse --expires 90d --out NEW.dsse",
		Short: "extend a job's expiry, also while a device is at work on it",
		Long: `Sign a job file again with the next serial and another expiry. Nothing else
changes: the same devices, keys, target and unlock code. A device that has begun
the job takes the new file with its next unlock, and then no earlier one:

    sledge unlock --job NEW.dsse

A wrap check that was answered under the old file has to be made again.`,
		Example: `  sledge job extend job.dsse --site /srv/site --expires 30d --out job-2.dsse`,
	}
	folder := cmd.Flags().String("site", os.Getenv("SLEDGE_SITE"), "the site's key folder (env SLEDGE_SITE)")
	expires := cmd.Flags().String("expires", "", "the new end of new loads: 90d, 12h, or 2026-12-31 (required)")
	out := cmd.Flags().String("out", "", "write the new job file here (required)")
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) {
		return a.extendJob(args[0], *folder, *expires, *out)
	})
}

func (a *app) extendJob(old, folder, expires, out string) (report, error) {
	if expires == "" || out == "" {
		return nil, usagef("job extend needs --expires and --out")
	}
	until, err := parseExpiry(expires, a.now())
	if err != nil {
		return nil, err
	}
	if _, err := os.Lstat(out); err == nil {
		return nil, fmt.Errorf("%s: %w", out, files.ErrExists)
	}
	file, err := files.Read(old, manifest.MaxStatement)
	if err != nil {
		return nil, err
	}
	s, err := openSite(folder)
	if err != nil {
		return nil, err
	}
	job, file, err := s.ExtendJob(file, until, a.now())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", old, err)
	}
	r := describeJob(job, originProven)
	r.File = out
	return r, files.WriteNew(out, file, false)
}
