package importer

import (
	"crypto/sha256"
	"io/fs"
	"math/rand"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/vfs"
)

func sum(b []byte) []byte {
	s := sha256.Sum256(b)
	return s[:]
}

func newRand(seed int64) *rand.Rand { return rand.New(rand.NewSource(seed)) }

// onTape are options for a target that is not S3's: with one limit of its own, or none.
func onTape(t *testing.T, o Options, limit string) Options {
	t.Helper()
	fields := `"name":"tape"`
	if limit != "" {
		fields += "," + limit
	}
	var err error
	if o.Profiles, err = target.ReadProfiles([]byte(`{"profiles":[{` + fields + `}]}`)); err != nil {
		t.Fatal(err)
	}
	o.Profile = "tape"
	return o
}

func fixedClock() func() time.Time {
	return func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }
}

// imaging calls take before every change of the disk.
type imaging struct {
	vfs.FS
	take func(name string)
}

func (i *imaging) Create(name string, o vfs.CreateOptions) (vfs.File, error) {
	i.take(name)
	return i.FS.Create(name, o)
}

func (i *imaging) Rename(oldname, newname string) error {
	i.take(newname)
	return i.FS.Rename(oldname, newname)
}

func (i *imaging) Mkdir(name string, perm fs.FileMode) error {
	i.take(name)
	return i.FS.Mkdir(name, perm)
}

func (i *imaging) SyncDir(name string) error {
	i.take(name)
	return i.FS.SyncDir(name)
}
