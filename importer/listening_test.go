package importer

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/status"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// TestListeningProcess: a command that listens behind a run which an earlier process has ended names
// itself meanwhile, and that one again when it ends.
func TestListeningProcess(t *testing.T) {
	s, f, disk := newSource(), newFake(t), memDisk()
	s.file("a", []byte("hello"))
	o := testOptions(t, disk)
	o.StatusEvery = time.Millisecond
	mustRun(t, s, f, o)
	told := func() (s status.Status) {
		text, err := vfs.ReadFile(disk, status.Name, 1<<20)
		if err == nil {
			err = json.Unmarshal(text, &s)
		}
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	was := told()
	was.Host, was.PID = "earlier", 1
	text, err := json.Marshal(was)
	if err == nil {
		err = durable.WriteFile(disk, status.Name, text)
	}
	if err != nil {
		t.Fatal(err)
	}
	res := mustRun(t, s, f, o)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan bool)
	go func() { ended <- res.AwaitStop(ctx) }()
	var now status.Status
	for end := time.Now().Add(time.Minute); now.Listening.IsZero() && time.Now().Before(end); now = told() {
		time.Sleep(time.Millisecond)
	}
	stop()
	<-ended
	if host, _ := os.Hostname(); now.Listening.IsZero() || now.PID != os.Getpid() || now.Host != host {
		t.Errorf("it listens: %v, as process %d on %s", now.Listening, now.PID, now.Host)
	}
	if then := told(); then.PID != 1 || then.Host != "earlier" || !then.Listening.IsZero() {
		t.Errorf("then %v, process %d on %s", then.Listening, then.PID, then.Host)
	}
}
