package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/files"
)

// syscallInfo is what PTRACE_GET_SYSCALL_INFO tells where a system call begins.
type syscallInfo struct {
	op   uint8 // 1: a call begins
	_    [23]byte
	nr   uint64
	args [6]uint64
	_    [24]byte
}

// diskCalls runs a command and lists the calls by which it makes things in a folder
// durable, in their order: "sync NAME" for each fsync, "link NAME" and "rename NAME" by
// the new name. Names are last elements, without a temporary name's random letters.
func diskCalls(t *testing.T, folder string, cmd *exec.Cmd) (calls []string) {
	t.Helper()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true}
	if err := cmd.Start(); err != nil {
		t.Skipf("no process may be traced here: %v", err)
	}
	main := cmd.Process.Pid
	var ws unix.WaitStatus
	if _, err := unix.Wait4(main, &ws, 0, nil); err != nil {
		t.Fatal(err)
	}
	if err := unix.PtraceSetOptions(main, unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_EXITKILL); err != nil {
		t.Skipf("no process may be traced here: %v", err)
	}
	seen := map[int]bool{main: true}
	for pid, signal := main, 0; ; {
		if err := unix.PtraceSyscall(pid, signal); err != nil && err != unix.ESRCH {
			t.Fatal(err)
		}
		var err error
		if pid, err = unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil); err != nil {
			t.Fatal(err)
		}
		for !ws.Stopped() {
			if pid == main {
				if ws.ExitStatus() != 0 {
					t.Fatalf("%v ended with %d", cmd.Args, ws.ExitStatus())
				}
				return calls
			}
			if pid, err = unix.Wait4(-1, &ws, unix.WALL|unix.WNOTHREAD, nil); err != nil {
				t.Fatal(err)
			}
		}
		signal = 0
		switch stop := ws.StopSignal(); {
		case stop == unix.SIGTRAP|0x80:
			if verb, path := diskCall(pid); path == folder || filepath.Dir(path) == folder {
				calls = append(calls, verb+" "+plainName(path))
			}
		case stop != unix.SIGTRAP && seen[pid]:
			signal = int(stop)
		}
		seen[pid] = true
	}
}

// diskCall gives the call that a thread begins and the file that it is about.
func diskCall(pid int) (verb, path string) {
	var info syscallInfo
	if _, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(pid), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0); errno != 0 || info.op != 1 {
		return "", ""
	}
	switch info.nr {
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		path, _ := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", pid, info.args[0]))
		return "sync", path
	case unix.SYS_LINKAT:
		verb = "link"
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		verb = "rename"
	default:
		return "", ""
	}
	text := make([]byte, unix.PathMax)
	n, _ := unix.PtracePeekData(pid, uintptr(info.args[3]), text)
	path, _, _ = strings.Cut(string(text[:n]), "\x00")
	return verb, path
}

func plainName(path string) string {
	name := filepath.Base(path)
	if first, _, _ := strings.Cut(name, "."); strings.HasSuffix(name, ".tmp") {
		return first + ".tmp"
	}
	return name
}

// TestNewFileIsSynced: what a command leaves for the carrier, as the label, is on the
// disk when it ends: the content before the name, and the name.
func TestNewFileIsSynced(t *testing.T) {
	if name := os.Getenv("SLEDGE_TEST_NEW_FILE"); name != "" {
		if err := files.WriteNew(name, []byte("label"), false); err != nil {
			t.Fatal(err)
		}
		return
	}
	folder := filepath.Join(t.TempDir(), "out")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(folder, "label")
	cmd := exec.Command(os.Args[0], "-test.run=^TestNewFileIsSynced$")
	cmd.Env = append(os.Environ(), "SLEDGE_TEST_NEW_FILE="+name)
	got := diskCalls(t, folder, cmd)
	if want := []string{"sync label.tmp", "link label", "sync out"}; !slices.Equal(got, want) {
		t.Errorf("calls %q, want %q", got, want)
	}
	if text, err := os.ReadFile(name); err != nil || string(text) != "label" {
		t.Errorf("%q, %v", text, err)
	}
}
