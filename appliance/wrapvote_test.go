package appliance

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// wrapsRig is a loaded device of two sites and one recovery recipient.
type wrapsRig struct {
	*memRig
	other     *crypto.SiteKey
	identity  string
	recipient string
}

func newWrapsRig(t *testing.T) *wrapsRig {
	t.Helper()
	r := &wrapsRig{memRig: small32(t)}
	var err, err2 error
	r.other, err = crypto.GenerateSiteKey()
	r.identity, r.recipient, err2 = crypto.NewRecoveryIdentity()
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	site, age := crypto.SiteKeyID(r.other.PublicKey()), crypto.AgeKeyID(r.recipient)
	r.cfg.Job, r.cfg.JobFile = r.jobFile(func(j *manifest.Job) {
		j.Recipients = append(slices.Clone(j.Recipients),
			manifest.Recipient{Kind: string(crypto.WrapSite), PublicKey: r.other.PublicKey(), KeyID: hex.EncodeToString(site[:])},
			manifest.Recipient{Kind: string(crypto.WrapAge), Recipient: r.recipient, KeyID: hex.EncodeToString(age[:])})
	})
	r.loadAll(smallTree(t, 3, 100<<10), LoadOptions{})
	return r
}

// plant puts a file into the wraps' folder of some bays, named by its hash.
func (r *wrapsRig) plant(file []byte, suffix string, bays ...int) (name string) {
	r.t.Helper()
	name = fmt.Sprintf("%s/%x%s", disk.WrapsDir, crypto.SumSHA256(file), suffix)
	for _, bay := range bays {
		if err := durable.WriteFile(r.mems[bay], name, file); err != nil {
			r.t.Fatal(err)
		}
	}
	return name
}

// strayAge is another device's wrap to the same recovery recipient.
func (r *wrapsRig) strayAge() []byte {
	r.t.Helper()
	scope := r.cfg.Scope
	scope.Device = manifest.ID{9}
	b, err := crypto.WrapToAge([]string{r.recipient}, make([]byte, crypto.KeySize), scope.Binding())
	if err != nil {
		r.t.Fatal(err)
	}
	return b
}

// wrapTo is a wrap of some key to a site of this device.
func (r *wrapsRig) wrapTo(site *crypto.SiteKey) []byte {
	r.t.Helper()
	body, err := crypto.WrapToSite(site.PublicKey(), make([]byte, crypto.KeySize), r.cfg.Scope.Binding())
	if err != nil {
		r.t.Fatal(err)
	}
	id := crypto.SiteKeyID(site.PublicKey())
	return (&manifest.Wrap{Kind: manifest.WrapHPKE, Scope: r.cfg.Scope, KeyID: id[:], Body: body}).Encode()
}

// opens seals the device and opens it with each of its keys.
func (r *wrapsRig) opens() {
	r.t.Helper()
	signer := r.signer.Public().(ed25519.PublicKey)
	label := r.sealAll().Label
	s, err := OpenSet(r.cfg.Disks, signer, label)
	if err == nil {
		err = s.CheckChain(r.t.Context(), signer, label)
	}
	if err != nil {
		r.t.Fatal(err)
	}
	_, err = s.OpenWithSite(r.site)
	_, err2 := s.OpenWithSite(r.other)
	_, err3 := s.OpenWithRecovery(r.identity)
	if err := errors.Join(err, err2, err3); err != nil || len(s.Wraps) != 3 {
		r.t.Errorf("%d wraps are on record: %v", len(s.Wraps), err)
	}
}

// nameOf is the file of the device's wrap to a site.
func (r *wrapsRig) nameOf(site *crypto.SiteKey) string {
	r.t.Helper()
	id := crypto.SiteKeyID(site.PublicKey())
	for _, name := range names(r.t, r.mems[4], ".wrap") {
		b, err := vfs.ReadFile(r.mems[4], name, manifest.MaxWrap)
		if err != nil {
			r.t.Fatal(err)
		}
		if w, err := manifest.DecodeWrap(b); err == nil && string(w.KeyID) == string(id[:]) {
			return name
		}
	}
	r.t.Fatal("no such wrap")
	return ""
}

