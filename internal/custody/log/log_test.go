package log_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/custody/custodytest"
	"github.com/sledge-io/sledge/internal/custody/log"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func entry(i int) []byte { return bytes.Repeat([]byte{byte(i), byte(i >> 8)}, 30) }

// TestAppend: what was appended is read back, with the roots that others compute, over the
// borders of tiles.
func TestAppend(t *testing.T) {
	disk := vfs.NewMem(vfs.MemOptions{})
	l, err := log.Create(disk, "sledge/a/b/1/custody", []byte("job"))
	must(t, err)
	var tree manifest.Tree
	for i := range 3*256 + 2 {
		must(t, l.Append(entry(i), key(1)))
		tree.Add(entry(i))
		if l.Root() != tree.Root() {
			t.Fatalf("root of %d entries", i+1)
		}
		if n := i + 1; n < 3 || n%256 < 2 || n%256 == 255 {
			got, err := log.Open(disk)
			must(t, err)
			if got.Size() != uint64(n) || !bytes.Equal(got.Entries[i], entry(i)) || got.Root() != tree.Root() {
				t.Fatalf("%d entries: read back %d", n, got.Size())
			}
		}
	}
	sizes, err := l.Checkpoints()
	must(t, err)
	if len(sizes) != 770 {
		t.Errorf("%d checkpoints", len(sizes))
	}
	left := 0
	must(t, vfs.Walk(disk, "tile", vfs.Limits{}, func(name string, d os.DirEntry) error {
		if !d.IsDir() {
			left++
		}
		return nil
	}))
	if left != 4+4+1 { // bundles, level 0, level 1
		t.Errorf("%d files of tiles", left)
	}
	if _, err := log.Create(disk, "x", nil); !errors.Is(err, log.ErrExists) {
		t.Errorf("another log takes its place: %v", err)
	}
	if err := l.Append(make([]byte, 65_535), key(1)); err == nil {
		t.Error("an entry of 65,535 bytes is taken")
	}
	if err := l.Append(make([]byte, 65_536), key(1)); err == nil {
		t.Error("an entry of 65,536 bytes is taken")
	}
}

// TestOpenRefuses: an entry that was changed on disk is no entry.
func TestOpenRefuses(t *testing.T) {
	r := custodytest.New(t)
	r.Load()
	name := manifest.TilePath(-1, 0, 3)
	b, err := vfs.ReadFile(r.FS, name, 1<<20)
	must(t, err)
	b[100] ^= 1
	must(t, r.FS.Remove(name))
	f, err := r.FS.Create(name, vfs.CreateOptions{})
	must(t, err)
	_, err = f.WriteAt(b, 0)
	must(t, err)
	if _, err := log.Open(r.FS); !errors.Is(err, manifest.ErrUnverified) {
		t.Errorf("opened: %v", err)
	}
}

// TestCrash: after a power cut at any write the log is the old one or the new one, it takes
// the next entry, and what Append has told as done is there.
func TestCrash(t *testing.T) {
	for stop := int64(1); ; stop++ {
		disk := vfs.NewMem(vfs.MemOptions{})
		l, err := log.Create(disk, "sledge/a/b/1/custody", []byte("job"))
		must(t, err)
		for i := range 3 {
			must(t, l.Append(entry(i), key(1)))
		}
		end := disk.Ops() + stop
		disk.OnOp(func(op vfs.Op) error {
			if disk.Ops() >= end {
				return errors.New("power cut")
			}
			return nil
		})
		failed := l.Append(entry(3), key(1))
		disk.OnOp(nil)
		for seed := range int64(4) {
			left := disk.CrashClone(rand.New(rand.NewSource(seed)), int(seed)*33)
			got, err := log.Open(left)
			if err != nil {
				t.Fatalf("cut at %d, seed %d: %v", stop, seed, err)
			}
			if got.Size() != 3 && got.Size() != 4 || failed == nil && got.Size() != 4 {
				t.Fatalf("cut at %d, seed %d: %d entries (%v)", stop, seed, got.Size(), failed)
			}
			must(t, got.Settle())
			must(t, got.Append(entry(9), key(1)))
			if again, err := log.Open(left); err != nil || again.Size() != got.Size() {
				t.Fatalf("cut at %d, seed %d: after the next entry: %v", stop, seed, err)
			}
			if _, err := got.CheckpointAt(got.Size() - 1); err != nil {
				t.Fatalf("cut at %d, seed %d: the checkpoint before is not kept: %v", stop, seed, err)
			}
		}
		if failed == nil {
			if stop < 10 {
				t.Fatalf("only %d writes were cut", stop)
			}
			return
		}
	}
}

// TestFullDisk: a stick that is full leaves the log as it was.
func TestFullDisk(t *testing.T) {
	disk := vfs.NewMem(vfs.MemOptions{Capacity: 4096})
	l, err := log.Create(disk, "sledge/a/b/1/custody", []byte("job"))
	must(t, err)
	n := uint64(0)
	for l.Append(bytes.Repeat([]byte("x"), 300), key(1)) == nil {
		n = l.Size()
	}
	if got, err := log.Open(disk); err != nil || got.Size() != n || n == 0 {
		t.Errorf("%v, %d entries were told as done", err, n)
	}
}

// TestTesseraFsck: Tessera's fsck takes the log with the key of its last custodian, and with
// no former one's; a flipped bit it finds.
func TestTesseraFsck(t *testing.T) {
	name := filepath.Join(os.Getenv("SLEDGE_TOOLS"), "fsck")
	if _, err := os.Stat(name); err != nil || os.Getenv("SLEDGE_TOOLS") == "" {
		t.Skip("tessera fsck: the command is absent from SLEDGE_TOOLS (scripts/tools.sh fsck)")
	}
	r := custodytest.New(t)
	r.Day()
	dir := t.TempDir()
	must(t, vfs.Walk(r.FS, ".", vfs.Limits{}, func(name string, d os.DirEntry) error {
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(dir, name), 0o700)
		}
		b, err := vfs.ReadFile(r.FS, name, 1<<24)
		must(t, err)
		return os.WriteFile(filepath.Join(dir, name), b, 0o600)
	}))
	good := func(key ed25519.PrivateKey) bool {
		t.Helper()
		vkey, err := crypto.NoteKey(r.Log.Origin, key.Public().(ed25519.PublicKey))
		must(t, err)
		file := filepath.Join(t.TempDir(), "key")
		must(t, os.WriteFile(file, []byte(vkey), 0o600))
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		out, _ := exec.CommandContext(ctx, name, "-N", "8", "-ui=false", "-origin", r.Log.Origin, "-public_key", file, "-storage_url", "file://"+dir+"/").CombinedOutput()
		yes, no := bytes.Contains(out, []byte("Successfully fsck'd log with size")), bytes.Contains(out, []byte("fsck failed"))
		if yes == no {
			t.Fatalf("fsck says neither yes nor no:\n%s", out)
		}
		return yes
	}
	if !good(r.Desk.Key) {
		t.Error("fsck refuses the last custodian's key")
	}
	if good(r.Carrier.Key) || good(r.Device) {
		t.Error("fsck takes a former custodian's key")
	}
	bundle := filepath.Join(dir, manifest.TilePath(-1, 0, int(r.Log.Size())))
	b, err := os.ReadFile(bundle)
	must(t, err)
	b[500] ^= 1
	must(t, os.WriteFile(bundle, b, 0o600))
	if good(r.Desk.Key) {
		t.Error("fsck takes a changed entry")
	}
}
