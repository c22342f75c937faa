package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// oddCopy is what a person, another file system or a backup makes of a disk.
type oddCopy struct {
	name   string
	change func(t *testing.T, bay string)
	verify int // exit code of verify; the readers go on
}

// shardsIn are the shards below a folder of packs.
func shardsIn(t *testing.T, bay string) []string {
	t.Helper()
	all, err := filepath.Glob(bay + "/sledge/packs/*/*.shard")
	if err != nil || len(all) < 2 {
		t.Fatalf("%s: %v, %v", bay, all, err)
	}
	return all
}

func oddCopies(t *testing.T) []oddCopy {
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	each := func(change func(name string) error) func(*testing.T, string) {
		return func(t *testing.T, bay string) {
			for _, name := range shardsIn(t, bay) {
				must(os.Chmod(name, 0o600))
				must(change(name))
			}
		}
	}
	return []oddCopy{
		{"foreign files", func(t *testing.T, bay string) {
			packs := bay + "/sledge/packs"
			for _, name := range []string{"/.DS_Store", "/Thumbs.db", "/00/readme.txt", "/zz/x", "/00/00000000000000000000000000000000.00.shard", "/00/00000000000000000000000000000000.99.shard"} {
				must(os.MkdirAll(filepath.Dir(packs+name), 0o700))
				must(os.WriteFile(packs+name, []byte("x"), 0o600))
			}
			must(os.WriteFile(bay+"/sledge/._job.dsse", []byte("x"), 0o600))
			must(os.WriteFile(bay+"/lost.txt", []byte("x"), 0o600))
		}, exitDone},
		{"names in upper case", each(func(name string) error {
			return os.Rename(name, filepath.Join(filepath.Dir(name), strings.ToUpper(filepath.Base(name))))
		}), exitDamage},
		{"empty shards", each(func(name string) error { return os.Truncate(name, 0) }), exitDamage},
		{"shards cut short", each(func(name string) error { return os.Truncate(name, 100) }), exitDamage},
		{"shards longer than they should be", each(func(name string) error {
			info, err := os.Stat(name)
			if err != nil {
				return err
			}
			return os.Truncate(name, info.Size()+1)
		}), exitDamage},
		{"folders in the shards' places", each(func(name string) error {
			if err := os.Remove(name); err != nil {
				return err
			}
			return os.Mkdir(name, 0o700)
		}), exitDamage},
		{"links in the shards' places", each(func(name string) error {
			other := name + ".elsewhere"
			if err := os.Rename(name, other); err != nil {
				return err
			}
			return os.Symlink(filepath.Base(other), name)
		}), exitDamage},
		{"a link in the folder's place", func(t *testing.T, bay string) {
			must(os.Rename(bay+"/sledge", bay+"/moved"))
			must(os.Symlink("moved", bay+"/sledge"))
		}, exitDamage},
		{"a link in the packs' place", func(t *testing.T, bay string) {
			must(os.Rename(bay+"/sledge/packs", bay+"/packs"))
			must(os.Symlink("../packs", bay+"/sledge/packs"))
		}, exitDamage},
		{"a file in the folder's place", func(t *testing.T, bay string) {
			must(os.RemoveAll(bay + "/sledge"))
			must(os.WriteFile(bay+"/sledge", []byte("x"), 0o600))
		}, exitDamage},
		{"an empty folder", func(t *testing.T, bay string) {
			must(os.RemoveAll(bay + "/sledge"))
			must(os.Mkdir(bay+"/sledge", 0o700))
		}, exitDamage},
	}
}

// oddVerbs are the commands of lieVerbs that read disks in ways of their own.
func oddVerbs(store string) (verbs []lieVerb) {
	for _, v := range lieVerbs(store) {
		if slices.Contains([]string{"verify", "receive", "extract", "import", "rebuild"}, v.args[0]) {
			verbs = append(verbs, v)
		}
	}
	return verbs
}

// TestOddCopies: what is odd about one disk every command takes for the same: as no more
// than the loss of that disk.
func TestOddCopies(t *testing.T) {
	f, label, _ := sealedField(t)
	f.write("h.label", string(label))
	verbs := oddVerbs(emptyStore(t))
	for _, bay := range []string{"bay0", "bay1", "bay2"} {
		if err := os.CopyFS("sealed/"+bay, os.DirFS(bay)); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range oddCopies(t) {
		t.Run(c.name, func(t *testing.T) {
			copyBays(t)
			c.change(t, "bay1")
			for _, v := range verbs {
				clearOutput(t)
				want, args := []int{exitDone}, v.args
				switch {
				case v.args[0] == "verify" && v.args[1] == "manifest":
					want = []int{exitDone, c.verify} // it reads no shards but those of pages
				case v.args[0] == "verify":
					want = []int{c.verify}
				case v.args[0] == "rebuild": // the odd disk is what is replaced
					args = slices.Clone(v.args)
					args[slices.Index(args, "bay0,bay1")] = "bay0,bay2"
				}
				if code, says := f.try(args...); !slices.Contains(want, code) {
					t.Errorf("sledge %s: exit %d, want %v: %s", strings.Join(args[:2], " "), code, want, says)
				}
			}
			clearOutput(t) // now it is a source
			code, says := f.try("rebuild", "--replace", "new", "--trust", "site/signer.pub", "--disk", "bay0,bay1", "--allow-shared")
			want := exitLost // with its shards and those of the disk that is missing
			switch c.name {
			case "foreign files", "shards longer than they should be":
				want = exitDone
			case "a file in the folder's place", "an empty folder":
				want = exitUsage // two bays are missing
			case "a link in the folder's place", "a link in the packs' place":
				return // its bytes are there
			}
			if code != want {
				t.Errorf("rebuild from it: exit %d, want %d: %s", code, want, says)
			}
		})
	}
}
