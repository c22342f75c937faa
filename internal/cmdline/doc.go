// Package cmdline has what our programs' command lines share, whatever reads the flags: which
// arguments a verb takes, flags that are given and empty, the answer in JSON, errors in lines,
// and a small reader of flags for a program that must not link a large one.
//
// It decides no exit code, knows no verb and opens nothing. It may import advice and the
// terminal's texts.
package cmdline
