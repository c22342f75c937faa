package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/internal/progress"
	"github.com/sledge-io/sledge/internal/statefolder"
)

// session is what this program brings to the verifier's verbs. Receipts may be in an import's
// state folder, and a marker in the store.
func (a *app) session() *keyless.Session {
	return &keyless.Session{
		Disks:     a.diskPaths,
		DiskError: diskError,
		Workers:   fsckWorkers,
		ReadSize:  readSize,
		Meter:     func() keyless.Meter { return fsckMeter{a.meter("verify")} },
		Receipts:  func(names []string) ([]string, error) { return statefolder.Receipts(names, a.telling()) },
		Canceled: func(receipts, _ string) (*keyless.Mark, error) {
			mark, err := statefolder.Canceled(receipts)
			return (*keyless.Mark)(mark), err
		},
		Marker: keyless.MarkerFile,
	}
}

// fsckMeter shows how far the verifier is.
type fsckMeter struct{ *progress.Meter }

func (m fsckMeter) Tell(s fsck.Status) { m.Meter.Tell(fsckSample(s)) }

func fsckSample(s fsck.Status) progress.Sample {
	return progress.Sample{Phase: s.Phase, Bytes: s.BytesDone, TotalBytes: s.BytesTotal, More: fmt.Sprintf("%d of %s", s.PacksDone, plural(s.PacksTotal, "pack"))}
}

// verifyVerb is one of the verifier's verbs as a command of this program.
func (a *app) verifyVerb(v *keyless.Verb) *cobra.Command {
	return a.verifyIn(v, func() *keyless.Session { return a.session() })
}

func (a *app) verifyIn(v *keyless.Verb, session func() *keyless.Session) *cobra.Command {
	cmd := &cobra.Command{Use: v.Use, Short: v.Short, Long: v.Long, Example: v.Example}
	v.Flags(cmd.Flags())
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) { return v.Run(ctx, session(), args) })
}

// fsckOptions are disks, trust and label for the independent verifier.
func (a *app) fsckOptions(f *chainFlags, m *progress.Meter) (fsck.Options, func(), error) {
	if f.label != "" {
		if _, err := f.labelText(); err != nil {
			return fsck.Options{}, nil, err
		}
	}
	return a.session().Options(keyless.Check{Trust: f.trust, Label: f.label}, fsckMeter{m})
}
