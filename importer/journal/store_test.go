package journal

import (
	"errors"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

const folder = "state/journal"

func open(t testing.TB, disk vfs.FS) *Store {
	t.Helper()
	s, err := Open(disk, folder)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func memory() *vfs.Mem { return vfs.NewMem(vfs.MemOptions{}) }

// model is what a journal holds.
type model map[Key]string

// change makes a random change of a few keys, in the journal and the model.
func (m model) change(rng *rand.Rand, s *Store) error {
	k := Key{[]Kind{'h', 'o', 'o', 'o', Sums, 'u'}[rng.Intn(6)], uint64(rng.Intn(5)*1000 + rng.Intn(40))}
	switch rng.Intn(12) {
	case 0:
		delete(m, k)
		return s.Delete(k)
	case 1:
		for other := range m {
			if other.page() == k.page() {
				delete(m, other)
			}
		}
		return s.ClearPage(k)
	}
	m[k] = fmt.Sprint(rng.Int63()) + strings.Repeat("x", rng.Intn(300))
	return s.Set(k, []byte(m[k]))
}

// diff compares a journal with a model: by its cursors, by point reads and by searches.
func (m model) diff(s *Store) error {
	met := 0
	for _, kind := range []Kind{'h', 'o', Sums, 'u', 'x'} {
		c, last := s.Cursor(kind, 0), int64(-1)
		for {
			n, value, ok, err := c.Next()
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if int64(n) <= last {
				return fmt.Errorf("%c %d behind %d", kind, n, last)
			}
			last = int64(n)
			if want, ok := m[Key{kind, n}]; !ok || want != string(value) {
				return fmt.Errorf("%c %d is %q, want %q", kind, n, value, want)
			}
			met++
		}
	}
	if met != len(m) {
		return fmt.Errorf("%d values, want %d", met, len(m))
	}
	search := s.Cursor('o', 3)
	for n := uint64(3); n < 4100; n += 3 {
		want, there := m[Key{'o', n}]
		value, ok, err := search.Find(n)
		if err != nil || ok != there || string(value) != want {
			return fmt.Errorf("o %d: %q, %v, %v, want %q", n, value, ok, err, want)
		}
		if value, err := s.Get(Key{'o', n}); err != nil || (value != nil) != there || string(value) != want {
			return fmt.Errorf("get o %d: %q, %v, want %q", n, value, err, want)
		}
	}
	return nil
}

func forceTurn(s *Store) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.turn()
}

// TestModel changes a journal at random, with turns and new openings between, and compares it with
// a map.
func TestModel(t *testing.T) {
	rng, disk, m := rand.New(rand.NewSource(1)), memory(), model{}
	s := open(t, disk)
	for range 40 {
		for range rng.Intn(100) {
			if err := m.change(rng, s); err != nil {
				t.Fatal(err)
			}
		}
		switch rng.Intn(4) {
		case 0, 1:
			if err := forceTurn(s); err != nil {
				t.Fatal(err)
			}
		case 2:
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, disk)
		}
		if err := m.diff(s); err != nil {
			t.Fatal(err)
		}
	}
	files, _ := disk.ReadDir(folder)
	var size, live int64
	for _, f := range s.files {
		size, live = size+int64(f.size), live+f.live
	}
	if len(files) > 40 || size > 4*live+1<<20 {
		t.Errorf("%d files, %d bytes of which %d count", len(files), size, live)
	}
}

