package appliance

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/vfs"
)

var update = flag.Bool("update", false, "make testdata/v1 again")

const sampleDir = "testdata/v1"

// sampleKeys are published on purpose: the sample device is there to be read.
type sampleKeys struct {
	LoadKey string            `json:"load_key"`
	SiteKey string            `json:"site_key"`
	Files   map[string]string `json:"files"` // path → SHA-256, of the regular files
}

// TestSample reads the sealed device that is kept in the repository, so that a
// change of the format cannot pass unseen.
func TestSample(t *testing.T) {
	if _, err := os.Stat(sampleDir); *update && os.IsNotExist(err) {
		makeSample(t)
	}
	var keys sampleKeys
	b, err := os.ReadFile(sampleDir + "/keys.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &keys); err != nil {
		t.Fatal(err)
	}
	pem, err := os.ReadFile(sampleDir + "/signer.pub")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := crypto.ParsePublicKey(pem)
	if err != nil {
		t.Fatal(err)
	}
	label, err := os.ReadFile(sampleDir + "/label.txt")
	if err != nil {
		t.Fatal(err)
	}
	for lost := -1; lost < 3; lost++ {
		var disks []Disk
		for i := range 3 {
			if i == lost {
				continue
			}
			fs, err := vfs.OS(fmt.Sprintf("%s/disk%d", sampleDir, i))
			if err != nil {
				t.Fatal(err)
			}
			disks = append(disks, Disk{Name: fmt.Sprintf("disk%d", i), FS: fs})
		}
		s, err := OpenSet(disks, signer, label)
		if err != nil {
			t.Fatalf("disk %d lost: %v", lost, err)
		}
		seed, _ := hex.DecodeString(keys.SiteKey)
		site, err := crypto.ParseSiteKey(seed)
		if err != nil {
			t.Fatal(err)
		}
		k, err := s.OpenWithSite(site)
		if err != nil || hex.EncodeToString(k) != keys.LoadKey {
			t.Fatalf("load key: %x, %v", k, err)
		}
		rd, err := s.Unlock(k)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range keys.Files {
			h := crypto.NewSHA256()
			if err := rd.Cat(context.Background(), h, path); err != nil {
				t.Errorf("disk %d lost: %s: %v", lost, path, err)
			}
			if got := hex.EncodeToString(h.Sum(nil)); got != want {
				t.Errorf("disk %d lost: %s: %s, want %s", lost, path, got, want)
			}
		}
		rd.Close()
	}
	checkWorkedExample(t)
}

// makeSample loads a tiny tree onto a tiny device.
func makeSample(t *testing.T) {
	t.Helper()
	src := t.TempDir()
	keys := sampleKeys{Files: map[string]string{}}
	put := func(name, content string) {
		full := filepath.Join(src, name)
		os.MkdirAll(filepath.Dir(full), 0o755)
		if err := os.WriteFile(full, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
		keys.Files[name] = fmt.Sprintf("%x", crypto.SumSHA256([]byte(content)))
	}
	put("hello.txt", "hello, auditor\n")
	put("empty", "")
	put("docs/readme", "A sample device: three disks, any two suffice.\n")
	long := make([]byte, 30000)
	for i := range long {
		long[i] = byte(i * i >> 7)
	}
	put("data/long.bin", string(long))
	os.Link(filepath.Join(src, "hello.txt"), filepath.Join(src, "same-as-hello.txt"))
	keys.Files["same-as-hello.txt"] = keys.Files["hello.txt"]
	os.Symlink("docs/readme", filepath.Join(src, "link"))
	os.Mkdir(filepath.Join(src, "empty-dir"), 0o755)
	r := newRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096})
	r.load(src)
	_, k := r.open()
	res := r.seal()
	for i, dir := range r.dirs {
		if err := os.CopyFS(fmt.Sprintf("%s/disk%d", sampleDir, i), os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
	}
	seed, _ := r.site.Bytes()
	keys.LoadKey, keys.SiteKey = hex.EncodeToString(k), hex.EncodeToString(seed)
	b, _ := json.MarshalIndent(keys, "", "  ")
	pem, _ := crypto.EncodePublicKey(r.signer.Public().(ed25519.PublicKey))
	for name, data := range map[string][]byte{"keys.json": append(b, '\n'), "signer.pub": pem, "label.txt": res.Label} {
		if err := os.WriteFile(sampleDir+"/"+name, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
