package firmware

import (
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
)

// provisioningName is a file that lies in the folder while Provision is at work: the
// key that lies beside it has signed nothing.
const provisioningName = "provisioning"

// ErrHalfDevice: a key lies in the folder, and the state that belongs to it does not.
var ErrHalfDevice = errors.New("device's key is here, but its state is not")

// Provision makes a device in an empty state folder: a new key, and the job
// signer that it will obey from now on. A folder that has a device is
// ErrProvisioned and stays untouched.
//
// A key without a state is ErrHalfDevice: a job may pin it, and what it has signed
// before is not known any more. [SetAsideKey] makes place for a new one.
//
// Order: the file provisioning, the key, state.json, state.counter. A crash before
// state.json leaves a key that never signed anything; the next Provision goes on with it.
func Provision(fsys vfs.FS, signer ed25519.PublicKey, rand io.Reader, now time.Time) (*Device, error) {
	if err := unprovisioned(fsys); err != nil {
		return nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(signer)
	if err != nil {
		return nil, fmt.Errorf("job signer's key: %w", err)
	}
	key, err := firstKey(fsys, rand)
	if err != nil {
		return nil, err
	}
	d := &Device{fs: fsys, key: key, signer: signer}
	d.record = Record{
		Version: stateVersion, Device: deviceID(key), Protection: SoftwareKey,
		Signer: spki, SignerFingerprint: crypto.Fingerprint(signer),
	}
	if err := d.Apply(Event{Kind: EventProvision, Time: now}); err != nil {
		return nil, err
	}
	return d, endProvision(fsys)
}

func unprovisioned(fsys vfs.FS) error {
	for _, name := range []string{stateName, counterName, tamperedName} {
		if _, err := fsys.Stat(name); !errors.Is(err, fs.ErrNotExist) {
			return errors.Join(fmt.Errorf("%s exists: %w", name, ErrProvisioned), err)
		}
	}
	return nil
}

// firstKey makes the device's key, or goes on with the one of a Provision that crashed.
func firstKey(fsys vfs.FS, rand io.Reader) (ed25519.PrivateKey, error) {
	begun, err := exists(fsys, provisioningName)
	if err != nil {
		return nil, err
	}
	if !begun {
		for _, name := range []string{keyName, publicName} {
			if there, err := exists(fsys, name); err != nil || there {
				return nil, errors.Join(fmt.Errorf("%s: %w", name, ErrHalfDevice), err)
			}
		}
		if err := durable.WriteFile(fsys, provisioningName, nil); err != nil {
			return nil, fmt.Errorf("device key: %w", err)
		}
	}
	text, err := vfs.ReadFile(fsys, keyName, maxKeyFile)
	if errors.Is(err, fs.ErrNotExist) {
		return newKey(fsys, rand)
	}
	if err != nil {
		return nil, err
	}
	key, err := crypto.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keyName, err)
	}
	return key, writePublic(fsys, key)
}

func exists(fsys vfs.FS, name string) (bool, error) {
	_, err := fsys.Stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return err == nil, err
}

// newKey writes a key pair's files.
func newKey(fsys vfs.FS, rand io.Reader) (ed25519.PrivateKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(rand, seed); err != nil {
		return nil, fmt.Errorf("device key: %w", err)
	}
	key := ed25519.NewKeyFromSeed(seed)
	private, err := crypto.EncodePrivateKey(key)
	if err != nil {
		return nil, err
	}
	if err := durable.WriteFile(fsys, keyName, private); err != nil {
		return nil, fmt.Errorf("device key: %w", err)
	}
	return key, writePublic(fsys, key)
}

func writePublic(fsys vfs.FS, key ed25519.PrivateKey) error {
	public, err := crypto.EncodePublicKey(key.Public().(ed25519.PublicKey))
	if err != nil {
		return err
	}
	if err := durable.WritePublic(fsys, publicName, public); err != nil {
		return fmt.Errorf("device key: %w", err)
	}
	return nil
}

// endProvision removes the mark of a Provision at work, if it is there.
func endProvision(fsys vfs.FS) error {
	if there, err := exists(fsys, provisioningName); err != nil || !there {
		return err
	}
	if err := durable.Remove(fsys, provisioningName); err != nil {
		return fmt.Errorf("device state: %w", err)
	}
	return nil
}

// SetAsideKey makes place for a new key in a folder that has a key without a state.
// The old one is renamed, not removed: a job may pin it. A folder that holds traces of
// work with the key is ErrHalfDevice; a device belongs into another folder then.
func SetAsideKey(fsys vfs.FS) error {
	if err := unprovisioned(fsys); err != nil {
		return err
	}
	for _, name := range []string{jobsFolder, labelsFolder, reinstatedFolder} {
		if there, err := exists(fsys, name); err != nil || there {
			return errors.Join(fmt.Errorf("%s shows that the key has been at work: %w", name, ErrHalfDevice), err)
		}
	}
	for _, name := range []string{keyName, publicName} {
		there, err := exists(fsys, name)
		if err != nil {
			return err
		}
		if !there {
			continue
		}
		aside, err := freeName(fsys, "old-"+name)
		if err == nil {
			err = durable.Rename(fsys, name, aside)
		}
		if err != nil {
			return fmt.Errorf("device key: %w", err)
		}
	}
	return nil
}

// freeName is a name that no file has.
func freeName(fsys vfs.FS, name string) (string, error) {
	for n := 1; ; n++ {
		try := fmt.Sprintf("%s.%d", name, n)
		if there, err := exists(fsys, try); err != nil || !there {
			return try, err
		}
	}
}
