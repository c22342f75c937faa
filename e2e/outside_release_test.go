package e2e

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// clone is a fresh clone of the commit under test.
func clone(t *testing.T) string {
	t.Helper()
	if _, err := os.Stat("../.git"); err != nil {
		t.Skip("these sources are no clone of the repository")
	}
	dir := filepath.Join(t.TempDir(), "clone")
	out(t, "..", nil, "git", "clone", "-q", ".", dir)
	return dir
}

// out runs a program and gives what it says.
func out(t *testing.T, dir string, env []string, args ...string) string {
	t.Helper()
	text, err := try(dir, env, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, text)
	}
	return text
}

func try(dir string, env []string, args ...string) (string, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = dir
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "GIT_") && !strings.HasPrefix(v, "VERSION=") && !strings.HasPrefix(v, "MAKE") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	text, err := cmd.CombinedOutput()
	return string(text), err
}

// debian is the root of a small system.
type debian struct {
	t   *testing.T
	dir string
}

func (d debian) run(args ...string) string {
	d.t.Helper()
	return out(d.t, "/", []string{"DEBIAN_FRONTEND=noninteractive", "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, append([]string{"chroot", d.dir}, args...)...)
}

func (d debian) write(name, text string, mode os.FileMode) {
	d.t.Helper()
	name = filepath.Join(d.dir, name)
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		d.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), mode); err != nil {
		d.t.Fatal(err)
	}
}

// packagesOf builds the Debian packages of the commit under a version.
func packagesOf(t *testing.T, clone, version string) []string {
	t.Helper()
	dir := t.TempDir()
	when := strings.TrimSpace(out(t, clone, nil, "git", "log", "-1", "--format=%ct"))
	out(t, clone, []string{"PLATFORMS=linux/" + goarch(t)}, "scripts/release-build.sh", version, when, dir, "programs", "packages")
	debs, err := filepath.Glob(filepath.Join(dir, "*.deb"))
	if err != nil || len(debs) != 2 {
		t.Fatalf("%q, %v", debs, err)
	}
	return debs
}

func goarch(t *testing.T) string { return strings.TrimSpace(out(t, ".", nil, "go", "env", "GOARCH")) }

// TestOutsidePackages: the Debian packages please lintian and mandoc, install, upgrade, remove
// and purge in a small Debian, and no key, state or receipt is touched by any of it.
func TestOutsidePackages(t *testing.T) {
	t.Parallel()
	d := debian{t, guest(t, "chroot")}
	if os.Getuid() != 0 {
		t.Skip("another system's root needs root")
	}
	tree := clone(t)
	d.clear()
	t.Cleanup(d.clear)
	older, newer := packagesOf(t, tree, "v0.1.0-rc.1"), packagesOf(t, tree, "v0.1.0")
	for i, debs := range [][]string{older, newer} {
		for _, deb := range debs {
			text, err := os.ReadFile(deb)
			if err != nil {
				t.Fatal(err)
			}
			d.write(fmt.Sprintf("/tmp/debs%d/%s", i, filepath.Base(deb)), string(text), 0o644)
		}
	}
	if said := d.run("sh", "-c", "lintian --allow-root --fail-on error,warning /tmp/debs1/*.deb"); strings.TrimSpace(said) != "" {
		t.Errorf("lintian: %s", said)
	}
	// Keys, state and receipts of a site that has used it before.
	kept := map[string]string{"/etc/sledge/import/job1.conf": "SLEDGE_IMPORT=--x", "/etc/sledge/import/keys/importer.key": "a key", "/var/lib/sledge/import/job1/journal": "state", "/var/lib/sledge/import/job1/receipts/objects.list": "a receipt"}
	for name, text := range kept {
		d.write(name, text, 0o600)
	}
	d.run("sh", "-c", "dpkg -i /tmp/debs0/*.deb")
	if v := d.run("sledge", "version"); !strings.Contains(v, "sledge v0.1.0-rc.1,") {
		t.Error(v)
	}
	if who := d.run("getent", "passwd", "sledge"); !strings.Contains(who, ":/usr/sbin/nologin") {
		t.Errorf("user: %s", who)
	}
	d.run("sh", "-c", "dpkg -i /tmp/debs1/*.deb") // 0.1.0~rc.1 is older than 0.1.0
	if v := d.run("sledge-verify", "version"); v != "sledge-verify v0.1.0\n" {
		t.Error(v)
	}
	files := d.run("dpkg", "-L", "sledge", "sledge-verify")
	for _, want := range []string{"/usr/share/man/man1/sledge-import-run.1.gz", "/usr/share/man/man1/sledge-verify.1.gz", "/usr/share/bash-completion/completions/sledge", "/usr/share/zsh/vendor-completions/_sledge",
		"/usr/share/fish/vendor_completions.d/sledge.fish", "/lib/systemd/system/sledge-import@.service", "/usr/lib/sysusers.d/sledge.conf", "/usr/share/doc/sledge/copyright", "/usr/share/doc/sledge/THIRD-PARTY.txt.gz"} {
		if !strings.Contains(files, want+"\n") {
			t.Errorf("%s is in no package", want)
		}
	}
	d.run("sh", "-ec", `ls /usr/share/man/man1/sledge*.gz >/dev/null; for page in /usr/share/man/man1/sledge*.gz; do gzip -dc "$page" >/tmp/page.1; mandoc -T lint -W warning /tmp/page.1; done`)
	if said, err := try(d.dir, nil, "systemd-analyze", "security", "--offline=true", "--threshold=20", filepath.Join(d.dir, "lib/systemd/system/sledge-import@.service")); err != nil && !strings.Contains(err.Error(), "executable file not found") {
		t.Errorf("the unit is not closed enough: %v\n%s", err, said)
	}
	d.run("dpkg", "-r", "sledge", "sledge-verify")
	d.run("dpkg", "-P", "sledge", "sledge-verify")
	for _, name := range strings.Fields(files) {
		if info, err := os.Lstat(filepath.Join(d.dir, name)); err == nil && !info.IsDir() && info.Mode().Type() != os.ModeSymlink { // /lib is a link
			t.Errorf("%s is still there", name)
		}
	}
	for name, text := range kept {
		if b, err := os.ReadFile(filepath.Join(d.dir, name)); err != nil || string(b) != text {
			t.Errorf("%s after the purge: %q, %v", name, b, err)
		}
	}
}

