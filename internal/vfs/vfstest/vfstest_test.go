package vfstest_test

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/internal/vfs/vfstest"
)

// broken is a disk with one fault that the suite has to see.
type broken struct {
	vfs.FS
	fault string
}

func (b *broken) Create(name string, o vfs.CreateOptions) (vfs.File, error) {
	f, err := b.FS.Create(name, o)
	if b.fault == "Create" && errors.Is(err, fs.ErrExist) {
		return b.FS.Open(name, vfs.OpenOptions{Write: true})
	}
	return f, err
}

func (b *broken) Link(oldname, newname string) error {
	err := b.FS.Link(oldname, newname)
	if b.fault == "Link" && errors.Is(err, fs.ErrExist) {
		return b.FS.Rename(oldname, newname)
	}
	return err
}

func (b *broken) Remove(name string) error {
	if err := b.FS.Remove(name); b.fault != "Remove" {
		return err
	}
	return nil
}

func (b *broken) SyncDir(name string) error {
	err := b.FS.SyncDir(name)
	if b.fault == "SyncDir" && errors.Is(err, fs.ErrInvalid) {
		return nil
	}
	return err
}

const faultVariable = "SLEDGE_TEST_BROKEN_FS"

// TestSuiteSeesFaults runs the suite, in a process of its own, over disks that replace
// what is there, or call done what was not.
func TestSuiteSeesFaults(t *testing.T) {
	if fault := os.Getenv(faultVariable); fault != "" {
		vfstest.TestFS(t, func(*testing.T) vfs.FS { return &broken{vfs.NewMem(vfs.MemOptions{}), fault} })
		return
	}
	for _, fault := range []string{"none", "Create", "Link", "Remove", "SyncDir"} {
		cmd := exec.Command(os.Args[0], "-test.run=^TestSuiteSeesFaults$")
		cmd.Env = append(os.Environ(), faultVariable+"="+fault)
		out, err := cmd.CombinedOutput()
		if failed := err != nil && strings.Contains(string(out), "--- FAIL"); failed != (fault != "none") {
			t.Errorf("%s: %v\n%s", fault, err, out)
		}
	}
}
