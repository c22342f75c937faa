package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// ptyWait bounds what a test waits for. It is for a test that fails: a slow machine
// does not come near it.
const ptyWait = 20 * time.Minute // of what comes at once: below the package limit, so that a hang is told with what was there

// ptyEnded is on the terminal when its command has ended.
const ptyEnded = "\x00ended\x00"

// pty is a terminal with a command at it, and all that it has shown.
type pty struct {
	t      *testing.T
	master *os.File
	slave  *os.File // kept open, so that the settings outlive the command
	cmd    *exec.Cmd
	done   chan struct{} // closed when the command has ended; err is then why
	err    error

	mu    sync.Mutex
	shown []byte
	more  chan struct{} // has an element when shown has grown
}

// onTerminal starts a command as the leader of a session on a terminal of its own.
func onTerminal(t *testing.T, columns int, dir string, env []string, args ...string) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no terminal: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	n := 0
	onFile(t, master, func(fd int) error {
		err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
		if err == nil {
			n, err = unix.IoctlGetInt(fd, unix.TIOCGPTN)
		}
		return err
	})
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { slave.Close() })
	p := &pty{t: t, master: master, slave: slave, more: make(chan struct{}, 1), done: make(chan struct{}), cmd: exec.Command(args[0], args[1:]...)}
	p.resize(columns)
	p.cmd.Dir, p.cmd.Env = dir, append(os.Environ(), env...)
	p.cmd.Stdin, p.cmd.Stdout, p.cmd.Stderr = slave, slave, slave
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.cmd.Process.Kill() })
	go p.read()
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
		slave.WriteString(ptyEnded) // behind all that the command wrote; fails where the test has hung up
	}()
	return p
}

func (p *pty) resize(columns int) {
	p.t.Helper()
	onFile(p.t, p.master, func(fd int) error {
		return unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: uint16(columns)})
	})
}

