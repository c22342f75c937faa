package main

import (
	"crypto/ed25519"
	"os"
	"sync"

	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/keyfile"
)

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
		b, k.err = keyfile.Wait(a.ctx, func() ([]byte, error) { return k.readAll(a.in) })
		k.text = string(b)
	})
	return k.text, k.err
}

func (k *keyFile) readAll(in *os.File) ([]byte, error) {
	if k.name != "-" {
		return keyfile.Read(k.name)
	}
	if term.IsTerminal(int(in.Fd())) {
		return nil, hint(usagef("%s is a terminal, which would show the key", k.place()), "send the key by a pipe: age -d FILE | sledge …")
	}
	b, err := keyfile.ReadFrom(in, k.place())
	if err == nil && len(b) == 0 {
		return nil, hint(usagef("%s is empty", k.place()), "it gives one key only; name a file for any other")
	}
	return b, err
}

// refuse is the error of a file that does not hold what its flag wants. The text itself
// is never repeated.
func (k *keyFile) refuse(want keyfile.Kind, reason error) error {
	return keyfile.Wrong(k.place(), k.text, want, reason)
}

// readPrivateKey reads the PEM private key of a role.
func (k *keyFile) readPrivateKey(a *app) (ed25519.PrivateKey, error) {
	text, err := k.read(a)
	if err != nil {
		return nil, err
	}
	key, err := crypto.ParsePrivateKey([]byte(keyfile.Trim(text)))
	if err != nil {
		return nil, k.refuse(keyfile.PrivateKey, err)
	}
	return key, nil
}
