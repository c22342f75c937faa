"""A folder shown as a disk that says yes to every write and keeps only so many
bytes of its shards: counterfeit.py forget|wrap BYTES REAL MOUNTPOINT

forget: what is written after them reads as zeros.
wrap:   what is written after them is stored over the first ones, as where the
        firmware of a small disk has been made to claim a large one."""
import os
import sys
import threading

try:
    from fusepy import FUSE, Operations
except ImportError:
    from fuse import FUSE, Operations

kind, limit, real = sys.argv[1], int(sys.argv[2]), os.path.realpath(sys.argv[3])
STAT = ("st_atime", "st_blocks", "st_ctime", "st_gid", "st_ino", "st_mode", "st_mtime", "st_nlink", "st_size", "st_uid")


class Disk(Operations):
    def __init__(self):
        self.lock, self.used, self.stored = threading.Lock(), 0, []

    def getattr(self, path, fh=None):
        st = os.lstat(real + path)
        return {name: getattr(st, name) for name in STAT}

    def access(self, path, mode):
        return 0

    def readdir(self, path, fh):
        return [".", ".."] + os.listdir(real + path)

    def statfs(self, path):
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": 1 << 20, "f_bfree": 1 << 19, "f_bavail": 1 << 19, "f_files": 1 << 20, "f_ffree": 1 << 19, "f_namemax": 255}

    def mkdir(self, path, mode):
        os.mkdir(real + path, mode)

    def rmdir(self, path):
        os.rmdir(real + path)

    def unlink(self, path):
        os.unlink(real + path)

    def rename(self, old, new):
        os.rename(real + old, real + new)

    def link(self, new, old):
        os.link(real + old, real + new)

    def chmod(self, path, mode):
        os.chmod(real + path, mode)

    def utimens(self, path, times=None):
        os.utime(real + path, times)

    def truncate(self, path, size, fh=None):
        os.truncate(real + path, size)

    def open(self, path, flags):
        return os.open(real + path, flags & (os.O_RDONLY | os.O_RDWR | os.O_WRONLY))

    def create(self, path, mode, fi=None):
        return os.open(real + path, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode)

    def release(self, path, fh):
        os.close(fh)

    def read(self, path, size, offset, fh):
        return os.pread(fh, size, offset)

    def write(self, path, data, offset, fh):
        if path.endswith(".shard"):
            with self.lock:
                data = self.keep(path, bytes(data), offset)
        return os.pwrite(fh, data, offset)

    def keep(self, path, data, offset):
        at, self.used = self.used, self.used + len(data)
        if kind == "forget":
            return data if self.used <= limit else bytes(len(data))
        over = at - limit  # where what it is stored over was written
        for old, begin, length, place in self.stored:
            start, end = max(begin, over), min(begin + length, over + len(data))
            if start < end and os.path.exists(real + old):
                with open(real + old, "r+b") as f:
                    f.seek(place + start - begin)
                    f.write(data[start - over : end - over])
        self.stored.append((path, at, len(data), offset))
        return data

    def flush(self, path, fh):
        return 0

    def fsync(self, path, datasync, fh):
        return 0

    def fsyncdir(self, path, datasync, fh):
        return 0


FUSE(Disk(), sys.argv[4], foreground=True, big_writes=True, max_write=131072)
