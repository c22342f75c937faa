package keyfile

import (
	"context"
	"crypto/ed25519"
	"io"
	"os"

	"github.com/sledge-io/sledge/internal/advice"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
)

// maxKeyText bounds a file with keys.
const maxKeyText = 64 << 10

// Read reads a file of keys, of bounded length.
func Read(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ReadFrom(f, name)
}

// ReadFrom reads what may be keys. Something longer is no failure to read: the operator
// has named another file than was meant.
func ReadFrom(r io.Reader, place string) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxKeyText+1))
	if len(b) > maxKeyText {
		return nil, advice.Hint(advice.Usagef("%s: longer than %s, so it holds no key", place, terminal.Size(maxKeyText)), "name the key's file")
	}
	return b, err
}

// Wait returns what read returns, or the context's error as soon as that ends: a
// pipe that gives nothing does not hold a command that is stopped.
func Wait(ctx context.Context, read func() ([]byte, error)) ([]byte, error) {
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

// ReadPublic reads a PEM public key that the operator named.
func ReadPublic(name string) (ed25519.PublicKey, error) {
	b, err := Read(name)
	if err != nil {
		return nil, err
	}
	pub, err := fsck.ParsePublicKey([]byte(Trim(string(b))))
	if err != nil {
		return nil, Wrong(name, string(b), PublicKey, err)
	}
	return pub, nil
}
