package slowfs

import "github.com/hanwen/go-fuse/v2/fuse"

// slowRaw waits before each call that somebody waits for. What is left out here
// (forgets and releases) no caller waits for.
type slowRaw struct {
	fuse.RawFileSystem
	fs *FS
}

// call waits, then makes the call.
func (r *slowRaw) call(cancel <-chan struct{}, name string, node uint64, content bool, f func() fuse.Status) fuse.Status {
	done, status := r.fs.wait(cancel, name, node, content)
	defer done()
	if status != fuse.OK {
		return status
	}
	return f()
}

// entered notes which file of the source a node is. A file that is stalled is not
// even found.
func (r *slowRaw) entered(cancel <-chan struct{}, out *fuse.EntryOut, status fuse.Status) fuse.Status {
	if status != fuse.OK {
		return status
	}
	f := r.fs
	f.mu.Lock()
	f.inodes[out.NodeId] = out.Attr.Ino
	s := f.stall
	f.mu.Unlock()
	return f.hang(cancel, s, out.Attr.Ino, false)
}

func (r *slowRaw) Lookup(cancel <-chan struct{}, input *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	status := r.call(cancel, "lookup", input.NodeId, false, func() fuse.Status { return r.RawFileSystem.Lookup(cancel, input, name, out) })
	return r.entered(cancel, out, status)
}

func (r *slowRaw) Create(cancel <-chan struct{}, input *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	status := r.call(cancel, "create", input.NodeId, false, func() fuse.Status {
		return r.opened(&out.OpenOut, r.RawFileSystem.Create(cancel, input, name, out))
	})
	return r.entered(cancel, &out.EntryOut, status)
}

func (r *slowRaw) Read(cancel <-chan struct{}, input *fuse.ReadIn, buf []byte) (res fuse.ReadResult, status fuse.Status) {
	status = r.call(cancel, "read", input.NodeId, true, func() (status fuse.Status) {
		if r.head(cancel, input) != nil {
			return fuse.ENODEV
		}
		res, status = r.RawFileSystem.Read(cancel, input, buf)
		return status
	})
	return res, status
}

// head makes the access of a read, as far as the file goes: for what lies beyond its
// end no disk moves.
func (r *slowRaw) head(cancel <-chan struct{}, input *fuse.ReadIn) error {
	if r.fs.disk == nil {
		return nil
	}
	from, n := int64(input.Offset), int64(input.Size)
	var out fuse.AttrOut
	if r.RawFileSystem.GetAttr(cancel, &fuse.GetAttrIn{InHeader: input.InHeader}, &out) == fuse.OK {
		n = min(n, int64(out.Size)-from)
	}
	if n <= 0 {
		return nil
	}
	return r.fs.disk.access(r.fs.ctx, input.NodeId, from, n, false)
}

func (r *slowRaw) Write(cancel <-chan struct{}, input *fuse.WriteIn, data []byte) (n uint32, status fuse.Status) {
	return r.Writev(cancel, input, [][]byte{data})
}

func (r *slowRaw) Writev(cancel <-chan struct{}, input *fuse.WriteIn, data [][]byte) (n uint32, status fuse.Status) {
	status = r.call(cancel, "write", input.NodeId, true, func() (status fuse.Status) {
		if r.fs.disk.access(r.fs.ctx, input.NodeId, int64(input.Offset), int64(input.Size), true) != nil {
			return fuse.ENODEV
		}
		n, status = r.RawFileSystem.Writev(cancel, input, data)
		return status
	})
	return n, status
}

// Fsync is an access elsewhere: the file system's own records.
func (r *slowRaw) Fsync(cancel <-chan struct{}, input *fuse.FsyncIn) fuse.Status {
	return r.call(cancel, "fsync", input.NodeId, true, func() fuse.Status {
		if r.fs.disk.access(r.fs.ctx, elsewhere, 0, 0, false) != nil {
			return fuse.ENODEV
		}
		return r.RawFileSystem.Fsync(cancel, input)
	})
}

func (r *slowRaw) Readlink(cancel <-chan struct{}, input *fuse.InHeader) (out []byte, status fuse.Status) {
	status = r.call(cancel, "readlink", input.NodeId, true, func() (status fuse.Status) {
		out, status = r.RawFileSystem.Readlink(cancel, input)
		return status
	})
	return out, status
}

func (r *slowRaw) GetXAttr(cancel <-chan struct{}, input *fuse.InHeader, name string, dest []byte) (n uint32, status fuse.Status) {
	status = r.call(cancel, "getxattr", input.NodeId, true, func() (status fuse.Status) {
		n, status = r.RawFileSystem.GetXAttr(cancel, input, name, dest)
		return status
	})
	return n, status
}

func (r *slowRaw) ListXAttr(cancel <-chan struct{}, input *fuse.InHeader, dest []byte) (n uint32, status fuse.Status) {
	status = r.call(cancel, "listxattr", input.NodeId, true, func() (status fuse.Status) {
		n, status = r.RawFileSystem.ListXAttr(cancel, input, dest)
		return status
	})
	return n, status
}

