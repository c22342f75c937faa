package simulator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
)

func long() bool { return os.Getenv("SLEDGE_LONG") == "1" }

// tinyLife is a sealed device of 2+1 disks with a few small entries.
func tinyLife(t *testing.T, seed uint64, more ...func(*model)) *life {
	t.Helper()
	for ; ; seed++ {
		l := newLife(Plan{Seed: seed, Only: []int{}})
		must(t, l.begin(context.Background()))
		if l.cfg.Job.Geometry.K != 2 || l.cfg.Job.Geometry.BlockSize != 4096 {
			continue
		}
		rng := rand.New(rand.NewPCG(seed, 0))
		l.model = &model{tree: vfs.NewMemTree(NewClock(time.Now().Add(-time.Hour), time.Millisecond).Now), now: map[string]string{}, ever: map[string]map[string]bool{}, linked: map[string]bool{}}
		l.model.write("a", randomBytes(rng, 3000))
		l.model.write("folder/b", randomBytes(rng, 9000))
		l.model.write("empty", nil)
		l.model.symlink("nowhere", "link")
		for _, f := range more {
			f(l.model)
		}
		must(t, l.loadAll(context.Background()))
		must(t, l.sealAll(context.Background()))
		return l
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// files lists a disk's files with their sizes.
func (l *life) files(t *testing.T, disk int) map[string]int64 {
	t.Helper()
	files := map[string]int64{}
	must(t, vfs.Walk(l.disks[disk], appliance.Root, vfs.Limits{}, func(name string, d fs.DirEntry) error {
		if d.Type().IsRegular() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			files[name] = info.Size()
		}
		return nil
	}))
	return files
}

// put gives a file other content.
func (l *life) put(t *testing.T, disk int, name string, data []byte) {
	t.Helper()
	f, err := l.disks[disk].Open(name, vfs.OpenOptions{Write: true})
	must(t, err)
	must(t, f.Truncate(int64(len(data))))
	_, err = f.WriteAt(data, 0)
	must(t, err)
	must(t, f.Sync())
	must(t, f.Close())
}

func (l *life) get(t *testing.T, disk int, name string) []byte {
	t.Helper()
	data, err := vfs.ReadFile(l.disks[disk], name, 1<<30)
	must(t, err)
	return data
}

// reported tells whether the independent verifier names anything.
func (l *life) reported(t *testing.T) (named bool, verdict fsck.Verdict) {
	t.Helper()
	rep, err := l.fsck(context.Background())
	must(t, err)
	named = slices.ContainsFunc(rep.Findings, func(f fsck.Finding) bool { return f.Severity > fsck.Note })
	return named, rep.Verdict
}

// judge is what may become of a spoilt set: if it can be read, it is read right;
// and the verifier says what is wrong. onOne: the damage is on one disk, so it has
// to be readable.
func (l *life) judge(t *testing.T, what string, onOne bool) {
	t.Helper()
	err := l.readBack(context.Background())
	named, verdict := l.reported(t)
	switch {
	case err != nil && onOne:
		t.Errorf("%s: cannot be read: %v", what, err)
	case errors.Is(err, errWrong):
		t.Errorf("%s: read wrong: %v", what, err)
	case !named:
		t.Errorf("%s: the verifier names nothing", what)
	case onOne && verdict > fsck.VerdictRepairable:
		t.Errorf("%s: verdict %v", what, verdict)
	}
}

// TestFlips flips bits of every file of a sealed device: on one disk, where all
// must be read all the same, and of small files on all disks at once, where it is
// read right or refused. The verifier names each. Of larger files every stride-th
// byte is met; SLEDGE_LONG=1 flips every bit.
func TestFlips(t *testing.T) {
	l := tinyLife(t, 100)
	flips := 0
	end := time.Now().Add(15 * time.Second)
	rng := rand.New(rand.NewPCG(1, 2))
	names := slices.Sorted(func(yield func(string) bool) {
		for name := range l.files(t, 0) {
			if !yield(name) {
				return
			}
		}
	})
	for round := 0; round == 0 || long() || time.Now().Before(end); round++ {
		for _, name := range names {
			if !long() && time.Now().After(end.Add(5*time.Second)) {
				break
			}
			whole := l.get(t, 0, name)
			if len(whole) == 0 {
				continue
			}
			bits := []int{rng.IntN(8 * len(whole))}
			if long() {
				bits = nil
				for bit := range 8 * len(whole) {
					bits = append(bits, bit)
				}
			}
			for _, bit := range bits {
				spoilt := bytes.Clone(whole)
				spoilt[bit/8] ^= 1 << (bit % 8)
				l.put(t, 0, name, spoilt)
				l.judge(t, fmt.Sprintf("%s, byte %d of %d, bit %d", name, bit/8, len(whole), bit%8), true)
				l.put(t, 0, name, whole)
				flips++
			}
			if t.Failed() {
				return
			}
		}
		if long() {
			break
		}
	}
	t.Logf("figure: %d flips over %d files", flips, len(names))
}

// TestFlipsEverywhere: the same flip in the copies on all disks.
func TestFlipsEverywhere(t *testing.T) {
	l := tinyLife(t, 100)
	rng := rand.New(rand.NewPCG(3, 4))
	flips := 0
	for name := range l.files(t, 0) {
		if strings.Contains(name, "/packs/") && !strings.HasSuffix(name, ".hashes") || path.Base(name) == "disk.header" {
			continue // not the same on all disks
		}
		whole := l.get(t, 0, name)
		for range 40 {
			if len(whole) == 0 {
				break
			}
			bit := rng.IntN(8 * len(whole))
			if inKeyID(whole, bit/8) {
				continue // DSSE calls it a hint, and nothing is decided by it
			}
			spoilt := bytes.Clone(whole)
			spoilt[bit/8] ^= 1 << (bit % 8)
			for i := range l.disks {
				if bytes.Equal(l.get(t, i, name), whole) {
					l.put(t, i, name, spoilt)
				}
			}
			l.judge(t, fmt.Sprintf("%s on all disks, byte %d, bit %d", name, bit/8, bit%8), false)
			for i := range l.disks {
				if bytes.Equal(l.get(t, i, name), spoilt) {
					l.put(t, i, name, whole)
				}
			}
			flips++
		}
	}
	must(t, l.readBack(context.Background()))
	t.Logf("figure: %d flips", flips)
}

// inKeyID: the value, or a letter of the name, with which the field is an unknown one.
func inKeyID(envelope []byte, at int) bool {
	const name = `"keyid":"`
	from := bytes.Index(envelope, []byte(name))
	letter := at > from && at < from+len(`"keyid`)
	return from >= 0 && (letter || at >= from+len(name) && at < from+len(name)+64)
}

// TestLabelFlips: no other text passes for the label.
func TestLabelFlips(t *testing.T) {
	l := tinyLife(t, 100)
	for bit := range 8 * len(l.label) {
		label := bytes.Clone(l.label)
		label[bit/8] ^= 1 << (bit % 8)
		if set, err := appliance.OpenSet(l.set(nil), l.signerKey(), label); err == nil && set.LabelChecked {
			t.Errorf("byte %d, bit %d: %q was taken for %q", bit/8, bit%8, label[max(0, bit/8-10):min(len(label), bit/8+10)], l.label[max(0, bit/8-10):min(len(label), bit/8+10)])
		}
	}
}