// TestCrash cuts the power at every operation of a journal's life, keeping none, some or all of
// what was not durable. What a Sync had confirmed is there; beyond it the state is that after some
// change.
func TestCrash(t *testing.T) {
	life := func(rng *rand.Rand, disk vfs.FS, note func(m model, synced bool)) error {
		m := model{}
		for range 3 {
			s, err := Open(disk, folder)
			if err != nil {
				return err
			}
			for i := range 40 {
				if err := m.change(rng, s); err != nil {
					return err
				}
				note(m, false)
				if i%9 == 0 {
					if err := s.Sync(); err != nil {
						return err
					}
					note(m, true)
				}
				if i%17 == 16 {
					if err := forceTurn(s); err != nil {
						return err
					}
				}
			}
			if err := s.Close(); err != nil {
				return err
			}
			note(m, true)
		}
		return nil
	}
	for n := int64(1); ; n++ {
		disk := memory()
		disk.OnOp(func(op vfs.Op) error {
			if op.N == n {
				disk.Halt()
			}
			return nil
		})
		states, durable := []model{{}}, 0
		err := life(rand.New(rand.NewSource(7)), disk, func(m model, synced bool) {
			if synced {
				durable = len(states) - 1
				return
			}
			states = append(states, maps.Clone(m))
		})
		if disk.Ops() < n {
			if err != nil || n < 150 {
				t.Errorf("%d operations, %v", n, err)
			}
			t.Logf("figure: the power was cut at each of %d operations of a journal's life", n-1)
			return
		}
		for _, percent := range []int{0, 50, 100} {
			s, err := Open(disk.CrashClone(rand.New(rand.NewSource(n)), percent), folder)
			if err != nil {
				t.Fatalf("operation %d, %d %%: %v", n, percent, err)
			}
			there, err := dump(s)
			if err != nil {
				t.Fatalf("operation %d, %d %%: %v", n, percent, err)
			}
			// The change under way may be there, too.
			if !slices.ContainsFunc(states[durable:], func(m model) bool { return maps.Equal(m, there) }) && !isNext(states[len(states)-1], there) {
				t.Fatalf("operation %d, %d %%: of %d states none after the %dth is there", n, percent, len(states), durable)
			}
		}
	}
}

// dump reads all of a journal.
func dump(s *Store) (model, error) {
	m := model{}
	for _, kind := range []Kind{'h', 'o', Sums, 'u'} {
		c := s.Cursor(kind, 0)
		for {
			n, value, ok, err := c.Next()
			if err != nil {
				return nil, err
			}
			if !ok {
				break
			}
			m[Key{kind, n}] = string(value)
		}
	}
	return m, nil
}

// isNext tells what is one change further than m: one key differs, or a page is empty.
func isNext(m, there model) bool {
	differ, pages := 0, map[pageKey]bool{}
	for _, side := range [][2]model{{m, there}, {there, m}} {
		for k, v := range side[0] {
			if other, ok := side[1][k]; !ok || other != v {
				differ++
				pages[k.page()] = true
			}
		}
	}
	if len(pages) != 1 || differ <= 2 {
		return len(pages) == 1
	}
	for k := range there {
		if pages[k.page()] {
			return false
		}
	}
	return true
}

// TestFull: a disk that takes no more is an error of every call from then on, and nothing that was
// durable is lost.
func TestFull(t *testing.T) {
	disk := memory()
	fault := vfs.NewFault(disk)
	s := open(t, fault)
	if err := errors.Join(s.Set(Key{'o', 1}, []byte("1")), s.Sync()); err != nil {
		t.Fatal(err)
	}
	fault.Add(vfs.Rule{Op: vfs.OpWrite, Times: 1 << 30, Err: syscall.ENOSPC})
	if err := errors.Join(s.Set(Key{'o', 2}, []byte("2")), s.Sync()); !errors.Is(err, syscall.ENOSPC) || s.Failed() == nil {
		t.Errorf("%v", err)
	}
	fault.Clear()
	if err := s.Set(Key{'o', 3}, []byte("3")); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("after it: %v", err)
	}
	if _, err := s.Get(Key{'o', 1}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("get after it: %v", err)
	}
	s.Close()
	if err := (model{{'o', 1}: "1"}).diff(open(t, disk)); err != nil {
		t.Error(err)
	}
}

// TestOlderKind: files of the database before are refused by name.
func TestOlderKind(t *testing.T) {
	for _, name := range []string{"MANIFEST-000001", "OPTIONS-000003", "000004.sst", "000002.log", "marker.manifest.000001.MANIFEST-000001"} {
		disk := memory()
		for _, dir := range []string{"state", folder} {
			if err := disk.Mkdir(dir, 0); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := disk.Create(folder+"/"+name, vfs.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(disk, folder); !errors.Is(err, ErrOldKind) {
			t.Errorf("%s: %v", name, err)
		}
		if entries, _ := disk.ReadDir(folder); len(entries) != 1 {
			t.Errorf("%s: %v", name, entries)
		}
	}
}
