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
	env []string // the credentials as an S3 client takes them
}

// startStore starts the server. Its build may have begun with the demonstration's own:
// the script waits for it.
func (d *demo) startStore(ctx context.Context) (t told, err error) {
	own, err := filepath.Abs(filepath.Join("build", "tools"))
	if err == nil && d.tools == own {
		build := exec.CommandContext(ctx, filepath.Join("scripts", "tools.sh"), "versitygw")
		build.Stdout, build.Stderr = d.out, d.out
		if err = build.Run(); err != nil {
			err = fmt.Errorf("scripts/tools.sh versitygw: %w", err)
		}
	}
	if err == nil {
		d.store, err = d.startGateway(ctx, "importer")
	}
	return t, err
}

// startReader starts a second server over the same folder, which refuses every change.
func (d *demo) startReader(ctx context.Context) (t told, err error) {
	d.reader, err = d.startGateway(ctx, "auditor", "--readonly")
	return t, err
}

// startGateway starts a server with credentials of its own.
func (d *demo) startGateway(ctx context.Context, access string, flags ...string) (*gateway, error) {
	folder, err := filepath.Abs(d.path("s3")) // the server changes into its folder
	if err != nil {
		return nil, err
	}
	log, err := os.Create(d.path("logs", "versitygw-"+access+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	secret := "secret-of-" + access
	server, err := daemon.Start(ctx, func(address string) (*exec.Cmd, error) {
		args := append([]string{"--port", address, "--access", access, "--secret", secret, "--quiet", "--keep-alive"}, flags...)
		cmd := exec.Command(filepath.Join(d.tools, "versitygw"), append(args, "posix", folder)...)
		cmd.Env, cmd.Stdout, cmd.Stderr = ownEnv(), log, log
		return cmd, nil
	})
	if err != nil {
		return nil, err
	}
	return &gateway{server, []string{"AWS_ACCESS_KEY_ID=" + access, "AWS_SECRET_ACCESS_KEY=" + secret}}, nil
}
