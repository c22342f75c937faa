package firmware

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// OpenSecrets returns the store in $XDG_RUNTIME_DIR, or in /dev/shm. A folder
// that is not memory is ErrUnsafeSecret; there is no way to ask for one on a disk.
func OpenSecrets() (*Secrets, error) {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	if dir == "" {
		dir = "/dev/shm"
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("boot id: %w", err)
	}
	return openSecrets(dir, strings.TrimSpace(string(boot)))
}

func openSecrets(dir, boot string) (*Secrets, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return nil, fmt.Errorf("%s: %w: %w", dir, ErrUnsafeSecret, err)
	}
	if kind := uint32(st.Type); kind != unix.TMPFS_MAGIC && kind != unix.RAMFS_MAGIC {
		return nil, fmt.Errorf("%s is not tmpfs or ramfs (file system type %#x): %w", dir, kind, ErrUnsafeSecret)
	}
	return &Secrets{dir: dir, boot: boot}, nil
}

// Put keeps a secret until Remove or the next start of the machine. An older one
// of the device is replaced, if it is ours.
func (s *Secrets) Put(secret Secret) error {
	b, err := s.encode(secret)
	if err != nil {
		return err
	}
	defer clear(b)
	if err := s.Remove(secret.Device); err != nil {
		return err
	}
	name := filepath.Join(s.dir, secretName(secret.Device))
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return fmt.Errorf("load key: %w: %w", ErrUnsafeSecret, err)
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("load key: %w", err), os.Remove(name))
	}
	return nil
}

// Get returns the device's secret. None is ErrNoSecret; so is one of an earlier
// start, which is removed. A file that others own, can read, or have linked is
// ErrUnsafeSecret.
func (s *Secrets) Get(device ID) (Secret, error) {
	f, err := s.open(device, os.O_RDONLY)
	if err != nil {
		return Secret{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret))
	defer clear(b)
	if err != nil {
		return Secret{}, fmt.Errorf("load key: %w", err)
	}
	secret, err := s.decode(b, device)
	if errors.Is(err, ErrNoSecret) {
		return Secret{}, errors.Join(err, s.Remove(device))
	}
	if err != nil {
		return Secret{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return secret, nil
}

// Remove overwrites and removes the device's secret. None is no error.
func (s *Secrets) Remove(device ID) error {
	f, err := s.open(device, os.O_WRONLY)
	if errors.Is(err, ErrNoSecret) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(bytes.Repeat([]byte{0}, int(min(info.Size(), maxSecret))))
	}
	return errors.Join(err, f.Close(), os.Remove(f.Name()))
}

// open opens the device's file and checks that it is a file of ours alone.
func (s *Secrets) open(device ID, flag int) (*os.File, error) {
	name := filepath.Join(s.dir, secretName(device))
	f, err := os.OpenFile(name, flag|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoSecret
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w: %w", name, ErrUnsafeSecret, err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if st.Mode != unix.S_IFREG|0o600 || int(st.Uid) != os.Geteuid() || st.Nlink != 1 {
		f.Close()
		return nil, fmt.Errorf("%s is not a file of mode 0600 that is yours alone: %w", name, ErrUnsafeSecret)
	}
	return f, nil
}

// HardenProcess forbids core dumps and other processes' reading of this one's
// memory (PR_SET_DUMPABLE 0, RLIMIT_CORE 0). It is called before any secret is read.
func HardenProcess() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	return nil
}

// SwapInUse tells whether the machine has swap on a disk, where memory, and so
// a secret, may end up. Compressed memory (zram) does not count.
func SwapInUse() bool {
	b, err := os.ReadFile("/proc/swaps")
	if err != nil {
		return false
	}
	for i, line := range strings.Split(strings.TrimSpace(string(b)), "\n") {
		if i > 0 && !strings.HasPrefix(line, "/dev/zram") {
			return true
		}
	}
	return false
}
