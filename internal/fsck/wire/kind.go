package wire

// Kinds of record (format.md 7.2).
const (
	KindFile         = 1
	KindDirectory    = 2
	KindSymlink      = 3
	KindHardLink     = 4
	KindSkipped      = 5
	KindContinuation = 6
	KindWithdrawn    = 7
)

// KindNames are for counts of what was left out.
var KindNames = map[uint64]string{KindFile: "file", KindDirectory: "directory", KindSymlink: "symlink", KindHardLink: "hard link", KindSkipped: "skipped"}
