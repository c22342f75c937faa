package simulator

import (
	"context"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"slices"
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
		l.model = emptyModel()
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

// emptyModel is a source without entries, made an hour ago.
func emptyModel() *model { return emptySource(NewClock(time.Now().Add(-time.Hour), time.Millisecond)) }

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
