package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/vfs"
)

// field is a device and a site of the test's own, with a clock that can be set.
type field struct {
	t   *testing.T
	now time.Time
}

func newField(t *testing.T) *field {
	t.Helper()
	t.Chdir(t.TempDir())
	shm, err := os.MkdirTemp("/dev/shm", "sledge-expiry-")
	if err != nil {
		t.Skipf("no memory for secrets: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(shm) })
	for name, value := range map[string]string{"XDG_RUNTIME_DIR": shm, "SLEDGE_DEVICE": "dev", "SLEDGE_SITE": "site", "SLEDGE_DISKS": "bay*"} {
		t.Setenv(name, value)
	}
	for _, dir := range []string{"bay0", "bay1", "bay2", "src"} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	f := &field{t, time.Now()}
	f.write("src/a", "hello")
	f.sledge(0, "site", "init", "site", "--name", "Example")
	f.sledge(0, "device", "init", "--trust", "site/signer.pub")
	f.sledge(0, "job", "create", "--device-key", "dev/device.pub", "--geometry", "2+1", "--target", "s3://bkt/x/", "--fips", "--expires", "1h", "--out", "job.dsse", "--code-out", "code")
	return f
}

func (f *field) clock() time.Time { return f.now }

func (f *field) write(name, text string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.FromSlash(name), []byte(text), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

// sledge runs a verb, wants its exit code and every word in what it says.
func (f *field) sledge(want int, args ...string) (says string) {
	f.t.Helper()
	in, err := os.Open(os.DevNull)
	if err != nil {
		f.t.Fatal(err)
	}
	defer in.Close()
	return f.withInput(in, want, args...)
}

// withInput is sledge with a standard input.
func (f *field) withInput(in *os.File, want int, args ...string) string {
	f.t.Helper()
	var text bytes.Buffer
	a := &app{in: in, out: &text, err: &text, now: func() time.Time { return f.now }, ctx: f.t.Context()}
	root := a.root()
	root.SetArgs(args)
	if _, err := root.ExecuteContextC(f.t.Context()); err != nil {
		f.t.Fatalf("sledge %v: %v", args, err)
	}
	if a.code != want {
		f.t.Fatalf("sledge %v: exit %d, want %d: %s", args, a.code, want, text.String())
	}
	return text.String()
}

func (f *field) says(text string, words ...string) {
	f.t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			f.t.Errorf("no %q in: %s", w, text)
		}
	}
}

// TestExpiredJob: after the job's date what is loaded can still be sealed, after a
// reboot, too; loads, and the unlock of a device that holds nothing, are refused.
func TestExpiredJob(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	f.now = f.now.AddDate(0, 0, 2)
	f.says(f.sledge(0, "status"), "(expired: nothing more can be loaded)",
		"next        sledge status --wrap-check FILE --disk 'bay*' --device dev (send FILE to the data centre, which tells an answer); or ask the data centre to extend the job, then sledge unlock --job NEW.dsse --disk",
		"\nthen        sledge seal --wrap-answer XXXXX-XXXXX --disk 'bay*' --device dev (their answer)\n")
	f.says(f.sledge(4, "load", "src"), "job has expired", "sledge job extend", "can be sealed")
	f.sledge(0, "lock")
	f.says(f.sledge(0, "status"), "next        sledge unlock --disk 'bay*' --device dev, then sledge status --disk 'bay*' --device dev (it names the steps to the seal); or ask")
	f.says(f.sledge(0, "unlock", "--code-file", "code"), "warning: the job has expired", "nothing more can be loaded")
	f.sledge(4, "load", "src")
	// The steps that status names, in their order.
	f.says(f.sledge(0, "status", "--wrap-check", "w"), "next        send ", "then        sledge seal --wrap-answer XXXXX-XXXXX")
	_, answer, _ := strings.Cut(f.sledge(0, "site", "check-wrap", "w"), "answer      ")
	f.sledge(0, "seal", "--wrap-answer", strings.Fields(answer)[0], "--label-out", "d.label")
	f.sledge(0, "extract", "back", "--label", "d.label")

	g := newField(t)
	g.now = g.now.AddDate(0, 0, 2)
	g.sledge(4, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	h := newField(t)
	h.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	h.now = h.now.AddDate(0, 0, 2)
	h.sledge(4, "unlock", "--code-file", "code")
}

// TestExtendedJob: the data centre extends a job that has expired, and the device,
// locked or not, goes on with it and with no earlier file.
func TestExtendedJob(t *testing.T) {
	for _, locked := range []bool{false, true} {
		f := newField(t)
		f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
		f.sledge(0, "load", "src")
		f.now = f.now.AddDate(0, 0, 2)
		if locked {
			f.sledge(0, "lock")
		}
		f.sledge(0, "job", "extend", "job.dsse", "--expires", "1h", "--out", "job2.dsse")
		f.sledge(0, "unlock", "--job", "job2.dsse", "--code-file", "code")
		f.write("src/b", "more")
		f.sledge(0, "load", "src")
		f.sledge(4, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
		f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label")
		f.says(f.sledge(0, "extract", "back", "--label", "d.label"), "extracted")
		if b, err := os.ReadFile("back/b"); err != nil || string(b) != "more" {
			t.Errorf("loaded after the extension: %q, %v", b, err)
		}
	}
}

// TestSealInStateLoading: a state that says "loading" does not block the seal; the
// disks tell whether anything is unfinished.
func TestSealInStateLoading(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	folder, err := vfs.OS("dev")
	if err != nil {
		t.Fatal(err)
	}
	defer vfs.Close(folder)
	d, err := firmware.Open(folder)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Apply(firmware.Event{Kind: firmware.EventLoadStart, Time: f.now}); err != nil {
		t.Fatal(err)
	}
	f.says(f.sledge(0, "status"), "state       loading")
	f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label")
	f.says(f.sledge(0, "status"), "state       sealed")
}

// TestExpiredBeforeLoad: of an unlocked device that holds nothing the next step after the
// job's date is the extension: neither a load nor the seal would be done.
func TestExpiredBeforeLoad(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.now = f.now.AddDate(0, 0, 2)
	f.says(f.sledge(0, "status"), "(expired: nothing more can be loaded)", "next        ask the data centre to extend the job, then sledge unlock --job NEW.dsse --disk")
	says := f.sledge(exitNotFound, "load", "src", "--abandon")
	f.says(says, "hint: no load is unfinished; what comes next: sledge status --disk")
	f.sledge(exitState, "seal", "--wrap-unchecked")
	f.sledge(0, "job", "extend", "job.dsse", "--expires", "1h", "--out", "job2.dsse")
	f.sledge(0, "unlock", "--job", "job2.dsse", "--code-file", "code")
	f.says(f.sledge(0, "status"), "next        sledge load DIR")
}
