//go:build unix && !linux

package daemon

import (
	"os/exec"
	"syscall"
)

// OwnGroup puts a command into a process group of its own, so that Ctrl-C on the
// terminal does not reach it and a signal reaches all that it starts.
func OwnGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }
