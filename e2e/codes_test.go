package e2e

// The program's exit codes, as docs/exit-codes.md has them.
const (
	exitUnexpected = 1
	exitUsage      = 2
	exitKey        = 3
	exitJob        = 4
	exitState      = 5
	exitDisks      = 6
	exitLost       = 7
	exitDamage     = 8
	exitUnproven   = 9
	exitRefused    = 10
	exitSource     = 11
	exitTarget     = 12
	exitObjects    = 13
	exitConflict   = 14
	exitDiskFailed = 16
	exitWrap       = 17
	exitBusy       = 18
	exitNotFound   = 19
)
