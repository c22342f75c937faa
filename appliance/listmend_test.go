package appliance

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"maps"
	mrand "math/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/pack"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// sealedDisks are the files of a sealed device of one pack, to be damaged in memory.
type sealedDisks struct {
	signer ed25519.PublicKey
	label  []byte
	files  []map[string][]byte // by disk, below its root
	pack   *manifest.Pack
	rig    *rig
}

func newSealedDisks(t *testing.T, k, m, n int) *sealedDisks {
	t.Helper()
	r := newRig(t, rigOptions{k: k, m: m, disks: n, block: 4096})
	r.load(smallTree(t, 5, 60000))
	s := &sealedDisks{signer: r.signer.Public().(ed25519.PublicKey), label: r.seal().Label, rig: r}
	set, err := OpenSet(r.cfg.Disks, s.signer, s.label)
	if err != nil {
		t.Fatal(err)
	}
	if s.pack, err = set.Pack(0); err != nil {
		t.Fatal(err)
	}
	for _, dir := range r.dirs {
		files := map[string][]byte{}
		err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
			if err != nil || e.IsDir() {
				return err
			}
			name, _ := filepath.Rel(dir, path)
			files[name], err = os.ReadFile(path)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		s.files = append(s.files, files)
	}
	return s
}

// copy gives the files for damage; what is in them may be changed in place.
func (s *sealedDisks) copy() []map[string][]byte {
	var out []map[string][]byte
	for _, disk := range s.files {
		c := map[string][]byte{}
		for name, b := range disk {
			c[name] = bytes.Clone(b)
		}
		out = append(out, c)
	}
	return out
}

// disks writes files to disks in memory, in this order.
func disksOf(t *testing.T, files []map[string][]byte) (out []Disk) {
	t.Helper()
	for i, disk := range files {
		mem := vfs.NewMem(vfs.MemOptions{})
		for _, name := range slices.Sorted(maps.Keys(disk)) {
			if err := durable.MkdirAll(mem, filepath.Dir(name)); err != nil {
				t.Fatal(err)
			}
			f, err := mem.Create(name, vfs.CreateOptions{})
			if err == nil {
				_, err = f.WriteAt(disk[name], 0)
			}
			if err != nil {
				t.Fatal(err)
			}
			f.Close()
		}
		out = append(out, Disk{Name: "x" + string(rune('a'+i)), FS: mem})
	}
	return out
}

