package main

import "testing"

// TestNoSecret: every verb that needs the load key says, in the states that have none,
// why it does nothing and what to do.
func TestNoSecret(t *testing.T) {
	verbs := [][]string{
		{"seal"}, {"seal", "--wrap-unchecked"}, {"scrub", "--read-back"}, {"load", "src"}, {"load", "src", "--abandon"}, {"status", "--wrap-check", "w"},
	}
	f := newField(t)
	for _, v := range verbs {
		f.says(f.sledge(exitState, v...), "device is provisioned", "sledge unlock --job job.dsse")
	}
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label")
	for _, v := range verbs[2:] {
		f.says(f.sledge(exitState, v...), "device is sealed", "ship the disks")
	}
}
