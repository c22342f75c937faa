package cephtest

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestMain is a monitor, too: it listens where the configuration says.
func TestMain(m *testing.M) {
	if os.Getenv("SLEDGE_TEST_MONITOR") == "" {
		os.Exit(m.Run())
	}
	text, err := os.ReadFile("ceph.conf")
	_, address, _ := strings.Cut(string(text), "mon host = v2:")
	address, _, _ = strings.Cut(address, "\n")
	if l, listenErr := net.Listen("tcp", address); err != nil || listenErr != nil {
		fmt.Println(err, listenErr)
	} else {
		time.Sleep(time.Minute)
		l.Close()
	}
	os.Exit(1)
}

// programs writes a folder of programs that behave like Ceph's, as far as they come.
func programs(t *testing.T, scripts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	bin := filepath.Join(dir, "usr", "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"monmaptool", "osdmaptool", "ceph-mon", "ceph-osd", "radosgw"} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+scripts[name]+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestServerEnds: a cluster that does not come up names the server that ended, how, and what
// it said; also where another one is waited for then.
func TestServerEnds(t *testing.T) {
	const making = `case "$*" in *--mkfs*) exit 0;; esac; `
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	listens := making + "SLEDGE_TEST_MONITOR=1 exec " + program
	for name, test := range map[string]struct {
		scripts map[string]string
		want    []string
	}{
		"a monitor without a word": {map[string]string{"ceph-mon": making + "exit 28"},
			[]string{"ceph-mon: not ready: the server ended after ", "exit status 28", "ceph-mon.log: empty"}},
		"a monitor by a signal": {map[string]string{"ceph-mon": making + "echo not enough space >&2; kill -ABRT $$"},
			[]string{"ceph-mon: not ready: the server ended after ", "signal: aborted", "ceph-mon.log: …not enough space"}},
		"a disk while the gateway is waited for": {map[string]string{"ceph-mon": listens, "ceph-osd": making + "echo no room; exit 5", "radosgw": "exec sleep 60"},
			[]string{"radosgw: ceph-osd: the server ended after ", "exit status 5", "ceph-osd.log: …no room"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			c, err := Start(t.Context(), programs(t, test.scripts), t.TempDir())
			if err == nil {
				c.Stop()
				t.Fatal("it has started")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("not told: %q: %v", want, err)
				}
			}
			if waited := time.Since(began); waited > starts/2 {
				t.Errorf("the end was waited for %s", waited)
			}
		})
	}
}
