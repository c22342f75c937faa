package extsort

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"github.com/sledge-io/sledge/internal/vfs"
)

func TestSortSpills(t *testing.T) {
	disk, err := vfs.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, memory := range []int{1 << 20, 20 << 10, 1500} {
		s := New(Config{FS: disk, Dir: "tmp", Memory: memory})
		const n = 5000
		for i, v := range rand.New(rand.NewSource(1)).Perm(n) {
			key := fmt.Appendf(nil, "secret-name-%05d", v/2)
			if err := s.Add(key, binary.BigEndian.AppendUint32(nil, uint32(i))); err != nil {
				t.Fatal(err)
			}
		}
		count, last := 0, []byte(nil)
		var lastValue uint32
		err := s.Each(func(key, value []byte) error {
			v := binary.BigEndian.Uint32(value)
			if c := bytes.Compare(last, key); c > 0 || c == 0 && v < lastValue {
				return fmt.Errorf("%s/%d after %s/%d", key, v, last, lastValue)
			}
			last, lastValue = append(last[:0], key...), v
			count++
			return nil
		})
		if err != nil || count != n {
			t.Fatalf("memory %d: %d pairs, %v", memory, count, err)
		}
		checkNoClear(t, disk)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if left, _ := disk.ReadDir("tmp"); len(left) != 0 {
			t.Fatalf("memory %d: %d scratch files left", memory, len(left))
		}
	}
}

// TestSortOrder compares with the standard library's stable sort: keys that end
// inside one another, hold zeros, share long beginnings or are the same.
func TestSortOrder(t *testing.T) {
	rnd := rand.New(rand.NewSource(2))
	disk, err := vfs.OS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, memory := range []int{1 << 20, 8 << 10} {
		for _, n := range []int{0, 1, 2, 100, 3000} {
			s := New(Config{FS: disk, Dir: "tmp", Memory: memory})
			var want []string
			for range n {
				key := make([]byte, rnd.Intn(40))
				for j := range key {
					key[j] = "\x00\x00\x00\x01a"[rnd.Intn(5)]
				}
				key = append(bytes.Repeat([]byte("same/"), rnd.Intn(3)), key...)
				want = append(want, string(key))
				if err := s.Add(key, binary.BigEndian.AppendUint32(nil, uint32(len(want)-1))); err != nil {
					t.Fatal(err)
				}
			}
			order := make([]int, n)
			for i := range order {
				order[i] = i
			}
			slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(want[a], want[b]) })
			i := 0
			err := s.Each(func(key, value []byte) error {
				if at := int(binary.BigEndian.Uint32(value)); at != order[i] || string(key) != want[at] {
					return fmt.Errorf("pair %d of %d: %q, the one added as number %d; want number %d", i, n, key, at, order[i])
				}
				i++
				return nil
			})
			if err != nil || i != n {
				t.Fatalf("memory %d: %d of %d pairs: %v", memory, i, n, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Names of files never stand on a disk in clear (P22).
func checkNoClear(t *testing.T, disk vfs.FS) {
	t.Helper()
	list, _ := disk.ReadDir("tmp")
	for _, e := range list {
		b, err := vfs.ReadFile(disk, "tmp/"+e.Name(), 1<<30)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(b, []byte("secret-name")) {
			t.Fatalf("%s holds a key in clear", e.Name())
		}
	}
}
