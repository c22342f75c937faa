package firmware

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

// unlockedIn is a device whose load key was put into one folder in memory.
func unlockedIn(t *testing.T, dir string) (*Device, vfs.FS) {
	t.Helper()
	fsys := vfs.NewMem(vfs.MemOptions{})
	d := provision(t, fsys)
	apply(t, d, adoptEvent(1, 1, "job"), event(EventUnlock))
	put(t, d, newSecrets(dir, "boot-1", d.Record()))
	return d, fsys
}

func put(t *testing.T, d *Device, s *Secrets) {
	t.Helper()
	if err := s.Usable(); err != nil {
		t.Skip(err)
	}
	if err := d.NoteSecretPlace(s); err != nil {
		t.Fatal(err)
	}
	secret := testSecret()
	secret.Device = d.ID()
	if err := s.Put(secret); err != nil {
		t.Fatal(err)
	}
}

func secretFiles(t *testing.T, dirs ...string) (names []string) {
	t.Helper()
	for _, dir := range dirs {
		list, err := filepath.Glob(filepath.Join(dir, "*.secret"))
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, list...)
	}
	return names
}

// A key that was put into one session's folder is found and removed from another's.
func TestSecretOfAnotherSession(t *testing.T) {
	one, two := memoryDir(t), memoryDir(t)
	_, fsys := unlockedIn(t, one)
	d, err := Open(fsys) // the other session's command
	if err != nil {
		t.Fatal(err)
	}
	other := newSecrets(two, "boot-1", d.Record())
	if got, err := other.Get(d.ID()); err != nil || len(got.Key) != 32 {
		t.Fatalf("the other session's key: %v", err)
	}
	put(t, d, other)
	if names := secretFiles(t, one, two); len(names) != 1 || filepath.Dir(names[0]) != two {
		t.Errorf("after a second unlock: %v", names)
	}
	if err := d.ForgetSecret(newSecrets(one, "boot-1", d.Record())); err != nil {
		t.Fatal(err)
	}
	for _, name := range secretFiles(t, one, two) {
		if b, _ := os.ReadFile(name); len(b) > 0 {
			t.Errorf("%s still has %d bytes", name, len(b))
		}
	}
	if d.Record().SecretPlaces != nil {
		t.Errorf("places are remembered: %+v", d.Record().SecretPlaces)
	}
}

// What cannot be found is not told as gone: the machine runs since the key was put there.
func TestSecretNotFound(t *testing.T) {
	dir := memoryDir(t)
	d, _ := unlockedIn(t, dir)
	for _, name := range secretFiles(t, dir) {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.ForgetSecret(newSecrets(memoryDir(t), "boot-1", d.Record())); !errors.Is(err, ErrSecretElsewhere) {
		t.Errorf("forgotten: %v", err)
	}
	if err := d.ForgetSecret(newSecrets(dir, "boot-2", d.Record())); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

// A folder of another view of the mounts is not the folder here.
func TestSecretOfAnotherNamespace(t *testing.T) {
	dir := memoryDir(t)
	d, _ := unlockedIn(t, dir)
	r := d.record.clone()
	r.SecretPlaces.Places = append(r.SecretPlaces.Places, SecretPlace{dir, 1 << 40, "mnt:[1]"})
	if err := d.write(r); err != nil {
		t.Fatal(err)
	}
	if err := d.ForgetSecret(newSecrets(dir, "boot-1", d.Record())); !errors.Is(err, ErrSecretElsewhere) {
		t.Errorf("forgotten: %v", err)
	}
	if names := secretFiles(t, dir); len(names) == 1 {
		if b, _ := os.ReadFile(names[0]); len(b) > 0 {
			t.Error("the copy that is seen is still there")
		}
	}
}

// Power fails, or the command is killed, between the key's end and the state: the same
// command goes on.
func TestForgetSecretAgain(t *testing.T) {
	dir := memoryDir(t)
	d, _ := unlockedIn(t, dir)
	s := newSecrets(dir, "boot-1", d.Record())
	if found, _, err := s.erase(nil, d.ID()); found != 1 || err != nil {
		t.Fatal(found, err)
	}
	if _, err := s.Get(d.ID()); !errors.Is(err, ErrNoSecret) {
		t.Errorf("erased: %v", err)
	}
	if err := errors.Join(d.ForgetSecret(s), s.Sweep(d.ID())); err != nil {
		t.Errorf("again: %v", err)
	}
	if names := secretFiles(t, dir); len(names) > 0 {
		t.Errorf("left: %v", names)
	}
}

// TestSecretPlacesAreJudgedOnce: of two places one is seen from here and one from there;
// a lock in each leaves nothing to look for.
func TestSecretPlacesAreJudgedOnce(t *testing.T) {
	dir := memoryDir(t)
	d, fsys := unlockedIn(t, dir)
	r := d.record.clone()
	r.SecretPlaces.Places = append(r.SecretPlaces.Places, SecretPlace{"/run/elsewhere", 1 << 40, "mnt:[1]"})
	if err := d.write(r); err != nil {
		t.Fatal(err)
	}
	if err := d.ForgetSecret(newSecrets(dir, "boot-1", d.Record())); !errors.Is(err, ErrSecretElsewhere) {
		t.Fatal(err)
	}
	d, err := Open(fsys)
	if err != nil {
		t.Fatal(err)
	}
	if p := d.Record().SecretPlaces; p == nil || len(p.Places) != 1 || p.Places[0].Dir != "/run/elsewhere" {
		t.Errorf("remembered: %+v", p)
	}
}

// TestSecretAfterSeal: a second command does not take back that the key was not found.
func TestSecretAfterSeal(t *testing.T) {
	dir := memoryDir(t)
	d, _ := unlockedIn(t, dir)
	for _, name := range secretFiles(t, dir) {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := d.ForgetSecret(newSecrets(dir, "boot-1", d.Record())); !errors.Is(err, ErrSecretElsewhere) {
			t.Errorf("forgotten: %v", err)
		}
		d.record.State = Sealed
	}
}
