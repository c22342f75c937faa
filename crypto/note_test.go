package crypto

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/sledge-io/sledge/internal/testlimit"
)

const noteText = "example.org/log\n5\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"

func mustNoteKeys(t testing.TB, name string) (note.Signer, note.Verifier) {
	t.Helper()
	priv := testKey(name)
	s, err := NoteSigner(name, priv)
	if err != nil {
		t.Fatal(err)
	}
	v, err := NoteVerifier(name, public(priv))
	if err != nil {
		t.Fatal(err)
	}
	return s, v
}

func TestNote(t *testing.T) {
	s1, v1 := mustNoteKeys(t, "one")
	s2, v2 := mustNoteKeys(t, "two")
	_, v3 := mustNoteKeys(t, "three")
	msg, err := SignNote(noteText, s1, s2)
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		verifiers []note.Verifier
		signed    int
	}{"both": {[]note.Verifier{v1, v2}, 2}, "one": {[]note.Verifier{v1}, 1}, "one and a stranger": {[]note.Verifier{v3, v2}, 1}} {
		n, err := OpenNote(msg, tt.verifiers...)
		if err != nil || n.Text != noteText || len(n.Sigs) != tt.signed {
			t.Errorf("%s: %v", name, err)
		}
	}
	for bit := range len(msg) * 8 {
		changed := flipBit(msg, bit)
		if n, err := OpenNote(changed, v1); err == nil {
			// v1's line is first; a change may hit the line of two, whose key
			// is not known here, and nothing else.
			if n.Text != noteText || !strings.HasPrefix(string(changed), string(msg[:strings.LastIndex(string(msg), "\n— ")])) {
				t.Fatalf("bit %d changed and accepted", bit)
			}
		} else if !errors.Is(err, ErrSignature) {
			t.Fatalf("bit %d: %v", bit, err)
		}
	}
	// Our key is the one that x/mod and every signed-note tool expects.
	vkey, err := NoteKey("one", public(testKey("one")))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := note.NewVerifier(vkey)
	if err != nil || plain.KeyHash() != s1.KeyHash() {
		t.Errorf("%s: %v", vkey, err)
	}
}

func TestNoteRefusals(t *testing.T) {
	s, v := mustNoteKeys(t, "one")
	msg, err := SignNote(noteText, s)
	if err != nil {
		t.Fatal(err)
	}
	line := string(msg[len(noteText)+1:])
	last := strings.LastIndex(line, "=") - 1 // the character with unused bits
	loose := line[:last] + string(line[last]+1) + line[last+1:]
	if _, err := base64.StdEncoding.DecodeString(strings.Fields(loose)[2]); err != nil {
		t.Fatal("the loose line is not even loose base64")
	}
	for name, m := range map[string]string{
		"empty": "", "no signature": noteText, "no blank line": noteText + line, "no newline": string(msg[:len(msg)-1]),
		"control character": "a\tb\n\n" + line, "another text": "other\n\n" + line, "loose base64": noteText + "\n" + loose,
		"too big": strings.Repeat("x", maxNote) + "\n\n" + line, "101 signatures": noteText + "\n" + strings.Repeat(line, 101),
	} {
		if _, err := OpenNote([]byte(m), v); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenNote(msg); !errors.Is(err, ErrSignature) {
		t.Errorf("no verifier: %v", err)
	}
	for name, text := range map[string]string{"no newline": "x", "tab": "a\tb\n", "NUL": "sledge/1 x\x00\n", "not UTF-8": "\xff\n", "too big": strings.Repeat("x", maxNote) + "\n"} {
		if _, err := SignNote(text, s); err == nil {
			t.Errorf("signed: %s", name)
		}
	}
	if _, err := SignNote(noteText); err == nil {
		t.Error("signed by nobody")
	}
	for _, name := range []string{"", "a b", "a+b", "\xff"} {
		if _, err := NoteSigner(name, testKey("one")); err == nil {
			t.Errorf("key name %q was accepted", name)
		}
	}
	if _, err := NoteSigner("one", nil); err == nil {
		t.Error("no key was accepted")
	}
	if _, err := NoteVerifier("one", nil); err == nil {
		t.Error("no key was accepted")
	}
}

// FuzzNote: whatever opens is the text that was signed, or holds a signature
// that Ed25519 alone accepts over exactly that text.
func FuzzNote(f *testing.F) {
	s, v := mustNoteKeys(f, "one")
	s2, _ := mustNoteKeys(f, "two")
	msg, err := SignNote(noteText, s, s2)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(msg)
	f.Add([]byte(noteText))
	f.Add([]byte("\n\n— one AAAAAAAA\n"))
	f.Add(append(msg, msg[len(noteText)+1:]...))
	f.Fuzz(func(t *testing.T, m []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		n, err := OpenNote(m, v)
		if err != nil {
			if n != nil || !errors.Is(err, ErrSignature) {
				t.Fatalf("%v with a note %v", err, n)
			}
			return
		}
		raw, err := base64.StdEncoding.Strict().DecodeString(n.Sigs[0].Base64)
		if err != nil || len(n.Sigs) != 1 || n.Text != noteText || !ed25519.Verify(public(testKey("one")), []byte(n.Text), raw[4:]) {
			t.Fatalf("opened a note that was not signed: %q", m)
		}
	})
}
