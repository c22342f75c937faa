package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/manifest"
)

// verifyCommit reads the marker from the store, too; there it counts only below the target
// that it names.
func (a *app) verifyCommit() *cobra.Command {
	v := keyless.Commit()
	v.Use += "|s3://BUCKET/KEY"
	v.Long += `

It is read from a file or from the store; there it counts only below the target that it
names.`
	v.Example = "  sledge verify commit s3://archive/2026/_SLEDGE_COMMIT --trust signer.pub\n" + v.Example
	var reach targetFlags
	cmd := a.verifyIn(v, func() *keyless.Session {
		s := a.session()
		s.Marker = func(ctx context.Context, name string) ([]byte, error) { return readMarker(ctx, name, reach) }
		return s
	})
	reach.addReach(cmd.Flags(), "generic")
	return cmd
}

// readMarker reads a marker from a file or from the store.
func readMarker(ctx context.Context, name string, reach targetFlags) ([]byte, error) {
	if !strings.HasPrefix(name, "s3://") {
		return keyless.MarkerFile(ctx, name)
	}
	bucket, key, _ := target.CutTarget(name)
	if bucket == "" || key == "" {
		return nil, usagef("%q is not s3://BUCKET/KEY", name)
	}
	reach.target = "s3://" + bucket + "/"
	at, err := placeIn(reach, &manifest.Job{Target: manifest.JobTarget{Profile: "generic"}})
	if err != nil {
		return nil, err
	}
	store, err := at.Open(ctx)
	if err != nil {
		return nil, asTargetError(err)
	}
	marker, err := audit.ReadObject(ctx, store, audit.ObjectOptions{IdleTimeout: at.IdleTimeout}, key, manifest.MaxStatement)
	if target.IsNotFound(err) {
		return nil, hint(fmt.Errorf("%s: %w", name, os.ErrNotExist), "the import has not been committed; wait for its end")
	}
	return marker, asTargetError(err)
}
