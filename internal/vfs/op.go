package vfs

import "fmt"

// OpKind names an operation of FS or File, as errors do.
type OpKind string

// The operations. Those of the second group change the disk and are the ones
// that Mem numbers.
const (
	OpOpen    OpKind = "open"
	OpReadDir OpKind = "readdir"
	OpStat    OpKind = "stat"
	OpFree    OpKind = "free"
	OpRead    OpKind = "read"
	OpSize    OpKind = "size"
	OpDrop    OpKind = "dropcache"
	OpClose   OpKind = "close"
	OpLock    OpKind = "lock"
	OpXattr   OpKind = "xattr" // of a Tree

	OpCreate   OpKind = "create"
	OpRemove   OpKind = "remove"
	OpRename   OpKind = "rename"
	OpLink     OpKind = "link"
	OpMkdir    OpKind = "mkdir"
	OpSyncDir  OpKind = "syncdir"
	OpWrite    OpKind = "write"
	OpTruncate OpKind = "truncate"
	OpSync     OpKind = "sync"
	OpPunch    OpKind = "punch"
)

// Op is one operation that is about to change a Mem.
type Op struct {
	N       int64 // 1 for the first
	Kind    OpKind
	Name    string
	NewName string // rename, link
	Offset  int64  // write, punch; the new size for truncate
	Length  int64  // write, punch; the preallocation for create
}

func (o Op) String() string {
	s := fmt.Sprintf("op %d: %s %s", o.N, o.Kind, o.Name)
	if o.NewName != "" {
		s += " to " + o.NewName
	}
	if o.Length != 0 || o.Offset != 0 {
		s += fmt.Sprintf(" [%d,+%d)", o.Offset, o.Length)
	}
	return s
}