func (r *slowRaw) GetAttr(cancel <-chan struct{}, input *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	return r.call(cancel, "getattr", input.NodeId, false, func() fuse.Status { return r.RawFileSystem.GetAttr(cancel, input, out) })
}

func (r *slowRaw) SetAttr(cancel <-chan struct{}, input *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	return r.call(cancel, "setattr", input.NodeId, false, func() fuse.Status { return r.RawFileSystem.SetAttr(cancel, input, out) })
}

func (r *slowRaw) Access(cancel <-chan struct{}, input *fuse.AccessIn) fuse.Status {
	return r.call(cancel, "access", input.NodeId, false, func() fuse.Status { return r.RawFileSystem.Access(cancel, input) })
}

// Open and Create of a hard disk let its head see every access: none is served by
// the cache, and several writes to a file are under way at once.
func (r *slowRaw) opened(out *fuse.OpenOut, status fuse.Status) fuse.Status {
	if r.fs.disk != nil {
		out.OpenFlags |= fuse.FOPEN_DIRECT_IO | fuse.FOPEN_PARALLEL_DIRECT_WRITES
	}
	return status
}

func (r *slowRaw) Open(cancel <-chan struct{}, input *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	return r.call(cancel, "open", input.NodeId, true, func() fuse.Status { return r.opened(out, r.RawFileSystem.Open(cancel, input, out)) })
}

func (r *slowRaw) Lseek(cancel <-chan struct{}, input *fuse.LseekIn, out *fuse.LseekOut) fuse.Status {
	return r.call(cancel, "lseek", input.NodeId, true, func() fuse.Status { return r.RawFileSystem.Lseek(cancel, input, out) })
}

func (r *slowRaw) Flush(cancel <-chan struct{}, input *fuse.FlushIn) fuse.Status {
	return r.call(cancel, "flush", input.NodeId, true, func() fuse.Status { return r.RawFileSystem.Flush(cancel, input) })
}

func (r *slowRaw) Fallocate(cancel <-chan struct{}, input *fuse.FallocateIn) fuse.Status {
	return r.call(cancel, "fallocate", input.NodeId, true, func() fuse.Status { return r.RawFileSystem.Fallocate(cancel, input) })
}

func (r *slowRaw) OpenDir(cancel <-chan struct{}, input *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	return r.call(cancel, "opendir", input.NodeId, true, func() fuse.Status { return r.RawFileSystem.OpenDir(cancel, input, out) })
}

func (r *slowRaw) ReadDir(cancel <-chan struct{}, input *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	return r.call(cancel, "readdir", input.NodeId, true, func() fuse.Status { return r.RawFileSystem.ReadDir(cancel, input, out) })
}

func (r *slowRaw) FsyncDir(cancel <-chan struct{}, input *fuse.FsyncIn) fuse.Status {
	return r.call(cancel, "fsyncdir", input.NodeId, true, func() fuse.Status { return r.RawFileSystem.FsyncDir(cancel, input) })
}

func (r *slowRaw) StatFs(cancel <-chan struct{}, input *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	return r.call(cancel, "statfs", input.NodeId, false, func() fuse.Status { return r.RawFileSystem.StatFs(cancel, input, out) })
}

func (r *slowRaw) Statx(cancel <-chan struct{}, input *fuse.StatxIn, out *fuse.StatxOut) fuse.Status {
	return r.call(cancel, "statx", input.NodeId, false, func() fuse.Status { return r.RawFileSystem.Statx(cancel, input, out) })
}

func (r *slowRaw) Mkdir(cancel <-chan struct{}, input *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return r.call(cancel, "mkdir", input.NodeId, false, func() fuse.Status { return r.RawFileSystem.Mkdir(cancel, input, name, out) })
}

func (r *slowRaw) Unlink(cancel <-chan struct{}, input *fuse.InHeader, name string) fuse.Status {
	return r.call(cancel, "unlink", input.NodeId, false, func() fuse.Status { return r.RawFileSystem.Unlink(cancel, input, name) })
}

func (r *slowRaw) Rmdir(cancel <-chan struct{}, input *fuse.InHeader, name string) fuse.Status {
	return r.call(cancel, "rmdir", input.NodeId, false, func() fuse.Status { return r.RawFileSystem.Rmdir(cancel, input, name) })
}

func (r *slowRaw) Rename(cancel <-chan struct{}, input *fuse.RenameIn, from, to string) fuse.Status {
	return r.call(cancel, "rename", input.NodeId, false, func() fuse.Status { return r.RawFileSystem.Rename(cancel, input, from, to) })
}

func (r *slowRaw) Link(cancel <-chan struct{}, input *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	return r.call(cancel, "link", input.NodeId, false, func() fuse.Status { return r.RawFileSystem.Link(cancel, input, name, out) })
}
