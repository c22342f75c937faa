package keyless

import (
	"os"
	"path/filepath"
	"testing"
)

// TestAuditFollowsNoLink: only a regular file beside a proof is read: a link may lead to a
// pipe that nobody writes to, or out of the folder.
func TestAuditFollowsNoLink(t *testing.T) {
	dir := t.TempDir()
	plain, link := filepath.Join(dir, "plain"), filepath.Join(dir, "link")
	if err := os.WriteFile(plain, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(plain, link); err != nil {
		t.Fatal(err)
	}
	if !isFile(plain) || isFile(link) || isFile(dir) || isFile(filepath.Join(dir, "none")) {
		t.Errorf("plain %v, link %v, folder %v", isFile(plain), isFile(link), isFile(dir))
	}
}
