package target

import (
	"slices"
	"strings"
)

const (
	// The names and forms of rclone, which takes an object without this mtime for
	// another version of its file: seconds since 1970 with a decimal point, st_mode in
	// octal, decimal ids. s3fs reads mtime, uid and gid, too, and its own mode is decimal.
	MetaRcloneMtime = "mtime"
	MetaRcloneMode  = "mode"
	MetaRcloneUID   = "uid"
	MetaRcloneGID   = "gid"
)

// describes reports whether an object's user metadata of this name is the import's own.
func describes(name string) bool {
	return strings.HasPrefix(name, "sledge-") || strings.HasPrefix(name, "file-") ||
		slices.Contains([]string{MetaRcloneMtime, MetaRcloneMode, MetaRcloneUID, MetaRcloneGID}, name)
}
