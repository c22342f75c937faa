package firmware

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"github.com/sledge-io/sledge/internal/testlimit"
)

// FuzzRecord: a device believes only the state that it wrote itself, byte for byte.
func FuzzRecord(f *testing.F) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize))
	good, err := (&Record{Version: stateVersion}).encode(key)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(bytes.Replace(good, []byte("1"), []byte("2"), 1))
	f.Add([]byte(`{"state":{},"signature":""}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		r, err := decodeRecord(b, key)
		if err != nil {
			return
		}
		if again, err := r.encode(key); err != nil || !bytes.Equal(again, b) {
			t.Errorf("accepted, and written as %q (%v)", again, err)
		}
	})
}

// FuzzCounter is the same for the counter beside it.
func FuzzCounter(f *testing.F) {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{3}, ed25519.SeedSize))
	f.Add(encodeCounter(7, key))
	f.Add([]byte("7 \n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		if n, err := decodeCounter(b, key); err == nil && !bytes.Equal(encodeCounter(n, key), b) {
			t.Errorf("%q was taken for %d", b, n)
		}
	})
}

// FuzzSecret: a file of the secrets' folder is what this device wrote since the
// machine was started, or refused.
func FuzzSecret(f *testing.F) {
	s := &Secrets{boot: "boot"}
	device := ID{1}
	good, err := s.encode(Secret{Job: ID{2}, Device: device, Generation: 1, Key: make([]byte, 32)})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(good[:len(good)-2])
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		secret, err := s.decode(b, device)
		if err == nil && (len(secret.Key) != 32 || secret.Device != device) {
			t.Errorf("%+v", secret)
		}
	})
}
