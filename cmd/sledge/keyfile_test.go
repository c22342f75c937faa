package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/keyfile"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/internal/vfs"
)

// feed runs a verb with a text on its standard input.
func (f *field) feed(stdin string, want int, args ...string) string {
	f.t.Helper()
	return f.withInput(pipeOf(f.t, stdin), want, args...)
}

// pipeOf is the end of a pipe that gives a text.
func pipeOf(t *testing.T, text string) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	go func() {
		w.WriteString(text)
		w.Close()
	}()
	return r
}

// windows is a text as an editor of Windows saves it.
func windows(text string) string { return "\ufeff" + strings.ReplaceAll(text, "\n", "\r\n") }

// TestKeyFiles: every flag that takes a key takes it as the program prints it that makes
// it: with comments, blank lines and other line ends, from a file or a pipe.
func TestKeyFiles(t *testing.T) {
	f := newField(t)
	f.recoverable()
	identity := f.read("site/recovery.identity")
	wrap := f.glob("bay0/sledge/wraps/*.age")
	text := f.decrypt(identity, wrap)
	key := strings.TrimPrefix(strings.Split(text, "\n")[4], "key ")
	siteKey := f.read(f.glob("site/jobs/*/site.key"))
	t.Setenv("SLEDGE_SITE", "")
	for flag, texts := range map[string][]string{
		"--recovery": {identity, windows(identity), "\n  " + strings.Split(identity, "\n")[2] + "  ", "# created: 2026-03-01\n\n# public key: age1pq1x\n" + identity},
		"--load-key": {key, key + "\n", windows(key + "\n"), "# of device 1\n\n" + strings.ToUpper(key) + "\n", text, windows(text), text + "\n\n"},
		"--site-key": {siteKey, windows(siteKey), strings.Split(siteKey, "\n")[1]},
	} {
		for i, text := range texts {
			f.write("key", text)
			for _, from := range []string{"key", "-"}[:2-min(i, 1)] {
				if says := f.feed(text, 0, "list", flag, from, "--trust", "site/signer.pub", "--label", "d.label"); says != "a\n" {
					t.Errorf("%s %q from %s: %s", flag, text, from, says)
				}
			}
		}
	}

	f.says(f.feed(strings.Replace(text, "generation 1", "generation 2", 1), exitKey, "list", "--load-key", "-", "--trust", "site/signer.pub", "--label", "d.label"),
		"--load-key: standard input", "it is of device ", "generation 2", "hint: decrypt sledge/wraps/*.age")
	f.says(f.feed("", exitUsage, "list", "--load-key", "-", "--trust", "site/signer.pub", "--label", "d.label"), "standard input is empty")
	if age, ok := tool("age"); ok { // as an operator does it
		out, err := exec.Command(age, "-d", "-i", "site/recovery.identity", wrap).Output()
		if err != nil || string(out) != text {
			t.Fatalf("age -d: %q, %v", out, err)
		}
	}
	f.says(f.sledge(exitNotFound, "list", "--load-key", "none", "--trust", "site/signer.pub", "--label", "d.label"), "none")
}

