package site

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"io/fs"
	mathrand "math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// exportSite is a site with two jobs, the first of them extended once.
func exportSite(t *testing.T) (s *Site, disk *vfs.Mem, first, second *NewJob) {
	t.Helper()
	s, disk = testSite(t, Options{Recovery: true})
	var err error
	if first, err = s.CreateJob(testParams(deviceKey(1))); err != nil {
		t.Fatal(err)
	}
	if second, err = s.CreateJob(testParams(deviceKey(2))); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.ExtendJob(first.File, testTime.AddDate(1, 0, 0), testTime); err != nil {
		t.Fatal(err)
	}
	return s, disk, first, second
}

func export(s *Site, id manifest.ID, to vfs.FS) (*Site, error) {
	e, err := s.ExportImport(id)
	if err != nil {
		return nil, err
	}
	return e.Write(to)
}

// files are the names and the contents of a folder.
func files(t *testing.T, disk vfs.FS) map[string][]byte {
	t.Helper()
	found := map[string][]byte{}
	err := vfs.Walk(disk, ".", vfs.Limits{}, func(name string, e fs.DirEntry) error {
		if e.IsDir() {
			return nil
		}
		b, err := vfs.ReadFile(disk, name, 1<<20)
		found[name] = b
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestExportImport: the folder has what an import needs, by the letter, and nothing
// that is secret besides.
func TestExportImport(t *testing.T) {
	s, whole, made, other := exportSite(t)
	to := vfs.NewMem(vfs.MemOptions{})
	if _, err := export(s, made.Job.ID, to); err != nil {
		t.Fatal(err)
	}
	folder := jobFolder(made.Job.ID)
	modes := map[string]fs.FileMode{"site.json": 0o600, "signer.pub": 0o644, "importer.pub": 0o644, "importer.key": 0o600,
		folder + "/site.key": 0o600, folder + "/job.dsse": 0o600, folder + "/job-2.dsse": 0o600}
	got, all := files(t, to), files(t, whole)
	for name, content := range got {
		info, err := to.Stat(name)
		if err != nil || info.Mode().Perm() != modes[name] {
			t.Errorf("%s: %v, %v; want %v", name, info.Mode(), err, modes[name])
		}
		if name != siteName && !bytes.Equal(content, all[name]) {
			t.Errorf("%s is not the site's", name)
		}
		for secret, b := range all {
			if modes[secret] == 0 && secret != "acceptor.pub" && bytes.Contains(content, bytes.TrimSpace(b)) {
				t.Errorf("%s holds what is in %s", name, secret)
			}
		}
	}
	if len(got) != len(modes) {
		t.Errorf("%d files, want %d", len(got), len(modes))
	}
	reduced, err := Open(to)
	if err != nil {
		t.Fatal(err)
	}
	if reduced.Name != s.Name || reduced.For != ForImport || reduced.OfJob != made.Job.ID {
		t.Errorf("opened as %+v", reduced)
	}
	if _, err := reduced.Key(Importer); err != nil {
		t.Error(err)
	}
	if key, err := reduced.SiteKey(made.Job.ID); err != nil || !bytes.Equal(key.PublicKey(), made.Job.Recipients[0].PublicKey) {
		t.Errorf("site key: %v", err)
	}
	if _, err := reduced.CheckWrap(testBundle(t, made, deviceKey(1)).Encode()); err != nil {
		t.Errorf("wrap check: %v", err)
	}
	for what, err := range map[string]error{
		"signer's key":        second(reduced.Key(Signer)),
		"acceptor's key":      second(reduced.Key(Acceptor)),
		"another job's key":   second(reduced.SiteKey(other.Job.ID)),
		"another job's file":  func() error { _, _, err := reduced.Job(other.Job.ID); return err }(),
		"another job's check": second(reduced.CheckWrap(testBundle(t, other, deviceKey(2)).Encode())),
		"a new job":           second(reduced.CreateJob(testParams(deviceKey(3)))),
		"an acceptance":       second(reduced.KeepAcceptance(made.Job.ID, []byte("x"))),
	} {
		if !errors.Is(err, ErrReduced) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// TestExportRefusals: a folder that holds anything but the rest of the same export, a
// job of another site, and keys that the job does not name.
func TestExportRefusals(t *testing.T) {
	s, disk, made, other := exportSite(t)
	to := vfs.NewMem(vfs.MemOptions{})
	if _, err := export(s, made.Job.ID, to); err != nil {
		t.Fatal(err)
	}
	for _, id := range []manifest.ID{made.Job.ID, other.Job.ID} {
		before := files(t, to)
		if _, err := export(s, id, to); !errors.Is(err, ErrExists) {
			t.Errorf("a second export: %v", err)
		}
		if after := files(t, to); len(after) != len(before) {
			t.Error("a refused export wrote")
		}
	}
	for name, content := range map[string]string{"note.txt": "mine", "signer.key": "x", "importer.key": "another", "importer.pub/x": "",
		"note.tmp": "mine", "jobs/" + other.Job.ID.String() + "/site.key": "x"} {
		to := vfs.NewMem(vfs.MemOptions{})
		if i := strings.LastIndexByte(name, '/'); i > 0 {
			if err := durable.MkdirAll(to, name[:i]); err != nil {
				t.Fatal(err)
			}
		}
		if err := durable.WriteFile(to, name, []byte(content)); err != nil {
			t.Fatal(err)
		}
		if _, err := export(s, made.Job.ID, to); !errors.Is(err, ErrNotEmpty) {
			t.Errorf("%s: %v", name, err)
		}
		if got := files(t, to); len(got) != 1 || string(got[name]) != content {
			t.Errorf("%s: a refused export left %d files", name, len(got))
		}
	}
	stranger, _, foreign, _ := exportSite(t)
	if _, err := export(s, foreign.Job.ID, vfs.NewMem(vfs.MemOptions{})); !errors.Is(err, ErrUnknownJob) {
		t.Errorf("job of another site: %v", err)
	}
	if _, err := s.JobID(foreign.File); !errors.Is(err, ErrForeignJob) {
		t.Errorf("job file of another site: %v", err)
	}
	if id, err := s.JobID(made.File); err != nil || id != made.Job.ID {
		t.Errorf("job file: %v", err)
	}
	key, err := stranger.Key(Importer)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"importer.key": pemOf(t, key), jobFolder(made.Job.ID) + "/site.key": files(t, disk)[jobFolder(other.Job.ID)+"/site.key"]} {
		before := files(t, disk)[name]
		if err := durable.WriteFile(disk, name, content); err != nil {
			t.Fatal(err)
		}
		to := vfs.NewMem(vfs.MemOptions{})
		if _, err := export(s, made.Job.ID, to); !errors.Is(err, ErrInvalid) || len(files(t, to)) > 0 {
			t.Errorf("another %s: %v", name, err)
		}
		if err := durable.WriteFile(disk, name, before); err != nil {
			t.Fatal(err)
		}
	}
}

func pemOf(t *testing.T, key ed25519.PrivateKey) []byte {
	t.Helper()
	b, err := crypto.EncodePrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestExportCrash: power is cut at every operation. Until the last file nothing takes
// the folder for a site's, and the same export completes it; no other one does.
func TestExportCrash(t *testing.T) {
	s, _, made, other := exportSite(t)
	whole := vfs.NewMem(vfs.MemOptions{})
	if _, err := export(s, made.Job.ID, whole); err != nil {
		t.Fatal(err)
	}
	want := files(t, whole)
	halves := 0
	for at := int64(1); ; at++ {
		mem := vfs.NewMem(vfs.MemOptions{})
		mem.OnOp(func(vfs.Op) error {
			if mem.Ops() >= at {
				mem.Halt()
			}
			return nil
		})
		_, first := export(s, made.Job.ID, mem)
		back := mem.CrashClone(mathrand.New(mathrand.NewSource(at)), 50)
		if _, err := Open(back); err == nil {
			for name, content := range want {
				if got := files(t, back)[name]; !bytes.Equal(got, content) {
					t.Fatalf("op %d: the folder looks whole, and %s is %q", at, name, got)
				}
			}
		} else if !errors.Is(err, ErrNoSite) {
			t.Fatalf("op %d: %v", at, err)
		} else if left := files(t, back); len(left) > 0 {
			halves++
			if _, err := export(s, other.Job.ID, back); slices.ContainsFunc(keys(left), ofJob) && !errors.Is(err, ErrNotEmpty) {
				t.Fatalf("op %d: another job's export over %v: %v", at, keys(left), err)
			} else if err == nil {
				continue
			}
		}
		if _, err := export(s, made.Job.ID, back); err != nil && !errors.Is(err, ErrExists) {
			t.Fatalf("op %d: %v", at, err)
		}
		got := files(t, back)
		for name, content := range want {
			if !bytes.Equal(got[name], content) {
				t.Fatalf("op %d: then %s is %q", at, name, got[name])
			}
		}
		if first == nil {
			if halves == 0 {
				t.Error("no export was cut half-way")
			}
			return
		}
	}
}

func ofJob(name string) bool { return strings.HasPrefix(name, jobsFolder+"/") }

func keys(m map[string][]byte) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	return names
}

func TestSurplus(t *testing.T) {
	s, disk, made, _ := exportSite(t)
	found, err := s.Surplus()
	if want := []string{"signer.key", "acceptor.key", identityName, "site keys of 2 jobs"}; err != nil || !slices.Equal(found, want) {
		t.Errorf("whole folder: %v, %v", found, err)
	}
	to := vfs.NewMem(vfs.MemOptions{})
	reduced, err := export(s, made.Job.ID, to)
	if err != nil {
		t.Fatal(err)
	}
	if found, err := reduced.Surplus(); err != nil || len(found) > 0 {
		t.Errorf("reduced folder: %v, %v", found, err)
	}
	acceptor, err := vfs.ReadFile(disk, "acceptor.key", maxKeyFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := durable.WriteFile(to, "acceptor.key", acceptor); err != nil {
		t.Fatal(err)
	}
	if found, err := reduced.Surplus(); err != nil || !slices.Equal(found, []string{"acceptor.key"}) {
		t.Errorf("with the acceptor's key: %v, %v", found, err)
	}
}
