package main

import (
	"context"
	"crypto/ed25519"
	"io"
	"os"
	"sync"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/sledge-io/sledge/crypto"
)

// maxKeyText bounds a file with keys.
const maxKeyText = 64 << 10

// keyFile is a flag that names a file with a secret key. "-" is standard input.
type keyFile struct {
	flag string
	name string // "" if it was not given

	once sync.Once
	text string
	err  error
}

// newKeyFile defines the flag.
func newKeyFile(flags *pflag.FlagSet, flag, usage string) *keyFile {
	k := &keyFile{flag: flag}
	flags.StringVar(&k.name, flag, "", usage)
	return k
}

func (k *keyFile) given() bool { return k != nil && k.name != "" }

// place is the file as errors name it.
func (k *keyFile) place() string {
	if k.name == "-" {
		return "--" + k.flag + ": standard input"
	}
	return k.name
}

// read returns the file's text, which is read once: standard input has no second time.
func (k *keyFile) read(a *app) (string, error) {
	k.once.Do(func() {
		var b []byte
		b, k.err = waitRead(a.ctx, func() ([]byte, error) { return k.readAll(a.in) })
		k.text = string(b)
	})
	return k.text, k.err
}

func (k *keyFile) readAll(in *os.File) ([]byte, error) {
	if k.name != "-" {
		return readKeyFile(k.name)
	}
	if term.IsTerminal(int(in.Fd())) {
		return nil, hint(usagef("%s is a terminal, which would show the key", k.place()), "send the key by a pipe: age -d FILE | sledge …")
	}
	b, err := readKeys(in, k.place())
	if err == nil && len(b) == 0 {
		return nil, hint(usagef("%s is empty", k.place()), "it gives one key only; name a file for any other")
	}
	return b, err
}

func readKeyFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readKeys(f, name)
}

// readKeys reads what may be keys. Something longer is no failure to read: the operator
// has named another file than was meant.
func readKeys(r io.Reader, place string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxKeyText+1))
	if len(b) > maxKeyText {
		return nil, hint(usagef("%s: longer than %s, so it holds no key", place, size(maxKeyText)), "name the key's file")
	}
	return b, err
}

// waitRead returns what read returns, or the context's error as soon as that ends: a
// pipe that gives nothing does not hold a command that is stopped.
func waitRead(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
	type result struct {
		b   []byte
		err error
	}
	got := make(chan result, 1)
	go func() {
		b, err := read()
		got <- result{b, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-got:
		return r.b, r.err
	}
}

// refuse is the error of a file that does not hold what its flag wants. The text itself
// is never repeated.
func (k *keyFile) refuse(want keyKind, reason error) error {
	return wrongKey(k.place(), k.text, want, reason)
}

// readPrivateKey reads the PEM private key of a role.
func (k *keyFile) readPrivateKey(a *app) (ed25519.PrivateKey, error) {
	text, err := k.read(a)
	if err != nil {
		return nil, err
	}
	key, err := crypto.ParsePrivateKey([]byte(trimKey(text)))
	if err != nil {
		return nil, k.refuse(privateKey, err)
	}
	return key, nil
}

// readPublicKey reads a PEM public key that the operator named.
func readPublicKey(name string) (ed25519.PublicKey, error) {
	b, err := readKeyFile(name)
	if err != nil {
		return nil, err
	}
	pub, err := crypto.ParsePublicKey([]byte(trimKey(string(b))))
	if err != nil {
		return nil, wrongKey(name, string(b), publicKey, err)
	}
	return pub, nil
}
