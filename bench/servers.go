package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/sledge-io/sledge/internal/daemon"
)

// server is an S3 server that was started for some runs.
type server struct {
	*daemon.Daemon
	access, secret string
	way            *server // the proxy before it, if any
}

// Stop ends the server and what is before it.
func (s *server) Stop() {
	if s.way != nil {
		s.way.Stop()
	}
	s.Daemon.Stop()
}

// startVersitygw serves the folders below root as buckets.
func (b *bench) startVersitygw(ctx context.Context, root string) (*server, error) {
	return b.startServer(ctx, func(address string, s *server) command {
		return command{args: []string{findProgram("versitygw"), "--port", address, "--access", s.access, "--secret", s.secret, "--health", "/health", "--quiet", "--keep-alive", "posix", root}, dir: root}
	})
}

// startClosingVersitygw is one that closes each connection, as it does by default.
func (b *bench) startClosingVersitygw(ctx context.Context, root string) (*server, error) {
	return b.startServer(ctx, func(address string, s *server) command {
		return command{args: []string{findProgram("versitygw"), "--port", address, "--access", s.access, "--secret", s.secret, "--health", "/health", "--quiet", "posix", root}, dir: root}
	})
}

// startMinio serves 11 folders with parity of three, all objects encrypted.
func (b *bench) startMinio(ctx context.Context, dir string) (*server, error) {
	return b.startServer(ctx, func(address string, s *server) command {
		return command{
			args: []string{findProgram("minio"), "server", "--quiet", "--anonymous", "--config-dir", filepath.Join(dir, "config"), "--address", address, filepath.Join(dir, "drive{1...11}")},
			env: []string{"MINIO_ROOT_USER=" + s.access, "MINIO_ROOT_PASSWORD=" + s.secret, "MINIO_STORAGE_CLASS_STANDARD=EC:3", "MINIO_CI_CD=1", "MINIO_BROWSER=off", "MINIO_UPDATE=off",
				"MINIO_KMS_SECRET_KEY=bench:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", "MINIO_KMS_AUTO_ENCRYPTION=on"},
		}
	})
}

// startMinioDrive serves one folder, whose folders are buckets, without parity and
// without encryption: as little work as MinIO does.
func (b *bench) startMinioDrive(ctx context.Context, dir string) (*server, error) {
	return b.startServer(ctx, func(address string, s *server) command {
		return command{
			args: []string{findProgram("minio"), "server", "--quiet", "--anonymous", "--config-dir", filepath.Join(b.space.mem, "minio-config"), "--address", address, dir},
			env:  []string{"MINIO_ROOT_USER=" + s.access, "MINIO_ROOT_PASSWORD=" + s.secret, "MINIO_CI_CD=1", "MINIO_BROWSER=off", "MINIO_UPDATE=off"},
		}
	})
}

// startSink is our own server that reads bodies and keeps nothing.
func (b *bench) startSink(ctx context.Context) (*server, error) {
	return b.startServer(ctx, func(address string, _ *server) command {
		return command{args: []string{b.self, "sink", "--listen", address}}
	})
}

// startServer starts a server that ends with the run.
func (b *bench) startServer(ctx context.Context, how func(address string, s *server) command) (*server, error) {
	log, err := os.CreateTemp(b.space.scratch(), "server-*.log")
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s := &server{access: "benchmark", secret: "benchmark-secret"}
	s.Daemon, err = daemon.Start(ctx, func(address string) (*exec.Cmd, error) {
		c := how(address, s)
		cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
		cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = append(cleanEnv(), c.env...), c.dir, log, log
		return cmd, nil
	})
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, tail(log.Name()))
	}
	return s, nil
}

// cpu is the processor time that the server has used so far, in seconds.
func (s *server) cpu() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.PID()))
	if err != nil {
		return 0
	}
	// The name in brackets may hold anything; utime and stime are 14 and 15.
	_, rest, _ := strings.Cut(string(text), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseFloat(f[11], 64)
	sys, _ := strconv.ParseFloat(f[12], 64)
	return (user + sys) / 100 // USER_HZ
}

// env are the credentials as S3 clients take them.
func (s *server) env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + s.access, "AWS_SECRET_ACCESS_KEY=" + s.secret, "AWS_REGION=us-east-1"}
}

func (s *server) s5cmd(args ...string) command {
	return command{args: append([]string{findProgram("s5cmd"), "--endpoint-url", s.Endpoint, "--log", "error"}, args...), env: s.env()}
}
