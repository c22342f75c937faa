package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/statefolder"
)

// Another terminal looks at a run, and steers it, by files in its state folder
// alone: it needs no key, no disk and no target.

func steerCommand(q *statefolder.Query, use, short, long, example string) *cobra.Command {
	cmd := &cobra.Command{Use: use + " STATE", Short: short, Long: long, Example: example}
	cmd.Flags().StringVar(&q.Run, "run-id", "", "which run in the state folder (default: the one that was at work last)")
	return cmd
}

func (a *app) importStatusCommand() *cobra.Command {
	q := statefolder.Query{Warn: a.warn}
	cmd := steerCommand(&q, "status", "show an import's progress",
		`STATE is the state folder of an import. It needs neither disks nor keys nor the target:
the run writes its progress there every second.`, "  sledge import status /srv/import/job1\n  watch sledge import status /srv/import/job1")
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) {
		s, err := q.Status(args[0], a.now())
		if err != nil {
			return nil, err
		}
		return s, nil
	})
}

func (a *app) importPauseCommand() *cobra.Command {
	q := statefolder.Query{Warn: a.warn}
	cmd := steerCommand(&q, "pause", "pause an import", `Requests under way are finished. No other begins until "sledge import resume". A run that
is started again while it is paused stays paused.`, "  sledge import pause /srv/import/job1")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		return steerReport(q.Steer(ctx, args[0], a.now, status.WantPause))
	})
}

func (a *app) importResumeCommand() *cobra.Command {
	q := statefolder.Query{Warn: a.warn}
	cmd := steerCommand(&q, "resume", "resume a paused import; let a halted one check again",
		`For an import that is at work. The same "sledge import run" resumes one that has ended.`, "  sledge import resume /srv/import/job1")
	return a.verb(cmd, func(ctx context.Context, args []string) (report, error) {
		return steerReport(q.Steer(ctx, args[0], a.now, status.WantRun))
	})
}

// steerReport has no report where there is no status.
func steerReport(s *statefolder.Status, err error) (report, error) {
	if s == nil {
		return nil, err
	}
	return s, err
}
