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

// OpenSecrets returns the places in memory that are looked at for a device's load key:
// those that the device remembers of this start of the machine, then $XDG_RUNTIME_DIR,
// /dev/shm and the user's folder below /run/user. [Secrets.Put] puts it into the
// second kind: $XDG_RUNTIME_DIR, or /dev/shm.
func OpenSecrets(r Record) (*Secrets, error) {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return nil, fmt.Errorf("boot id: %w", err)
	}
	const shared = "/dev/shm"
	own := os.Getenv("XDG_RUNTIME_DIR")
	if own == "" {
		own = shared
	}
	if own, err = filepath.Abs(own); err != nil {
		return nil, err
	}
	return newSecrets(own, strings.TrimSpace(string(boot)), r, shared, fmt.Sprintf("/run/user/%d", os.Getuid())), nil
}

// newSecrets looks into others, too, but puts nothing there.
func newSecrets(own, boot string, r Record, others ...string) *Secrets {
	s := &Secrets{dir: own, boot: boot}
	for _, p := range r.SecretPlaces.of(boot) {
		s.look = append(s.look, p.Dir)
	}
	s.look = append(append(s.look, own), others...)
	return s
}

// Usable is ErrUnsafeSecret where Put's folder is not memory; there is no way to ask
// for one on a disk.
func (s *Secrets) Usable() error { return inMemory(s.dir) }

func inMemory(dir string) error {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fmt.Errorf("%s: %w: %w", dir, ErrUnsafeSecret, err)
	}
	if kind := uint32(st.Type); kind != unix.TMPFS_MAGIC && kind != unix.RAMFS_MAGIC {
		return fmt.Errorf("%s is not tmpfs or ramfs (file system type %#x): %w", dir, kind, ErrUnsafeSecret)
	}
	return nil
}

// place is Put's folder.
func (s *Secrets) place() (SecretPlace, error) {
	if err := s.Usable(); err != nil {
		return SecretPlace{}, err
	}
	return placeOf(s.dir)
}

func placeOf(dir string) (SecretPlace, error) {
	var st unix.Stat_t
	if err := unix.Stat(dir, &st); err != nil {
		return SecretPlace{}, fmt.Errorf("%s: %w", dir, err)
	}
	namespace, err := mountNamespace()
	return SecretPlace{dir, uint64(st.Dev), namespace}, err
}

func mountNamespace() (string, error) {
	name, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return "", fmt.Errorf("mount namespace: %w", err)
	}
	return name, nil
}

// folders are the places to look at that are memory, each once.
func (s *Secrets) folders() (dirs []string) {
	seen := map[[2]uint64]bool{}
	for _, dir := range s.look {
		var st unix.Stat_t
		if inMemory(dir) != nil || unix.Stat(dir, &st) != nil || seen[[2]uint64{uint64(st.Dev), st.Ino}] {
			continue
		}
		seen[[2]uint64{uint64(st.Dev), st.Ino}] = true
		dirs = append(dirs, dir)
	}
	return dirs
}

// Put keeps a secret until [Device.ForgetSecret] or the next start of the machine. The
// device remembers the place before ([Device.NoteSecretPlace]). Older ones of the
// device are removed, if they are ours.
func (s *Secrets) Put(secret Secret) error {
	b, err := s.encode(secret)
	if err != nil {
		return err
	}
	defer clear(b)
	if err := s.Usable(); err != nil {
		return err
	}
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
// ErrUnsafeSecret, unless another place has a good one.
func (s *Secrets) Get(device ID) (Secret, error) {
	var unsafe []error
	for _, dir := range s.folders() {
		secret, err := s.get(dir, device)
		if err == nil {
			return secret, nil
		}
		if !errors.Is(err, ErrNoSecret) || errors.Is(err, ErrUnsafeSecret) {
			unsafe = append(unsafe, err)
		}
	}
	if len(unsafe) > 0 {
		return Secret{}, errors.Join(unsafe...)
	}
	return Secret{}, ErrNoSecret
}

func (s *Secrets) get(dir string, device ID) (Secret, error) {
	f, err := open(dir, device, os.O_RDONLY)
	if err != nil {
		return Secret{}, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret))
	defer clear(b)
	if err != nil {
		return Secret{}, fmt.Errorf("load key: %w", err)
	}
	if len(b) == 0 { // erased
		return Secret{}, ErrNoSecret
	}
	secret, err := s.decode(b, device)
	if errors.Is(err, ErrNoSecret) {
		return Secret{}, errors.Join(err, erase(dir, device), sweep(dir, device))
	}
	if err != nil {
		return Secret{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return secret, nil
}

// Remove overwrites and removes the device's secret in every place. None is no error:
// see [Device.ForgetSecret] for who has to know.
func (s *Secrets) Remove(device ID) error {
	_, _, err := s.erase(nil, device)
	return errors.Join(err, s.Sweep(device))
}

// erase overwrites the secret in every place and leaves empty files there. It counts
// them, and tells the remembered places that this process cannot judge: another file
// system is there, and theirs is of another view of the mounts, or still mounted.
func (s *Secrets) erase(remembered []SecretPlace, device ID) (found int, unseen []SecretPlace, err error) {
	var errs []error
	for _, dir := range s.folders() {
		switch err := erase(dir, device); {
		case err == nil:
			found++
		case !errors.Is(err, ErrNoSecret):
			errs = append(errs, err)
		}
	}
	namespace, err := mountNamespace()
	if err != nil {
		return found, remembered, errors.Join(append(errs, err)...)
	}
	for _, p := range remembered {
		now, err := placeOf(p.Dir)
		if err == nil && now.FS == p.FS {
			continue // it was looked at
		}
		if p.Namespace != namespace || mounted(p.FS) { // elsewhere, or below another mount
			unseen = append(unseen, p)
		}
	}
	return found, unseen, errors.Join(errs...)
}

// mounted tells whether a file system is mounted anywhere in this process's view. What
// cannot be told counts as mounted.
func mounted(fs uint64) bool {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return true
	}
	number := fmt.Sprintf(" %d:%d ", unix.Major(fs), unix.Minor(fs))
	return strings.Contains(string(text), number)
}

// erase overwrites one copy and makes it empty.
func erase(dir string, device ID) error {
	f, err := open(dir, device, os.O_WRONLY)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(bytes.Repeat([]byte{0}, int(min(info.Size(), maxSecret))))
	}
	if err == nil {
		err = f.Truncate(0)
	}
	return errors.Join(err, f.Close())
}

// Sweep removes the empty files that were secrets.
func (s *Secrets) Sweep(device ID) error {
	var errs []error
	for _, dir := range s.folders() {
		errs = append(errs, sweep(dir, device))
	}
	return errors.Join(errs...)
}

// sweep removes an erased copy.
func sweep(dir string, device ID) error {
	f, err := open(dir, device, os.O_RDONLY)
	if errors.Is(err, ErrNoSecret) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || info.Size() > 0 {
		return err
	}
	return os.Remove(f.Name())
}

// open opens the device's file and checks that it is a file of ours alone.
func open(dir string, device ID, flag int) (*os.File, error) {
	name := filepath.Join(dir, secretName(device))
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