// clear takes away what a test before has left.
func (d debian) clear() {
	try("/", nil, "chroot", d.dir, "dpkg", "-P", "sledge", "sledge-verify")
	try("/", nil, "chroot", d.dir, "userdel", "sledge")
	for _, name := range []string{"etc/sledge", "var/lib/sledge", "tmp/debs0", "tmp/debs1", "tmp/page.1"} {
		os.RemoveAll(filepath.Join(d.dir, name))
	}
}

// releaseKeys are a releaser's keys, made for a test.
func releaseKeys(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]any{"release.key": private, "release.pub": public} {
		kind, marshal := "PRIVATE KEY", x509.MarshalPKCS8PrivateKey
		if name == "release.pub" {
			kind, marshal = "PUBLIC KEY", x509.MarshalPKIXPublicKey
		}
		der, err := marshal(key)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	out(t, dir, nil, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "releaser", "-f", "ssh")
	line, err := os.ReadFile(filepath.Join(dir, "ssh.pub"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "signers"), append([]byte("releaser@example.com "), line...), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestOutsideRelease: a whole release of one platform is made twice and equal, signed, and
// verified by building it once more; an edited list, a changed file and other keys are refused.
// What is linked is what the program itself says.
func TestOutsideRelease(t *testing.T) {
	if os.Getenv("SLEDGE_LONG") == "" {
		t.Skip("it takes some five minutes (make outside-long)")
	}
	for _, program := range []string{"ssh-keygen", "dpkg-deb", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	began := time.Now()
	tree, keys := clone(t), releaseKeys(t)
	key := func(name string) string { return filepath.Join(keys, name) }
	out(t, tree, []string{"VERSION=v0.1.0", "PLATFORMS=linux/" + goarch(t) + " windows/amd64", "RELEASE_KEY=" + key("release.key"), "SSH_KEY=" + key("ssh")}, "scripts/release.sh")
	dir := filepath.Join(tree, "build/release")
	verify := []string{"scripts/verify-release.sh", "--key", key("release.pub"), "--ssh", key("signers")}
	if said := out(t, tree, nil, append(verify, dir)...); !strings.Contains(said, "gives the same bytes, every file") || !strings.Contains(said, "verify-release: all is well") {
		t.Error(said)
	}
	if said := out(t, tree, nil, "scripts/verify-release.sh", "--no-build", dir); !strings.Contains(said, "NOT CHECKED note and provenance") {
		t.Error(said)
	}
	other := releaseKeys(t)
	for name, c := range map[string]struct {
		change func(dir string)
		args   []string
	}{
		"a program changed": {func(dir string) { flip(t, filepath.Join(dir, "sledge-v0.1.0-linux-"+goarch(t))) }, verify},
		"a file more":       {func(dir string) { os.WriteFile(filepath.Join(dir, "more.deb"), nil, 0o644) }, verify},
		"sums edited":       {func(dir string) { flip(t, filepath.Join(dir, "SHA256SUMS")) }, verify},
		"SSH signature":     {func(dir string) { os.Remove(filepath.Join(dir, "SHA256SUMS.sig")) }, verify},
		"another key":       {func(string) {}, []string{verify[0], "--key", filepath.Join(other, "release.pub"), "--ssh", key("signers")}},
		"another signer":    {func(string) {}, []string{verify[0], "--key", key("release.pub"), "--ssh", filepath.Join(other, "signers")}},
	} {
		bad := filepath.Join(t.TempDir(), "bad")
		out(t, "/", nil, "cp", "-r", dir, bad)
		c.change(bad)
		if said, err := try(tree, nil, append(slices.Clone(c.args), "--no-build", bad)...); err == nil || !strings.Contains(said, "REFUSED") {
			t.Errorf("%s: %v\n%s", name, err, said)
		}
	}
	sameParts(t, tree, dir)
	opensslAccepts(t, dir, key("release.pub"))
	t.Logf("figure: a release of two platforms, made three times: %.0f s", time.Since(began).Seconds())
}

// flip changes one bit in a file's middle.
func flip(t *testing.T, name string) {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := os.WriteFile(name, b, 0o755); err != nil {
		t.Fatal(err)
	}
}

// sameParts holds the list of what is linked against the program.
func sameParts(t *testing.T, tree, dir string) {
	t.Helper()
	for _, program := range []string{"sledge", "sledge-verify"} {
		text, err := os.ReadFile(filepath.Join(dir, program+"-v0.1.0.cdx.json"))
		if err != nil {
			t.Fatal(err)
		}
		var list struct {
			Components []struct{ Name, Version string }
		}
		if err := json.Unmarshal(text, &list); err != nil {
			t.Fatal(err)
		}
		var listed, linked []string
		for _, c := range list.Components {
			if c.Name != "std" {
				listed = append(listed, c.Name+" "+c.Version)
			}
		}
		said := out(t, tree, nil, "go", "version", "-m", filepath.Join(dir, program+"-v0.1.0-linux-"+goarch(t)))
		for _, m := range regexp.MustCompile(`(?m)^\tdep\t(\S+)\t(\S+)`).FindAllStringSubmatch(said, -1) {
			linked = append(linked, m[1]+" "+m[2])
		}
		slices.Sort(listed)
		slices.Sort(linked)
		if !slices.Equal(listed, linked) || len(linked) == 0 {
			t.Errorf("%s: listed %q, linked %q", program, listed, linked)
		}
	}
}

// opensslAccepts has openssl verify the provenance's signature, and refuse it over other bytes.
func opensslAccepts(t *testing.T, dir, pub string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "provenance.intoto.sigstore.json"))
	if err != nil {
		t.Fatal(err)
	}
	var b struct {
		DSSE struct {
			Payload    []byte
			Type       string `json:"payloadType"`
			Signatures []struct{ Sig []byte }
		} `json:"dsseEnvelope"`
	}
	if err := json.Unmarshal(text, &b); err != nil || len(b.DSSE.Signatures) != 1 {
		t.Fatal(err)
	}
	pae := fmt.Appendf(nil, "DSSEv1 %d %s %d %s", len(b.DSSE.Type), b.DSSE.Type, len(b.DSSE.Payload), b.DSSE.Payload)
	work := t.TempDir()
	for name, b := range map[string][]byte{"pae": pae, "other": bytes.Replace(pae, []byte("v0.1.0"), []byte("v0.1.1"), 1), "sig": b.DSSE.Signatures[0].Sig} {
		if err := os.WriteFile(filepath.Join(work, name), b, fs.FileMode(0o600)); err != nil {
			t.Fatal(err)
		}
	}
	args := []string{"openssl", "pkeyutl", "-verify", "-pubin", "-inkey", pub, "-rawin", "-sigfile", "sig", "-in"}
	out(t, work, nil, append(slices.Clone(args), "pae")...)
	if said, err := try(work, nil, append(slices.Clone(args), "other")...); err == nil {
		t.Errorf("openssl accepts another statement: %s", said)
	}
}
