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
	"syscall"
	"time"
)

// gateway is a versitygw process over a folder: an S3 server that is not ours.
type gateway struct {
	endpoint, access, secret string
	cmd                      *exec.Cmd
	exited                   chan struct{}
}

func (d *demo) startStore(ctx context.Context) (err error) {
	if err := os.MkdirAll(d.path("s3", bucket), 0o755); err != nil {
		return err
	}
	d.store, err = d.startGateway(ctx, "importer", false)
	return err
}

// startGateway starts a server with credentials of its own; a read-only one
// refuses every change.
func (d *demo) startGateway(ctx context.Context, name string, readOnly bool) (g *gateway, err error) {
	for range 5 { // another program may take the port between our look and its start
		if g, err = d.tryGateway(ctx, name, readOnly); err == nil || ctx.Err() != nil {
			return g, err
		}
	}
	return nil, err
}

func (d *demo) tryGateway(ctx context.Context, name string, readOnly bool) (*gateway, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	folder, err := filepath.Abs(d.path("s3")) // the server changes into its folder
	if err != nil {
		return nil, err
	}
	log, err := os.Create(d.path("logs", "versitygw-"+name+".log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	g := &gateway{endpoint: "http://" + address, access: name, secret: "secret-of-" + name, exited: make(chan struct{})}
	args := []string{"--port", address, "--access", g.access, "--secret", g.secret, "--quiet", "--keep-alive"}
	if readOnly {
		args = append(args, "--readonly")
	}
	g.cmd = exec.Command(filepath.Join(d.tools, "versitygw"), append(args, "posix", folder)...)
	g.cmd.Env, g.cmd.Stdout, g.cmd.Stderr = ownEnv(), log, log
	g.cmd.SysProcAttr = ownGroup()
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { g.cmd.Wait(); close(g.exited) }()
	if err := g.wait(ctx); err != nil {
		return nil, errors.Join(err, g.stop())
	}
	return g, nil
}

// wait returns when the server answers; any HTTP answer will do.
func (g *gateway) wait(ctx context.Context) error {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-g.exited:
			return errors.New("versitygw ended at once")
		case <-ctx.Done():
			return ctx.Err()
		default:
		}
		if resp, err := client.Get(g.endpoint); err == nil {
			return resp.Body.Close()
		}
	}
	return fmt.Errorf("versitygw does not answer at %s", g.endpoint)
}

// stop ends the server by its process id.
func (g *gateway) stop() error {
	select {
	case <-g.exited:
		return nil
	default:
	}
	err := g.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-g.exited:
	case <-time.After(5 * time.Second):
		err = g.cmd.Process.Kill()
		<-g.exited
	}
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	return err
}

// env are the credentials as an S3 client takes them.
func (g *gateway) env() []string {
	return []string{"AWS_ACCESS_KEY_ID=" + g.access, "AWS_SECRET_ACCESS_KEY=" + g.secret}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
