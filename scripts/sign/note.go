package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"strings"
)

// keyName is the releaser in notes.
const keyName = "sledge-release"

const ed25519Note = 1 // the kind of signature, as the C2SP has it

// keyHash is how a note's signature line names its key.
func keyHash(key ed25519.PublicKey) []byte {
	sum := sha256.Sum256(append([]byte(keyName+"\n\x01"), key...))
	return sum[:4]
}

// verifierKey is the key in the one line that verifiers of notes take.
func verifierKey(key ed25519.PublicKey) string {
	return keyName + "+" + hex.EncodeToString(keyHash(key)) + "+" + base64.StdEncoding.EncodeToString(append([]byte{ed25519Note}, key...))
}

// signNote is a text with its signature below. The text must end with its last line.
func signNote(text []byte, key ed25519.PrivateKey) ([]byte, error) {
	if !bytes.HasSuffix(text, []byte("\n")) {
		return nil, errors.New("a note's text must end with a line's end")
	}
	line := append(keyHash(key.Public().(ed25519.PublicKey)), ed25519.Sign(key, text)...)
	return append(bytes.Clone(text), "\n— "+keyName+" "+base64.StdEncoding.EncodeToString(line)+"\n"...), nil
}

// openNote is the text of a note that the key has signed.
func openNote(note []byte, key ed25519.PublicKey) ([]byte, error) {
	at := bytes.LastIndex(note, []byte("\n\n"))
	if at < 0 {
		return nil, errors.New("no note")
	}
	text := note[:at+1]
	for line := range strings.Lines(string(note[at+2:])) {
		encoded, ok := strings.CutPrefix(strings.TrimSuffix(line, "\n"), "— "+keyName+" ")
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if ok && err == nil && len(raw) == 4+ed25519.SignatureSize && bytes.Equal(raw[:4], keyHash(key)) && ed25519.Verify(key, text, raw[4:]) {
			return text, nil
		}
	}
	return nil, errors.New("the note has no signature of this key")
}
