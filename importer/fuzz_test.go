package importer

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/internal/audit"
	"github.com/sledge-io/sledge/internal/testlimit"
	"github.com/sledge-io/sledge/internal/vfs"
)

// sampleList is an objects.list as a run writes it.
func sampleList(t testing.TB) []byte {
	t.Helper()
	s, disk := newSource(), memDisk()
	s.file("a", []byte("hello"))
	s.file("b.empty", nil)
	f := &fakeTarget{objects: map[string]fakeObject{}, uploads: map[string]*fakeUpload{}, byCall: map[string]int{}, now: time.Now, initiator: "us"}
	if _, err := Run(context.Background(), s, f, testOptions(nil, disk)); err != nil {
		t.Fatal(err)
	}
	list, err := vfs.ReadFile(disk, "receipts/objects.list", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// FuzzObjectsList: a list from anybody is read in bounded room and gives an error
// or a report, whatever the store is asked because of it.
func FuzzObjectsList(f *testing.F) {
	list := sampleList(f)
	f.Add(list)
	f.Add(list[:len(list)-1])
	f.Add(append(bytes.Clone(list), list...))
	f.Add([]byte(strings.Repeat("0", 64) + " {}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		defer testlimit.Alloc(t, testlimit.Input)()
		empty := &fakeTarget{t: t, objects: map[string]fakeObject{}, uploads: map[string]*fakeUpload{}, byCall: map[string]int{}, now: time.Now}
		rep, err := audit.Objects(context.Background(), bytes.NewReader(b), empty, audit.ObjectOptions{Concurrency: 1, Retries: 1, Backoff: 1})
		if err == nil && rep.Same > 0 {
			t.Errorf("%d objects of an empty store are the same", rep.Same)
		}
	})
}
