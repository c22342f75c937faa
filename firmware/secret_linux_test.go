package firmware

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// memoryDir is a folder on tmpfs, or the test is skipped.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "sledge-test-")
	if err != nil {
		t.Skip("no /dev/shm here")
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func testSecrets(t *testing.T) *Secrets {
	t.Helper()
	s := newSecrets(memoryDir(t), "boot-1", Record{})
	if err := s.Usable(); err != nil {
		t.Skip(err)
	}
	return s
}

func testSecret() Secret {
	return Secret{Job: ID{1}, Device: ID{2}, Generation: 1, Key: bytes.Repeat([]byte{0xa5}, 32)}
}

func TestSecrets(t *testing.T) {
	s := testSecrets(t)
	secret := testSecret()
	if _, err := s.Get(secret.Device); !errors.Is(err, ErrNoSecret) {
		t.Errorf("nothing there: %v", err)
	}
	for range 2 { // the second one replaces the first
		if err := s.Put(secret); err != nil {
			t.Fatal(err)
		}
	}
	got, err := s.Get(secret.Device)
	if err != nil || got.Job != secret.Job || got.Generation != 1 || !bytes.Equal(got.Key, secret.Key) {
		t.Errorf("got %+v, %v", got, err)
	}
	if _, err := s.Get(ID{3}); !errors.Is(err, ErrNoSecret) {
		t.Errorf("another device: %v", err)
	}
	later := newSecrets(s.dir, "boot-2", Record{})
	if _, err := later.Get(secret.Device); !errors.Is(err, ErrNoSecret) {
		t.Errorf("after a boot: %v", err)
	}
	if left, _ := os.ReadDir(s.dir); len(left) != 0 {
		t.Errorf("left after a boot: %v", left)
	}
	if err := s.Remove(secret.Device); err != nil {
		t.Errorf("remove nothing: %v", err)
	}
}

func TestSecretsUnsafe(t *testing.T) {
	secret := testSecret()
	harms := map[string]func(name string) error{
		"readable by others": func(name string) error { return os.Chmod(name, 0o644) },
		"second name":        func(name string) error { return os.Link(name, name+"2") },
		"symbolic link":      func(name string) error { return errors.Join(os.Rename(name, name+"2"), os.Symlink(name+"2", name)) },
		"a folder":           func(name string) error { return errors.Join(os.Remove(name), os.Mkdir(name, 0o700)) },
		"malformed":          func(name string) error { return os.WriteFile(name, []byte("{}"), 0o600) },
		"too long":           func(name string) error { return os.WriteFile(name, bytes.Repeat([]byte(" "), 2*maxSecret), 0o600) },
	}
	for what, harm := range harms {
		t.Run(what, func(t *testing.T) {
			s := testSecrets(t)
			if err := s.Put(secret); err != nil {
				t.Fatal(err)
			}
			if err := harm(filepath.Join(s.dir, secretName(secret.Device))); err != nil {
				t.Fatal(err)
			}
			if got, err := s.Get(secret.Device); !errors.Is(err, ErrUnsafeSecret) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestSecretsNotMemory(t *testing.T) {
	if err := newSecrets("/proc", "b", Record{}).Usable(); !errors.Is(err, ErrUnsafeSecret) {
		t.Errorf("/proc: %v", err)
	}
	if err := newSecrets(filepath.Join(memoryDir(t), "missing"), "b", Record{}).Usable(); !errors.Is(err, ErrUnsafeSecret) {
		t.Errorf("missing: %v", err)
	}
}

func TestSecretNotPrinted(t *testing.T) {
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(verb, testSecret()); strings.Contains(text, "165") || strings.Contains(text, "a5") || strings.Contains(text, string(testSecret().Key)) {
			t.Errorf("%s prints the key: %s", verb, text)
		}
	}
}
