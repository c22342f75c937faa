package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/sledge-io/sledge/internal/daemon"
)

// gateway is a versitygw process over a folder: an S3 server that is not ours.
type gateway struct {
	*daemon.Daemon
	access, secret string
}

// startStore starts the server. Its build may have begun with the demonstration's own:
// the script waits for it.
func (d *demo) startStore(ctx context.Context) (err error) {
	if own, err := filepath.Abs(filepath.Join("build", "tools")); err != nil {
		return err
	} else if d.tools == own {
		build := exec.CommandContext(ctx, filepath.Join("scripts", "tools.sh"), "versitygw")
		build.Stdout, build.Stderr = d.out, d.out
		if err := build.Run(); err != nil {
			return fmt.Errorf("scripts/tools.sh versitygw: %w", err)
		}
	}
	if err := os.MkdirAll(d.path("s3", bucket), 0o755); err != nil {
		return err
	}
	d.store, err = d.startGateway(ctx, "importer", false)
	return err
}

// startGateway starts a server with credentials of its own; a read-only one
// refuses every change.
func (d *demo) startGateway(ctx context.Context, name string, readOnly bool) (*gateway, error) {
	folder, err := filepath.Abs(d.path("s3")) // the server changes into its folder
	if err != nil {
		return nil, err
	}
	log, err := os.Create(d.path("logs", "versitygw-"+name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	g := &gateway{access: name, secret: "secret-of-" + name}
	g.Daemon, err = daemon.Start(ctx, func(address string) (*exec.Cmd, error) {
		args := []string{"--port", address, "--access", g.access, "--secret", g.secret, "--quiet", "--keep-alive"}
		if readOnly {
			args = append(args, "--readonly")
		}
		cmd := exec.Command(filepath.Join(d.tools, "versitygw"), append(args, "posix", folder)...)
		cmd.Env, cmd.Stdout, cmd.Stderr = ownEnv(), log, log
		return cmd, nil
	})
	return g, err
}

// env are the credentials as an S3 client takes them.
func (g *gateway) env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + g.access, "AWS_SECRET_ACCESS_KEY=" + g.secret}
}
