// Package cephtest starts a Ceph cluster on loopback, as plain processes of the user who
// runs the tests: one monitor, one OSD whose disk is a file, and one RADOS gateway.
//
//	cluster, err := cephtest.Start(ctx, "build/outside/ceph", folder)
//	defer cluster.Stop()
//	user, err := cluster.User("tenant", "name") // then: user.AccessKey, cluster.Endpoint
//
// The programs are those of Debian's packages, unpacked into a folder
// (scripts/outside.sh ceph) or installed.
package cephtest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sledge-io/sledge/internal/daemon"
)

const (
	starts = 3 * time.Minute // of each server: seconds on a machine that has nothing else to do
	asks   = time.Minute     // one command
	block  = 16 << 30        // the disk's size; the file has what was written only
)

// Cluster is a running one.
type Cluster struct {
	Endpoint string // of the gateway: http://127.0.0.1:PORT
	Folder   string // everything that it keeps, and what its servers print

	packages string
	env      []string
	servers  []server // in the order of their starts
}

// server is one of the cluster's programs that stay.
type server struct {
	*daemon.Daemon
	name string
}

// User is somebody with keys to the gateway.
type User struct{ AccessKey, SecretKey string }

// Start makes a cluster in an empty folder and waits until its gateway answers.
func Start(ctx context.Context, packages, folder string) (*Cluster, error) {
	packages, err := filepath.Abs(packages)
	if err != nil {
		return nil, err
	}
	c := &Cluster{Folder: folder, packages: packages}
	c.env = c.environment()
	for _, step := range []func(context.Context) error{c.startMonitor, c.startDisk, c.startGateway} {
		if err := step(ctx); err != nil {
			c.Stop()
			return nil, fmt.Errorf("ceph: %w%s", err, c.output())
		}
	}
	return c, nil
}

// Stop ends the servers, the gateway first.
func (c *Cluster) Stop() {
	for _, d := range slices.Backward(c.servers) {
		d.Kill()
	}
}

func (c *Cluster) path(name string) string { return filepath.Join(c.Folder, name) }

// environment has the unpacked programs found, and their libraries.
func (c *Cluster) environment() []string {
	var libraries []string
	for _, pattern := range []string{"lib/*-linux-gnu", "usr/lib/*-linux-gnu", "usr/lib/*-linux-gnu/ceph"} {
		found, _ := filepath.Glob(filepath.Join(c.packages, pattern)) // the pattern is sound
		libraries = append(libraries, found...)
	}
	return append(os.Environ(), "CEPH_CONF="+c.path("ceph.conf"), "LD_LIBRARY_PATH="+strings.Join(libraries, ":"))
}

