package daemon

import (
	"os/exec"
	"syscall"
)

// OwnGroup puts a command into a process group of its own, so that Ctrl-C on the
// terminal does not reach it and a signal reaches all that it starts. It ends with
// the thread that started it: a goroutine that is locked to its thread, and ends,
// must not start it.
func OwnGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
