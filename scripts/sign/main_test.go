package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

func key(seed byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
}

// signed is a release of two files.
func signed(t *testing.T) release {
	t.Helper()
	r := release{t.TempDir(), "v1.2.3", strings.Repeat("ab", 20)}
	sums := ""
	for _, name := range []string{"a.deb", "b.tar.gz"} {
		put(t, r, name, name)
		sums += fmt.Sprintf("%x  %s\n", sha256.Sum256([]byte(name)), name)
	}
	put(t, r, sumsName, sums)
	if err := r.sign(key(1)); err != nil {
		t.Fatal(err)
	}
	return r
}

func put(t *testing.T, r release, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(r.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func public(k ed25519.PrivateKey) ed25519.PublicKey { return k.Public().(ed25519.PublicKey) }

// TestSignedRelease: what was signed is checked, by our reader and by the one of the Go team; any
// other file, list, statement or key is refused.
func TestSignedRelease(t *testing.T) {
	r := signed(t)
	if err := r.check(public(key(1))); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(r.dir, noteName))
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(verifierKey(public(key(1))))
	if err != nil {
		t.Fatal(err)
	}
	if n, err := note.Open(text, note.VerifierList(v)); err != nil || !strings.HasSuffix(n.Text, "  b.tar.gz\n") {
		t.Errorf("%v", err)
	}
	if err := r.check(public(key(2))); err == nil {
		t.Error("another key has signed it")
	}
	for name, change := range map[string]func(r release){
		"a file changed":    func(r release) { put(t, r, "a.deb", "x") },
		"a file more":       func(r release) { put(t, r, "c.deb", "x") },
		"a file missing":    func(r release) { os.Remove(filepath.Join(r.dir, "a.deb")) },
		"sums edited":       func(r release) { put(t, r, sumsName, "") },
		"no note":           func(r release) { os.Remove(filepath.Join(r.dir, noteName)) },
		"note cut":          func(r release) { put(t, r, noteName, string(text[:len(text)-9])+"\n") },
		"another statement": func(r release) { edit(t, r, provenanceName, `"payload": "e`, `"payload": "f`) },
		"both changed": func(r release) { // a file and its sum: the note is not of them
			put(t, r, "a.deb", "x")
			edit(t, r, sumsName, fmt.Sprintf("%x", sha256.Sum256([]byte("a.deb"))), fmt.Sprintf("%x", sha256.Sum256([]byte("x"))))
		},
		"another release's statement": func(r release) {
			o := signed(t)
			put(t, o, "a.deb", "y")
			edit(t, o, sumsName, fmt.Sprintf("%x", sha256.Sum256([]byte("a.deb"))), fmt.Sprintf("%x", sha256.Sum256([]byte("y"))))
			if err := o.sign(key(1)); err != nil {
				t.Fatal(err)
			}
			b, err := os.ReadFile(filepath.Join(o.dir, provenanceName))
			if err != nil {
				t.Fatal(err)
			}
			put(t, r, provenanceName, string(b))
		},
	} {
		r := signed(t)
		change(r)
		if err := r.check(public(key(1))); err == nil {
			t.Errorf("%s: it is taken for what was released", name)
		}
	}
}

func edit(t *testing.T, r release, name, old, by string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil || !strings.Contains(string(b), old) {
		t.Fatalf("%s: %v", name, err)
	}
	put(t, r, name, strings.Replace(string(b), old, by, 1))
}

// TestSignRefusesOtherFiles: who signs sees that the sums are of what is there.
func TestSignRefusesOtherFiles(t *testing.T) {
	for _, name := range []string{"a.deb", "more.deb"} {
		r := signed(t)
		put(t, r, name, "written after the sums were made")
		if err := r.sign(key(1)); err == nil {
			t.Errorf("%s: sums of other files were signed", name)
		}
	}
}