// onFile calls f with a descriptor. File.Fd would make it one whose reads hold a Close.
func onFile(t *testing.T, file *os.File, f func(fd int) error) {
	t.Helper()
	raw, err := file.SyscallConn()
	if err == nil {
		var failed error
		err = raw.Control(func(fd uintptr) { failed = f(int(fd)) })
		err = errors.Join(err, failed)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (p *pty) read() {
	b := make([]byte, 4096)
	for {
		n, err := p.master.Read(b)
		p.mu.Lock()
		p.shown = append(p.shown, b[:n]...)
		p.mu.Unlock()
		select {
		case p.more <- struct{}{}:
		default:
		}
		if err != nil {
			return
		}
	}
}

// expect waits until a text is shown, and forgets all up to it.
func (p *pty) expect(text string) {
	p.t.Helper()
	late := time.After(ptyWait)
	for {
		p.mu.Lock()
		i := bytes.Index(p.shown, []byte(text))
		if i >= 0 {
			p.shown = p.shown[i+len(text):]
		}
		shown := string(p.shown)
		p.mu.Unlock()
		if i >= 0 {
			return
		}
		if said, ended := strings.CutSuffix(shown, ptyEnded); ended {
			p.t.Fatalf("the command ended and never showed %q, but %q", text, said)
		}
		select {
		case <-p.more:
		case <-late:
			p.t.Fatalf("the terminal never showed %q, but %q", text, shown)
		}
	}
}

func (p *pty) keys(s string) {
	p.t.Helper()
	if _, err := p.master.WriteString(s); err != nil {
		p.t.Fatal(err)
	}
}

// ends waits for the command's end and compares its exit code.
func (p *pty) ends(code int) {
	p.t.Helper()
	select {
	case <-p.done:
		var exit *exec.ExitError
		if p.err != nil && !errors.As(p.err, &exit) {
			p.t.Fatal(p.err)
		}
		if got := p.cmd.ProcessState.ExitCode(); got != code {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.t.Errorf("exit code %d, want %d: %s", got, code, p.shown)
		}
	case <-time.After(ptyWait):
		p.t.Fatal("the command did not end")
	}
}

// echo reports whether the terminal shows what is typed.
func (p *pty) echo(want bool) {
	p.t.Helper()
	var s *unix.Termios
	onFile(p.t, p.master, func(fd int) (err error) {
		s, err = unix.IoctlGetTermios(fd, unix.TCGETS)
		return err
	})
	if got := s.Lflag&unix.ECHO != 0; got != want {
		p.t.Errorf("echo %v, want %v", got, want)
	}
}

// terminalField is a device with its job, and how to call the command for it.
type terminalField struct {
	t   *testing.T
	dir string
	env []string
}

func newTerminalField(t *testing.T) *terminalField {
	t.Helper()
	shm, err := os.MkdirTemp("/dev/shm", "sledge-pty-")
	if err != nil {
		t.Skipf("no memory for secrets: %v", err)
	}
	t.Cleanup(func() { os.RemoveAll(shm) })
	dir := t.TempDir()
	f := &terminalField{t, dir, []string{"XDG_RUNTIME_DIR=" + shm, "SLEDGE_DEVICE=" + filepath.Join(dir, "dev"), "SLEDGE_SITE=" + filepath.Join(dir, "site"), "SLEDGE_DISKS="}}
	f.run("site", "init", "site", "--name", "Example")
	f.run("device", "init", "--trust", "site/signer.pub")
	for _, job := range []string{"job", "other"} {
		f.run("job", "create", "--device-key", "dev/device.pub", "--geometry", "2+1", "--target", "s3://bkt/x/", "--fips", "--out", job+".dsse", "--code-out", job+".code")
	}
	for _, name := range []string{"bay0", "bay1", "bay2"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f *terminalField) run(args ...string) string {
	f.t.Helper()
	cmd := exec.Command("sledge", args...)
	cmd.Dir, cmd.Env = f.dir, append(os.Environ(), f.env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		f.t.Fatalf("sledge %q: %v\n%s", args, err, out)
	}
	return string(out)
}

func (f *terminalField) read(name string) string {
	f.t.Helper()
	b, err := os.ReadFile(filepath.Join(f.dir, name))
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b)
}

// unlock asks for the code.
func (f *terminalField) unlock(t *testing.T) *pty {
	t.Helper()
	return onTerminal(t, 80, f.dir, f.env, "sledge", "unlock", "--job", "job.dsse", "--disk", "bay0,bay1,bay2", "--allow-shared")
}

const codeQuestion = "unlock code (not shown while you type): "

// TestPromptEnds: whatever asks the question for the code to end ends it at once,
// and the terminal shows again what is typed.
func TestPromptEnds(t *testing.T) {
	f := newTerminalField(t)
	for name, end := range map[string]func(p *pty){
		"Ctrl-C":         func(p *pty) { p.keys("\x03") },
		"Ctrl-C in text": func(p *pty) { p.keys("ABCDE-\x03") },
		"SIGTERM":        func(p *pty) { p.cmd.Process.Signal(unix.SIGTERM) },
		"SIGHUP":         func(p *pty) { p.cmd.Process.Signal(unix.SIGHUP) },
	} {
		if name == "SIGHUP" && signal.Ignored(unix.SIGHUP) {
			continue // by nohup, which holds for what it starts, too
		}
		t.Run(name, func(t *testing.T) {
			p := f.unlock(t)
			p.expect(codeQuestion)
			p.echo(false)
			end(p)
			p.ends(exitInterrupted)
			p.echo(true)
		})
	}
	t.Run("hang-up", func(t *testing.T) {
		p := f.unlock(t)
		p.expect(codeQuestion)
		p.slave.Close()
		p.master.Close()
		p.ends(exitInterrupted)
	})
	t.Run("end of input", func(t *testing.T) {
		p := f.unlock(t)
		p.expect(codeQuestion)
		p.keys("\x04")
		p.expect("error: no unlock code")
		p.ends(exitUsage)
		p.echo(true)
	})
}

// TestPromptTries: a mistyped code and a code of another job are tries, an empty
// line is none, and the third may be right.
func TestPromptTries(t *testing.T) {
	f := newTerminalField(t)
	right, other := codeOn(t, f.read("job.code")), codeOn(t, f.read("other.code"))
	p := f.unlock(t)
	p.expect("job     ")
	p.expect(codeQuestion)
	p.keys("AAAAA-AAAAA-AAAAA-AAAAA-AAAAA-0\n")
	p.expect("unlock code is mistyped")
	p.expect("2 tries left")
	p.expect(codeQuestion)
	p.keys("\n")
	p.expect(codeQuestion)
	p.keys(other + "\n")
	p.expect("wrong unlock code")
	p.expect("1 try left")
	p.expect(codeQuestion)
	p.echo(false)
	p.keys(right + "\n")
	p.expect("is unlocked for job")
	p.ends(exitDone)
	p.echo(true)

	p = f.unlock(t)
	for range codeTries {
		p.expect(codeQuestion)
		p.keys(other + "\n")
	}
	p.expect("error: job ")
	p.ends(exitKey)
	p.echo(true)
}

// TestPromptStops: a question that is stopped leaves the terminal as it was, and is
// asked again when the process goes on.
func TestPromptStops(t *testing.T) {
	f := newTerminalField(t)
	right := codeOn(t, f.read("job.code"))
	shell := `set -m; sledge unlock --job job.dsse --disk bay0,bay1,bay2 --allow-shared; echo "is stopped: $?"; read next; fg; echo "has ended: $?"`
	p := onTerminal(t, 80, f.dir, f.env, "bash", "-c", shell)
	p.expect(codeQuestion)
	p.keys("ABC\x1a")
	p.expect("is stopped: 147") // 128 + SIGSTOP
	p.echo(true)
	p.keys("\n")
	p.expect(codeQuestion)
	p.echo(false)
	p.keys(right + "\n")
	p.expect("has ended: 0")
	p.ends(0)
	p.echo(true)
}

// TestPromptQuits: Ctrl-\ at the question ends the process, and the terminal shows again
// what is typed.
func TestPromptQuits(t *testing.T) {
	f := newTerminalField(t)
	for range 10 { // the end and the next question were a race
		p := onTerminal(t, 80, f.dir, f.env, "bash", "-c", `set -m; sledge unlock --job job.dsse --disk bay0,bay1,bay2 --allow-shared; echo "has ended"`)
		p.expect(codeQuestion)
		p.echo(false)
		p.keys("\x1c")
		p.expect("has ended")
		p.ends(0)
		p.echo(true)
	}
}

// TestCodeFromPipe: a pipe that gives nothing does not hold a command that is stopped.
func TestCodeFromPipe(t *testing.T) {
	f := newTerminalField(t)
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	defer out.Close()
	for _, s := range []os.Signal{os.Interrupt, unix.SIGHUP} {
		cmd := exec.Command("sledge", "unlock", "--job", "job.dsse", "--disk", "bay0,bay1,bay2", "--allow-shared", "--json")
		cmd.Dir, cmd.Env, cmd.Stdin = f.dir, append(os.Environ(), f.env...), in
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		f.atWork(cmd.Process.Pid)
		cmd.Process.Signal(s)
		late := time.AfterFunc(ptyWait, func() { cmd.Process.Kill() })
		cmd.Wait()
		late.Stop()
		if got := cmd.ProcessState.ExitCode(); got != exitInterrupted {
			t.Errorf("%v: exit code %d", s, got)
		}
	}
}

// codeOn is the code on a sheet.
func codeOn(t *testing.T, sheet string) string {
	t.Helper()
	code := strings.TrimSpace(sheetCode(sheet))
	if len(code) != len("AAAAA-AAAAA-AAAAA-AAAAA-AAAAA-0") {
		t.Fatal("no code on the sheet")
	}
	return code
}

// TestHangupIgnored: a command that was started to outlive its terminal, as by nohup,
// does so.
func TestHangupIgnored(t *testing.T) {
	f := newTerminalField(t)
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	cmd := exec.Command("sh", "-c", "trap '' HUP; exec sledge unlock --job job.dsse --disk bay0,bay1,bay2 --allow-shared")
	cmd.Dir, cmd.Env, cmd.Stdin = f.dir, append(os.Environ(), f.env...), in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f.atWork(cmd.Process.Pid)
	cmd.Process.Signal(unix.SIGHUP)
	out.Close() // an empty answer
	late := time.AfterFunc(ptyWait, func() { cmd.Process.Kill() })
	cmd.Wait()
	late.Stop()
	if got := cmd.ProcessState.ExitCode(); got != exitUsage {
		t.Errorf("exit code %d", got)
	}
}

// atWork waits until a command has the device.
func (f *terminalField) atWork(pid int) {
	f.t.Helper()
	want := fmt.Sprintf("process %d\n", pid)
	for end := time.Now().Add(ptyWait); time.Now().Before(end); time.Sleep(time.Millisecond) {
		b, err := os.ReadFile(filepath.Join(f.dir, "dev", "lock"))
		if err == nil && string(b) == want {
			return
		}
	}
	f.t.Fatal("the command never had the device")
}
