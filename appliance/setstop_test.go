package appliance

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/internal/liar"
	"github.com/sledge-io/sledge/internal/vfs"
)

// openCounter calls met for each file that is opened below the log.
type openCounter struct {
	vfs.FS
	met func()
}

func (c openCounter) Open(name string, o vfs.OpenOptions) (vfs.File, error) {
	if strings.HasPrefix(name, disk.LogDir+"/tile") {
		c.met()
	}
	return c.FS.Open(name, o)
}

// TestOpenSetStops: the search for a log that is not there ends with the context, whatever
// size the device signed.
func TestOpenSetStops(t *testing.T) {
	r := newRig(t, rigOptions{k: 2, m: 1, disks: 3, block: 4096})
	r.load(smallTree(t, 3, 5000))
	label := r.seal().Label
	s, err := OpenSet(r.cfg.Disks, nil, label)
	if err != nil {
		t.Fatal(err)
	}
	k, err := s.OpenWithSite(r.site)
	if err != nil {
		t.Fatal(err)
	}
	d, err := liar.Open(r.dirs, label, liar.Keys{Device: r.cfg.Key, Signer: r.signer, Load: k})
	if err == nil {
		err = d.SignAt(1<<20, false)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	opened := 0
	disks := r.disks()
	for i := range disks {
		disks[i].FS = openCounter{disks[i].FS, func() {
			if opened++; opened == 5 {
				cancel()
			}
		}}
	}
	_, err = OpenSetContext(ctx, disks, r.signer.Public().(ed25519.PublicKey), nil)
	if !errors.Is(err, context.Canceled) || opened != 5 {
		t.Errorf("%d files opened: %v", opened, err)
	}
}
