package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// server is an S3 server that was started for some runs.
type server struct {
	endpoint, access, secret string
	cmd                      *exec.Cmd
	exited                   chan struct{}
}

// startVersitygw serves the folders below root as buckets.
func (b *bench) startVersitygw(ctx context.Context, root string) (*server, error) {
	return b.startServer(ctx, func(address string, s *server) command {
		return command{args: []string{findProgram("versitygw"), "--port", address, "--access", s.access, "--secret", s.secret, "--health", "/health", "--quiet", "--keep-alive", "posix", root}, dir: root}
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

// startServer starts a server at a free port and waits until it answers.
func (b *bench) startServer(ctx context.Context, how func(address string, s *server) command) (s *server, err error) {
	for range 5 { // another program may take the port between our look and its start
		if s, err = b.tryServer(ctx, how); err == nil || ctx.Err() != nil {
			return s, err
		}
	}
	return nil, err
}

func (b *bench) tryServer(ctx context.Context, how func(string, *server) command) (*server, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	s := &server{endpoint: "http://" + address, access: "benchmark", secret: "benchmark-secret", exited: make(chan struct{})}
	c := how(address, s)
	log, err := os.Create(filepath.Join(b.space.scratch(), "server.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	s.cmd = exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	s.cmd.Env, s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = append(cleanEnv(), c.env...), c.dir, log, log
	ownGroup(s.cmd)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { s.cmd.Wait(); close(s.exited) }()
	if err := s.wait(ctx); err != nil {
		s.stop()
		return nil, fmt.Errorf("%s: %w\n%s", filepath.Base(c.args[0]), err, tail(log.Name()))
	}
	return s, nil
}

// wait returns when the server answers; any HTTP answer but "not yet" will do.
func (s *server) wait(ctx context.Context) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-s.exited:
			return errors.New("the server ended at once")
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if resp, err := client.Get(s.endpoint); err == nil {
			resp.Body.Close()
			if resp.StatusCode != http.StatusServiceUnavailable {
				return nil
			}
		}
	}
	return errors.New("the server does not answer")
}

// stop ends the server and all that it started.
func (s *server) stop() {
	pid := s.cmd.Process.Pid
	_ = syscall.Kill(-pid, syscall.SIGTERM)
	select {
	case <-s.exited:
	case <-time.After(3 * time.Second):
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	<-s.exited
}

// cpu is the processor time that the server has used so far, in seconds.
func (s *server) cpu() float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
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
	return command{args: append([]string{findProgram("s5cmd"), "--endpoint-url", s.endpoint, "--log", "error"}, args...), env: s.env()}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