// TestWrongKeyFile: a file that is no key, or another one than the flag wants, is
// refused with what it is and where that is taken. No error repeats a secret.
func TestWrongKeyFile(t *testing.T) {
	t.Chdir(t.TempDir())
	disk, err := vfs.OS(".")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := site.Init(disk, site.Options{Name: "x", Recovery: true}); err != nil {
		t.Fatal(err)
	}
	f := &field{t, time.Now()}
	t.Setenv("SLEDGE_SITE", "")
	t.Setenv("SLEDGE_DISKS", "")
	f.write("hex", strings.Repeat("a5", 32))
	f.write("cut", strings.Repeat("a5", 31))
	f.write("two", strings.Repeat(strings.Repeat("a5", 32)+"\n", 2))
	f.write("site.key", "# sledge site key of job 1f\n"+strings.Repeat("a5", 32)+"\n")
	f.write("none", "# nothing\n")
	f.write("wrap.age", "age-encryption.org/v1\n-> x\n")
	f.write("armor", "-----BEGIN AGE ENCRYPTED FILE-----\nYWdl\n-----END AGE ENCRYPTED FILE-----\n")
	f.write("broken", strings.TrimSpace(f.read("recovery.identity"))[:2100])
	f.write("recovered", "sledge recovery key\njob 1f\n")
	f.write("locked", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nYWdl\n-----END ENCRYPTED PRIVATE KEY-----\n")
	f.write("disk.img", strings.Repeat("\x00", 1<<20))
	f.write("photo", strings.Repeat("\xff\xd8a5a5", 1000))
	secrets := []string{"a5a5a5", "AGE-SECRET-KEY-PQ-1", strings.Split(f.read("importer.key"), "\n")[1]}
	for _, c := range []struct{ flag, file, is, next string }{
		{"--load-key", "recovery.identity", "holds an age identity, not a load key", "--recovery FILE"},
		{"--load-key", "recovery.recipients", "holds an age recipient, not a load key", "that is the public half"},
		{"--load-key", "site.key", "holds a site key, not a load key", "--site-key FILE"},
		{"--load-key", "wrap.age", "holds an encrypted age file, not a load key", "age -d FILE"},
		{"--load-key", "importer.key", "holds a private key, not a load key", "stays where it is"},
		{"--load-key", "cut", "holds no load key", "64 hexadecimal characters"},
		{"--load-key", "two", "holds no load key", "64 hexadecimal characters"},
		{"--load-key", "none", "holds no load key", "64 hexadecimal characters"},
		{"--load-key", "photo", "holds no load key", "64 hexadecimal characters"},
		{"--load-key", "recovered", "holds no load key: it is not the five lines of a recovery key", "age -d"},
		{"--load-key", "disk.img", "longer than 64.0 KiB, so it holds no key", "name the key's file"},
		{"--trust", "disk.img", "longer than 64.0 KiB, so it holds no key", "name the key's file"},
		{"--recovery", "hex", "holds a load key, not an age identity", "--load-key FILE"},
		{"--recovery", "armor", "holds an encrypted age file, not an age identity", "--recovery IDENTITY"},
		{"--recovery", "recovery.recipients", "holds an age recipient, not an age identity", "AGE-SECRET-KEY-"},
		{"--recovery", "broken", "holds no age identity: identity 1 of 1 is mistyped", "age-keygen"},
		{"--recovery", "none", "holds no age identity", "age-keygen"},
		{"--site-key", "recovery.identity", "holds an age identity, not a site key", "--recovery FILE"},
		{"--site-key", "cut", "holds no site key", "jobs/<job id>/site.key"},
		{"--importer-key", "importer.pub", "holds a public key, not a private key", "its .key file"},
		{"--importer-key", "locked", "holds an encrypted private key, not a private key", "openssl pkey -in FILE"},
		{"--importer-key", "hex", "holds a load key, not a private key", "--load-key FILE"},
		{"--trust", "signer.key", "holds a private key, not a public key", "its .pub file"},
		{"--trust", "recovery.identity", "holds an age identity, not a public key", "--recovery FILE"},
	} {
		says := f.wrongKey(c.flag, c.file)
		f.says(says, c.file+": "+c.is, "hint: ", c.next)
		for _, s := range secrets {
			if strings.Contains(says, s) && !strings.Contains(c.next, "AGE-SECRET") {
				t.Errorf("%s %s: the key is shown: %s", c.flag, c.file, says)
			}
		}
	}
}

// Wrong is what is said of a file where a flag wants a key.
func (f *field) wrongKey(flag, file string) string {
	f.t.Helper()
	var err error
	a := &app{ctx: f.t.Context()}
	switch k := (&keyFile{flag: flag[2:], name: file}); flag {
	case "--load-key":
		_, err = k.readLoadKey(a)
	case "--recovery":
		_, err = k.readIdentity(a)
	case "--site-key":
		_, err = k.readSiteKey(a)
	case "--importer-key":
		_, err = k.readPrivateKey(a)
	default:
		_, err = keyfile.ReadPublic(file)
	}
	code, hints := diagnose(err)
	if code != exitUsage {
		f.t.Errorf("%s %s: exit %d: %v", flag, file, code, err)
		return ""
	}
	return err.Error() + "\nhint: " + strings.Join(hints, "\nhint: ")
}

// TestKeyPipeStops: a pipe that gives nothing does not hold a command that is stopped.
func TestKeyPipeStops(t *testing.T) {
	name := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Skip(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := (&keyFile{flag: "load-key", name: name}).readLoadKey(&app{ctx: ctx})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w, err := os.OpenFile(name, os.O_RDWR, 0) // lets the reader end
	if err != nil {
		t.Fatal(err)
	}
	w.Close()
}

// recoverable seals a device whose job has a recovery recipient.
func (f *field) recoverable() {
	f.t.Helper()
	for _, name := range []string{"site", "dev"} {
		if err := os.RemoveAll(name); err != nil {
			f.t.Fatal(err)
		}
	}
	f.sledge(0, "site", "init", "site", "--name", "Example", "--recovery-identity")
	f.sledge(0, "device", "init", "--trust", "site/signer.pub")
	f.sledge(0, "job", "create", "--device-key", "dev/device.pub", "--geometry", "2+1", "--target", "s3://bkt/x/", "--expires", "1h", "--out", "job2.dsse", "--code-out", "code2")
	f.sledge(0, "unlock", "--job", "job2.dsse", "--code-file", "code2", "--allow-shared")
	f.sledge(0, "load", "src")
	f.sledge(0, "seal", "--wrap-unchecked", "--label-out", "d.label")
}

// decrypt is what the age command prints of a recovery wrap.
func (f *field) decrypt(identity, wrap string) string {
	f.t.Helper()
	k, of, err := crypto.UnwrapAge(identity, []byte(f.read(wrap)))
	if err != nil {
		f.t.Fatal(err)
	}
	return fmt.Sprintf("sledge recovery key\njob %x\ndevice %x\ngeneration %d\nkey %x\n", of.JobID, of.DeviceID, of.Generation, k)
}

// tool is a program that "make tools" builds.
func tool(name string) (string, bool) {
	tools := os.Getenv("SLEDGE_TOOLS")
	if tools == "" {
		return "", false
	}
	name = filepath.Join(tools, name)
	_, err := os.Stat(name)
	return name, err == nil
}

// TestAgeKeygen: what age-keygen writes is an identity as it is.
func TestAgeKeygen(t *testing.T) {
	keygen, ok := tool("age-keygen")
	if !ok {
		t.Skip("age-keygen: SLEDGE_TOOLS is not set, or has it not")
	}
	for _, args := range [][]string{{"-pq"}, nil} {
		text, err := exec.Command(keygen, args...).Output()
		if err != nil {
			t.Fatal(err)
		}
		k := &keyFile{flag: "recovery", name: "-"}
		if _, err := k.readIdentity(&app{ctx: t.Context(), in: pipeOf(t, string(text))}); err != nil {
			t.Errorf("%q: %v", args, err)
		}
	}
}

func (f *field) read(name string) string {
	f.t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(b)
}

// glob is the one file of a pattern.
func (f *field) glob(pattern string) string {
	f.t.Helper()
	names, err := filepath.Glob(pattern)
	if err != nil || len(names) != 1 {
		f.t.Fatalf("%s: %v, %v", pattern, names, errors.Join(err, fs.ErrNotExist))
	}
	return names[0]
}
