package firmware

import (
	"errors"
	"os"
	"os/exec"
	"testing"

	"golang.org/x/sys/unix"
)

// HardenProcess leaves no core and no other process's look into memory. It is tried in
// a process of its own, as it cannot be taken back.
func TestHardenProcess(t *testing.T) {
	if os.Getenv("SLEDGE_TEST_HARDEN") == "" {
		cmd := exec.Command("/proc/self/exe", "-test.run=^TestHardenProcess$")
		cmd.Env = append(os.Environ(), "SLEDGE_TEST_HARDEN=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		return
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}); err != nil {
		t.Skipf("the core limit cannot be set: %v", err)
	}
	if err := HardenProcess(); err != nil {
		t.Fatal(err)
	}
	if dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || dumpable != 0 {
		t.Errorf("the process can be dumped: %d, %v", dumpable, err)
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_CORE, &limit); err != nil || limit.Cur != 0 || limit.Max != 0 {
		t.Errorf("the core limit is %+v, %v", limit, err)
	}
}

// A load key is kept in memory only: a folder on a disk is refused.
func TestSecretsNeedMemory(t *testing.T) {
	dir := t.TempDir()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	if kind := uint32(st.Type); kind == unix.TMPFS_MAGIC || kind == unix.RAMFS_MAGIC {
		dir = "/proc" // the temporary folder is memory here
	}
	if err := newSecrets(dir, "boot", Record{}).Usable(); !errors.Is(err, ErrUnsafeSecret) {
		t.Errorf("%s was taken: %v", dir, err)
	}
}
