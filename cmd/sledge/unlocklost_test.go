package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// TestUnlockTellsLost: after a rebuild that could not restore all, no later command says
// that all is well: unlock ends with 7, and says that the old disk may have what is lost.
func TestUnlockTellsLost(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	for _, name := range []string{"a", "b", "c", "d"} {
		f.write("src/"+name, name+" of the source")
		f.sledge(0, "load", "src")
	}
	f.sledge(0, "lock")
	spoilJournal(t, "bay1")
	if err := os.Mkdir("new", 0o700); err != nil {
		t.Fatal(err)
	}
	f.sledge(exitLost, "rebuild", "--disk", "bay1,bay2", "--replace", "new", "--allow-shared")
	f.says(f.sledge(exitLost, "unlock", "--code-file", "code", "--disk", "new,bay1,bay2"), "is unlocked for job", "error: ", "data lost",
		"hint: the device is unlocked, but cannot be used with these disks alone")
	f.says(f.sledge(exitLost, "status", "--disk", "new,bay1,bay2"), "state       unlocked", "next        bring every disk", "data lost")
	f.sledge(0, "lock")
	f.sledge(0, "unlock", "--code-file", "code", "--disk", "bay0,bay1,bay2") // the old disk has it all
}

// spoilJournal damages a frame in the middle of the longest journal of a disk.
func spoilJournal(t *testing.T, disk string) {
	t.Helper()
	names, err := filepath.Glob(disk + "/sledge/journal/*.journal")
	longest, size := "", int64(0)
	for _, name := range names {
		if info, e := os.Stat(name); e == nil && info.Size() > size {
			longest, size = name, info.Size()
		}
	}
	b, err2 := os.ReadFile(longest)
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	copy(b[len(b)/2:], "\xff\xff\xff\xff")
	if err := os.WriteFile(longest, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestUnlockTellsWhatItCannotSee: an unlock that cannot tell what is safe does not end as
// if all were well, and says that the device is unlocked.
func TestUnlockTellsWhatItCannotSee(t *testing.T) {
	f := newField(t)
	f.sledge(0, "unlock", "--job", "job.dsse", "--code-file", "code", "--allow-shared")
	f.sledge(0, "load", "src")
	f.sledge(0, "lock")
	f.says(f.sledge(exitDisks, "unlock", "--code-file", "code", "--disk", "bay0"), "is unlocked for job", "error: what is safe on the disks is not known: too few disks",
		"hint: the device is unlocked", "sledge status --disk bay0 --device dev", "hint: bring the missing disks")
	f.says(f.sledge(exitDisks, "status", "--disk", "bay0"), "state       unlocked")
	f.says(f.sledge(0, "status"), "safe        1 entry")
}
