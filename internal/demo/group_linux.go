package main

import "syscall"

// ownGroup puts a process into its own group and ends it with the demonstration,
// however that ends.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