// command is one of Ceph's programs. What it says goes into a file of its name, which done
// closes once the program runs or has ended.
func (c *Cluster) command(ctx context.Context, name string, args ...string) (cmd *exec.Cmd, done func(), err error) {
	program := filepath.Join(c.packages, "usr/bin", name)
	if _, err := os.Stat(program); errors.Is(err, os.ErrNotExist) {
		if program, err = exec.LookPath(name); err != nil {
			return nil, nil, err
		}
	}
	log, err := os.OpenFile(c.path(name+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, nil, err
	}
	cmd = exec.CommandContext(ctx, program, args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = c.env, c.Folder, log, log
	return cmd, func() { _ = log.Close() }, nil
}

// run runs a command to its end.
func (c *Cluster) run(ctx context.Context, name string, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, asks)
	defer cancel()
	cmd, done, err := c.command(ctx, name, args...)
	if err == nil {
		defer done()
		err = cmd.Run()
	}
	if err != nil {
		return fmt.Errorf("%s %s: %w", name, strings.Join(args, " "), err)
	}
	return nil
}

// serve starts a server and waits until it is ready, or until one that it needs has ended.
func (c *Cluster) serve(ctx context.Context, address string, ready func(string) bool, name string, args ...string) error {
	cmd, done, err := c.command(context.WithoutCancel(ctx), name, append([]string{"-f", "--no-mon-config"}, args...)...)
	if err != nil {
		return err
	}
	defer done() // the server has it
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	for _, other := range c.servers {
		go func() {
			select {
			case <-other.Exited():
				cancel(other.end())
			case <-ctx.Done():
			}
		}()
	}
	d, err := daemon.StartUntil(ctx, cmd, address, starts, ready)
	if err != nil {
		return err
	}
	c.servers = append(c.servers, server{d, name})
	return nil
}

// end tells how the server ended; nil: it lives.
func (s server) end() error {
	if err := s.Ended(); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	return nil
}

// startMonitor makes the monitor with a map that already has its OSD, so that nobody has
// to be asked for one.
func (c *Cluster) startMonitor(ctx context.Context) error {
	address, err := daemon.FreeAddress()
	if err != nil {
		return err
	}
	fsid := uuid()
	for _, name := range []string{"mon", "osd", "rgw"} {
		err = errors.Join(err, os.Mkdir(c.path(name), 0o755))
	}
	if err = errors.Join(err, os.WriteFile(c.path("ceph.conf"), []byte(c.configuration(fsid, address)), 0o644)); err != nil {
		return err
	}
	for _, command := range [][]string{
		{"monmaptool", "--create", "--fsid", fsid, "--addv", "a", "[v2:" + address + "]", c.path("monmap")},
		{"osdmaptool", "--createsimple", "1", c.path("osdmap")},
		{"ceph-mon", "--mkfs", "-i", "a", "--monmap", c.path("monmap"), "--osdmap", c.path("osdmap")},
	} {
		if err := c.run(ctx, command[0], command[1:]...); err != nil {
			return err
		}
	}
	return c.serve(ctx, address, daemon.AnswersTCP, "ceph-mon", "-i", "a")
}

// startDisk does not wait: the gateway does.
func (c *Cluster) startDisk(ctx context.Context) error {
	if err := c.run(ctx, "ceph-osd", "--no-mon-config", "-i", "0", "--mkfs", "--osd-uuid", uuid()); err != nil {
		return err
	}
	return c.serve(ctx, "", func(string) bool { return true }, "ceph-osd", "-i", "0")
}

func (c *Cluster) startGateway(ctx context.Context) error {
	address, err := daemon.FreeAddress()
	if err != nil {
		return err
	}
	c.Endpoint = "http://" + address
	return c.serve(ctx, address, daemon.AnswersHTTP, "radosgw", "-n", "client.rgw", "--rgw-frontends", "beast endpoint="+address)
}

// configuration has no authentication between the servers, no copies, and no waiting for
// more changes of a map.
func (c *Cluster) configuration(fsid, monitor string) string {
	library := func(name string) string {
		found, _ := filepath.Glob(filepath.Join(c.packages, "usr/lib/*-linux-gnu", name))
		return append(found, "/usr/lib/"+name)[0]
	}
	values := []string{
		"[global]", "fsid = " + fsid, "mon host = v2:" + monitor, "public addr = 127.0.0.1", "cluster addr = 127.0.0.1",
		"auth cluster required = none", "auth service required = none", "auth client required = none",
		"ms mon client mode = crc", "ms mon cluster mode = crc", "ms mon service mode = crc",
		"run dir = " + c.Folder, "crash dir = " + c.Folder, "admin socket =",
		"log to file = false", "mon cluster log to file = false", "log to stderr = true", "err to stderr = true",
		"debug rocksdb = 0", "debug bluestore = 0", "debug bluefs = 0", "debug bdev = 0",
		"plugin dir = " + library("ceph"), "erasure code dir = " + library("ceph/erasure-code"),
		"osd pool default size = 1", "osd pool default min size = 1", "mon allow pool size one = true", "osd crush chooseleaf type = 0",
		"osd pool default pg num = 4", "osd pool default pgp num = 4", "osd pool default pg autoscale mode = off",
		"paxos propose interval = 0.05", "paxos min wait = 0.01", "mon data avail warn = -1", "mon data avail crit = -1", // percent; a full disk is told by whoever cannot write
		"[mon.a]", "mon data = " + c.path("mon"),
		"[osd]", "osd data = " + c.path("osd"), "osd class dir = " + library("rados-classes"),
		"osd objectstore = bluestore", fmt.Sprintf("bluestore block size = %d", int64(block)),
		"[client.rgw]", "rgw data = " + c.path("rgw"),
	}
	return strings.Join(values, "\n") + "\n"
}

// Admin runs radosgw-admin and returns what it prints.
func (c *Cluster) Admin(ctx context.Context, args ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, asks)
	defer cancel()
	cmd, done, err := c.command(ctx, "radosgw-admin", append([]string{"-n", "client.rgw", "--no-mon-config"}, args...)...)
	if err != nil {
		return nil, err
	}
	defer done()
	cmd.Stdout = nil
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("radosgw-admin %s: %w%s", strings.Join(args, " "), err, c.output())
	}
	return out, nil
}

// User makes a user of a tenant; "" is the tenant that has no name.
func (c *Cluster) User(ctx context.Context, tenant, name string) (User, error) {
	out, err := c.Admin(ctx, "user", "create", "--tenant", tenant, "--uid", name, "--display-name", name)
	if err != nil {
		return User{}, err
	}
	var made struct {
		Keys []struct {
			AccessKey string `json:"access_key"`
			SecretKey string `json:"secret_key"`
		}
	}
	if err := json.Unmarshal(out, &made); err != nil || len(made.Keys) != 1 {
		return User{}, fmt.Errorf("radosgw-admin user create: %v: %s", err, out)
	}
	return User{made.Keys[0].AccessKey, made.Keys[0].SecretKey}, nil
}

// output is how each server that has ended did so, and the end of what each program has
// said.
func (c *Cluster) output() string {
	var all strings.Builder
	for _, s := range c.servers {
		if err := s.end(); err != nil {
			fmt.Fprintf(&all, "\n%v", err)
		}
	}
	logs, _ := filepath.Glob(c.path("*.log")) // the pattern is sound
	for _, name := range logs {
		text, err := os.ReadFile(name)
		switch {
		case err != nil:
			fmt.Fprintf(&all, "\n%v", err)
		case len(text) == 0:
			fmt.Fprintf(&all, "\n%s: empty", filepath.Base(name))
		default:
			fmt.Fprintf(&all, "\n%s: …%s", filepath.Base(name), text[max(0, len(text)-2000):])
		}
	}
	return all.String()
}

func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	text := hex.EncodeToString(b[:])
	return strings.Join([]string{text[:8], text[8:12], text[12:16], text[16:20], text[20:]}, "-")
}
