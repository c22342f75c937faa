package s3test

import "syscall"

// dieWithParent ends the server with the test binary, however that ends.
//
// The signal comes when the thread ends that started the server, so a goroutine
// that is locked to its thread must not call New.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