// TestStrayWraps: wraps of others, and second ones to the same recipient, on fewer disks
// than have the right ones, keep no device from the seal and are not on its record.
func TestStrayWraps(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, r *wrapsRig){
		"nothing":          func(*testing.T, *wrapsRig) {},
		"recovery, beside": func(_ *testing.T, r *wrapsRig) { r.plant(r.strayAge(), ".age", 0) },
		"recovery, on two": func(_ *testing.T, r *wrapsRig) { r.plant(r.strayAge(), ".age", 0, 1) },
		"recovery, no age": func(_ *testing.T, r *wrapsRig) { r.plant([]byte("garbage"), ".age", 0, 1, 2, 3, 4) },
		"site, a second":   func(_ *testing.T, r *wrapsRig) { r.plant(r.wrapTo(r.site), ".wrap", 0) },
		"recovery, in its place": func(t *testing.T, r *wrapsRig) {
			removeAll(t, r.mems[0], names(r.t, r.mems[0], ".age")[0])
			r.plant(r.strayAge(), ".age", 0)
		},
		"site, for the other's": func(t *testing.T, r *wrapsRig) {
			removeAll(t, r.mems[0], r.nameOf(r.other))
			r.plant(r.wrapTo(r.site), ".wrap", 0)
		},
		"none is whole": func(t *testing.T, r *wrapsRig) {
			for bay, m := range r.mems {
				if bay < 3 {
					rot(r.t, m, names(r.t, m, ".age")[0], 30)
				} else {
					rot(r.t, m, r.nameOf(r.other), 30)
				}
			}
			r.plant(r.strayAge(), ".age", 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newWrapsRig(t)
			spoil(t, r)
			r.opens()
		})
	}
}

// TestTiedWraps: where nobody can tell which wraps are right, and where one is missing,
// the seal takes none of them.
func TestTiedWraps(t *testing.T) {
	r := newWrapsRig(t)
	planted := []string{r.plant(r.strayAge(), ".age", 0, 1, 2, 3, 4), r.plant(r.wrapTo(r.site), ".wrap", 0, 1, 2, 3, 4)}
	gone := r.nameOf(r.other)
	for _, m := range r.mems {
		removeAll(t, m, gone)
	}
	r.opens()
	for bay, m := range r.mems {
		if left := append(names(t, m, ".wrap"), names(t, m, ".age")...); len(left) != 3 || slices.Contains(left, planted[0]) || slices.Contains(left, planted[1]) {
			t.Errorf("bay %d has %q", bay, left)
		}
	}
}

// TestRebuildLeavesStrayWraps: a new disk gets the device's own wraps only, and all where
// nobody can tell which these are.
func TestRebuildLeavesStrayWraps(t *testing.T) {
	for _, tied := range []bool{false, true} {
		r := newWrapsRig(t)
		want := append(names(t, r.mems[2], ".wrap"), names(t, r.mems[2], ".age")...)
		foreign := manifest.Wrap{Kind: manifest.WrapHPKE, Scope: r.cfg.Scope, KeyID: make([]byte, 32), Body: []byte("x")}
		r.plant(foreign.Encode(), ".wrap", 0)
		r.plant(r.wrapTo(r.site), ".wrap", 0)
		age := r.strayAge()
		r.plant(age, ".age", 0)
		if tied {
			want = append(want, r.plant(age, ".age", 2, 3, 4))
		}
		if err := r.replace(1); err != nil {
			t.Fatal(err)
		}
		got := append(names(t, r.mems[1], ".wrap"), names(t, r.mems[1], ".age")...)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("tied %v: the new disk has %q, want %q", tied, got, want)
		}
		if !tied {
			r.opens()
		}
	}
}