// both asks reader and verifier for the hash list of the pack, and whether its data can be had.
func (s *sealedDisks) both(t *testing.T, disks []Disk) (list, data, verified, whole bool) {
	t.Helper()
	set, err := OpenSet(disks, s.signer, s.label)
	if err != nil {
		t.Fatal(err)
	}
	pr, err := pack.NewReader(set.Disks(), s.pack, &pack.Repairs{})
	if err != nil {
		t.Fatal(err)
	}
	defer pr.Close()
	_, lerr := pr.Proven()
	list = lerr == nil
	data = list && pr.ReadProven(make([]byte, s.pack.BodySize), 0) == nil
	o := fsck.Options{Trust: &fsck.Trust{Key: s.signer}, Label: s.label}
	for _, d := range disks {
		o.Disks = append(o.Disks, fsck.Disk{Name: d.Name, FS: vfs.Std(d.FS)})
	}
	rep, err := fsck.Disks(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Verdict == fsck.VerdictRefused {
		t.Fatalf("refused: %+v", rep.Findings)
	}
	return list, data, !rep.Has("hashlist-lost"), !rep.Has("hashlist-lost") && !rep.Has("stripe-lost") && !rep.Has("stripe-undecided")
}

// TestListFromBlocks: a hash list of which no disk has a copy is made from the blocks, by
// the reader as by the verifier.
func TestListFromBlocks(t *testing.T) {
	s := newSealedDisks(t, 2, 1, 3)
	files := s.copy()
	for _, disk := range files {
		for name := range disk {
			if strings.HasSuffix(name, ".hashes") || strings.HasSuffix(name, ".piece") {
				delete(disk, name)
			}
		}
	}
	if list, data, verified, whole := s.both(t, disksOf(t, files)); !list || !data || !verified || !whole {
		t.Errorf("list %v, data %v; verified %v, whole %v", list, data, verified, whole)
	}
	for _, fsys := range files { // and of what is bad in every copy
		fsys[disk.HashesName(s.pack.ID)] = bytes.Clone(s.files[0][disk.HashesName(s.pack.ID)])
		fsys[disk.HashesName(s.pack.ID)][5] ^= 1
	}
	if list, data, verified, whole := s.both(t, disksOf(t, files)); !list || !data || !verified || !whole {
		t.Errorf("bad in all copies: list %v, data %v; verified %v, whole %v", list, data, verified, whole)
	}
}

// TestImageOfDisk: of a disk that fails and its image each serves where the other is bad:
// for blocks, for the hash list and for its pieces, in whichever order they are given.
func TestImageOfDisk(t *testing.T) {
	s := newSealedDisks(t, 2, 1, 3)
	list, shard, piece := disk.HashesName(s.pack.ID), disk.ShardName(s.pack.ID, 0), disk.PieceName(s.pack.ID, 0)
	home, other, parity := int(s.pack.Bays[0]), int(s.pack.Bays[1]), int(s.pack.Bays[2])
	for name, damage := range map[string]func(files []map[string][]byte, image map[string][]byte){
		"blocks": func(files []map[string][]byte, image map[string][]byte) {
			files[home][shard][10] ^= 1
			image[shard][5000] ^= 1
		},
		"a short shard": func(files []map[string][]byte, image map[string][]byte) {
			files[home][shard] = files[home][shard][:4096]
			image[shard][10] ^= 1
		},
		"a piece": func(files []map[string][]byte, image map[string][]byte) {
			for _, d := range append(files, image) {
				delete(d, list)
			}
			delete(files[parity], disk.PieceName(s.pack.ID, 2))
			files[home][piece][3] ^= 1
		},
		"a witness of the hash list": func(files []map[string][]byte, image map[string][]byte) {
			for j := range 3 {
				for _, d := range append(files, image) {
					delete(d, disk.PieceName(s.pack.ID, j))
				}
			}
			files[home][list][2] ^= 1  // the field of block 0, as two have it,
			files[other][list][2] ^= 1 // and
			files[parity][list][40] ^= 1
			delete(image, list)
			files[home][shard][10] ^= 1
		},
	} {
		for _, imageFirst := range []bool{false, true} {
			files := s.copy()
			image := s.copy()[home]
			damage(files, image)
			if !strings.HasPrefix(name, "a witness") {
				delete(files[parity], disk.ShardName(s.pack.ID, 2)) // so that nothing is decoded
			}
			if imageFirst {
				files[home], image = image, files[home]
			}
			list, data, verified, whole := s.both(t, disksOf(t, append(files, image)))
			if !list || !data || !verified || !whole {
				t.Errorf("%s, image first %v: list %v, data %v; verified %v, whole %v", name, imageFirst, list, data, verified, whole)
			}
		}
	}
}

// TestListsAgree damages copies, pieces and blocks at random, with the images of disks
// among them: what the verifier calls repairable the reader repairs, and what it calls
// lost is lost to the reader.
func TestListsAgree(t *testing.T) {
	s := newSealedDisks(t, 3, 2, 6)
	rng := mrand.New(mrand.NewSource(1))
	lost, mended := 0, 0
	for seed := range 30 {
		files := s.copy()
		for range rng.Intn(3) {
			i := rng.Intn(len(s.files))
			files = append(files, s.copy()[i])
		}
		level := 1 + rng.Intn(70)
		for _, disk := range files {
			for _, name := range slices.Sorted(maps.Keys(disk)) {
				b := disk[name]
				isList := strings.Contains(name, s.pack.ID.String()) && !strings.HasSuffix(name, ".shard")
				switch {
				case !strings.Contains(name, s.pack.ID.String()):
				case rng.Intn(100) < level:
					delete(disk, name)
				case isList:
					for range rng.Intn(level) {
						b[rng.Intn(len(b))] ^= 1
					}
				case rng.Intn(100) < level:
					b[rng.Intn(len(b))] ^= 1
				}
			}
		}
		list, data, verified, whole := s.both(t, disksOf(t, files))
		if list != verified || data != whole {
			t.Errorf("seed %d, level %d, %d disks: list %v, data %v; verified %v, whole %v", seed, level, len(files), list, data, verified, whole)
		}
		if list {
			mended++
		} else {
			lost++
		}
	}
	if lost == 0 || mended == 0 {
		t.Errorf("%d lost, %d mended", lost, mended)
	}
}
