package firmware

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrNoSecret: the device is not unlocked, or the machine was started again since.
var ErrNoSecret = errors.New("the load key is not in memory")

// ErrUnsafeSecret: the place for the secret is not memory, or what lies there is
// not ours alone. Nothing was read or written.
var ErrUnsafeSecret = errors.New("not a safe place for the load key")

const (
	secretVersion = 0
	maxSecret     = 4 << 10
)

// Secret is the load key between two commands, with what it is bound to.
type Secret struct {
	Job        ID
	Device     ID
	Generation uint32
	Key        []byte // 32 bytes
}

// String is a fixed text, not the key.
func (s Secret) String() string { return "load key (not shown)" }

// GoString is a fixed text, not the key.
func (s Secret) GoString() string { return s.String() }

// secretFile is the JSON in memory. The boot id tells a secret of an earlier
// start, should a tmpfs ever outlive one (a container's does).
type secretFile struct {
	Version    int    `json:"version"`
	Boot       string `json:"boot"`
	Job        ID     `json:"job"`
	Device     ID     `json:"device"`
	Generation uint32 `json:"generation"`
	Key        []byte `json:"key"`
}

// Secrets are the folders in memory that may hold unlocked secrets: a file of mode
// 0600 for each device, on tmpfs or ramfs, never on a disk. tmpfs may go to swap:
// see [SwapInUse].
type Secrets struct {
	dir  string   // Put's
	look []string // all that are looked at
	boot string
}

func secretName(device ID) string { return "sledge-" + device.String() + ".secret" }

func (s *Secrets) encode(secret Secret) ([]byte, error) {
	if len(secret.Key) != 32 || secret.Job == (ID{}) || secret.Device == (ID{}) || secret.Generation == 0 {
		return nil, fmt.Errorf("load key of %d bytes, or not bound to job, device and generation", len(secret.Key))
	}
	return json.Marshal(secretFile{secretVersion, s.boot, secret.Job, secret.Device, secret.Generation, secret.Key})
}

// decode reads what encode wrote for this device in this start of the machine.
func (s *Secrets) decode(b []byte, device ID) (Secret, error) {
	var f secretFile
	if err := json.Unmarshal(b, &f); err != nil {
		return Secret{}, fmt.Errorf("malformed: %w", ErrUnsafeSecret)
	}
	if again, err := json.Marshal(f); err != nil || !bytes.Equal(again, b) {
		return Secret{}, fmt.Errorf("malformed: %w", ErrUnsafeSecret)
	}
	switch {
	case f.Version != secretVersion:
		return Secret{}, fmt.Errorf("of version %d: %w", f.Version, ErrUnsafeSecret)
	case f.Device != device || len(f.Key) != 32:
		return Secret{}, fmt.Errorf("of device %s: %w", f.Device, ErrUnsafeSecret)
	case f.Boot != s.boot:
		return Secret{}, fmt.Errorf("%w: the machine was started again", ErrNoSecret)
	}
	return Secret{f.Job, f.Device, f.Generation, f.Key}, nil
}
