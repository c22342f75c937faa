package main

import (
	"context"
	"crypto/fips140"
	"fmt"
	"io"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/manifest"
)

type versionReport struct {
	Version string `json:"version"`
	Format  int    `json:"format"`
	Go      string `json:"go"`
	System  string `json:"system"`
	FIPS    string `json:"fips140"`
}

func (r *versionReport) Print(w io.Writer) {
	fmt.Fprintf(w, "sledge %s, format version %d, %s, %s, FIPS 140-3 %s\n", r.Version, r.Format, r.Go, r.System, r.FIPS)
}

func (a *app) versionCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "version", Short: "show the version of program and format",
		Example: `  sledge version --json`,
	}
	return a.verb(cmd, func(context.Context, []string) (report, error) {
		fips := "off"
		switch {
		case fips140.Enforced():
			fips = "only"
		case fips140.Enabled():
			fips = "on"
		}
		return &versionReport{version, manifest.Version, runtime.Version(), runtime.GOOS + "/" + runtime.GOARCH, fips}, nil
	})
}

// software names this program in statements.
func software() string { return "sledge " + version }
