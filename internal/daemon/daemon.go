// Package daemon runs a server program on loopback for as long as a test, the demo
// or the benchmark needs it:
//
//	d, err := daemon.Start(ctx, func(address string) (*exec.Cmd, error) {
//		return exec.Command("versitygw", "--port", address, "posix", folder), nil
//	})
//	defer d.Stop()
//	… d.Endpoint …            // http://127.0.0.1:PORT
//
// The server ends with whoever started it, however that ends.
package daemon

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	tries   = 5 // another program may take a free port before the server does
	answers = 30 * time.Second
	grace   = 5 * time.Second
)

// Daemon is a server that answers, or has ended since.
type Daemon struct {
	Endpoint string // http://127.0.0.1:PORT
	Address  string // 127.0.0.1:PORT

	cmd    *exec.Cmd
	words  *words // nil: its output is somebody else's
	how    error  // its end, once exited is closed
	exited chan struct{}
}

// A Command makes the command of a server that listens at an address. It is called
// again for every try.
type Command func(address string) (*exec.Cmd, error)

// Start starts a server at a free port and waits until it answers a request, for
// half a minute at most. A canceled context ends the waiting, not the server.
func Start(ctx context.Context, command Command) (d *Daemon, err error) {
	for range tries {
		address, portErr := FreeAddress()
		if portErr != nil {
			return nil, portErr
		}
		if d, err = StartAt(ctx, address, command); err == nil || ctx.Err() != nil {
			return d, err
		}
	}
	return nil, err
}

// StartAt starts a server at this address, as Start does.
func StartAt(ctx context.Context, address string, command Command) (*Daemon, error) {
	cmd, err := command(address)
	if err != nil {
		return nil, err
	}
	return StartUntil(ctx, cmd, address, answers, AnswersHTTP)
}

// StartUntil starts a server that listens at an address and waits for so long, until it is
// ready. The error of one that ends before that tells how it ended (Ended).
func StartUntil(ctx context.Context, cmd *exec.Cmd, address string, within time.Duration, ready func(address string) bool) (*Daemon, error) {
	d := &Daemon{Endpoint: "http://" + address, Address: address, cmd: cmd, exited: make(chan struct{})}
	OwnGroup(cmd)
	d.hear()
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	go d.follow()
	if err := d.wait(ctx, within, ready); err != nil {
		d.Kill()
		return nil, fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err)
	}
	return d, nil
}

func (d *Daemon) wait(ctx context.Context, within time.Duration, ready func(address string) bool) error {
	for deadline := time.Now().Add(within); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-d.exited:
			return fmt.Errorf("not ready: %w", d.how)
		case <-ctx.Done():
			return context.Cause(ctx)
		default:
		}
		if ready(d.Address) {
			return nil
		}
	}
	return fmt.Errorf("the server does not answer at %s", d.Address)
}

// AnswersHTTP reports whether a server answers: any HTTP answer will do but "not yet", also
// the one that a server of HTTPS gives to plain HTTP.
func AnswersHTTP(address string) bool {
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Get("http://" + address)
	if err != nil {
		return false
	}
	_ = answer.Body.Close()
	return answer.StatusCode != http.StatusServiceUnavailable
}

// AnswersTCP reports whether somebody listens.
func AnswersTCP(address string) bool {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// PID is the process id.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Exited is closed when the server has ended.
func (d *Daemon) Exited() <-chan struct{} { return d.exited }

// Stop asks the server and all that it started to end, and kills them where they do
// not. Stopping twice is fine.
func (d *Daemon) Stop() {
	d.signal(syscall.SIGTERM)
	select {
	case <-d.exited:
	case <-time.After(grace):
	}
	d.Kill()
}

// Kill ends them at once, as a power cut would.
func (d *Daemon) Kill() {
	d.signal(syscall.SIGKILL)
	<-d.exited
}

// signal is for the server's whole group while the server lives: afterwards its
// number may be another's.
func (d *Daemon) signal(s syscall.Signal) {
	select {
	case <-d.exited:
	default:
		_ = syscall.Kill(-d.PID(), s) // it may end between the look and the call
	}
}

// FreeAddress is 127.0.0.1 with a port that nobody listened at a moment ago.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}
