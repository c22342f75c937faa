package ingest

import (
	"errors"
	"fmt"
	"hash/maphash"
	"strings"

	"github.com/sledge-io/sledge/manifest"
)

// Names is what a device has under each path, so that a door refuses what would take
// another's place, or would have no place in a manifest: a file in a folder's place, and
// something below a file. It keeps hashes, about 50 bytes a name, and at most MaxNames.
type Names struct {
	seed  maphash.Seed
	paths map[uint64]name
}

// MaxNames bounds the names of a device with a door.
const MaxNames = 1 << 20

// ErrManyNames: a door is for devices of at most MaxNames names.
var ErrManyNames = errors.New("the device has more names than a door takes")

// name is what stands under a path.
type name struct {
	kind  byte
	below uint32 // entries below
}

const (
	nameNone        byte = iota // only below it is something
	nameFolder                  // a door's
	nameFile                    // a door's file, or link
	nameOtherFolder             // a load's
	nameOther                   // a load's file, or link
)

func NewNames() *Names { return &Names{seed: maphash.MakeSeed(), paths: map[uint64]name{}} }

// Add notes what the device has: of a door, or of a load.
func (s *Names) Add(kind manifest.Kind, path string, door bool) error {
	k := nameFile
	switch {
	case kind == manifest.KindDir && door:
		k = nameFolder
	case kind == manifest.KindDir:
		k = nameOtherFolder
	case !door:
		k = nameOther
	}
	return s.put(path, k)
}

func (s *Names) put(path string, k byte) error {
	n := s.at(path)
	had := n.kind != nameNone
	n.kind = k
	s.set(path, n)
	if !had {
		s.above(path, func(folder string) {
			n := s.at(folder)
			n.below++
			s.set(folder, n)
		})
	}
	return s.fits()
}

func (s *Names) fits() error {
	if len(s.paths) > MaxNames {
		return fmt.Errorf("%w: %d", ErrManyNames, MaxNames)
	}
	return nil
}

// withdraw forgets a path's entry, and reports whether there was one.
func (s *Names) withdraw(path string) bool {
	n := s.at(path)
	if n.kind == nameNone {
		return false
	}
	n.kind = nameNone
	s.set(path, n)
	s.above(path, func(folder string) {
		n := s.at(folder)
		n.below--
		s.set(folder, n)
	})
	return true
}

// mayPut refuses a path that a load has brought, and what would not be in the manifest.
func (s *Names) mayPut(kind manifest.Kind, path string) error {
	if err := s.mayWithdraw(path); err != nil {
		return err
	}
	n := s.at(path)
	switch folder := kind == manifest.KindDir; {
	case !folder && n.kind == nameFolder:
		return fmt.Errorf("%w: %q is a folder", ErrPathTaken, path)
	case !folder && n.below > 0:
		return fmt.Errorf("%w: something lies below %q", ErrPathTaken, path)
	case folder && n.kind == nameFile:
		return fmt.Errorf("%w: %q is no folder", ErrPathTaken, path)
	}
	var err error
	s.above(path, func(folder string) {
		if k := s.at(folder).kind; k == nameFile || k == nameOther {
			err = fmt.Errorf("%w: %q is no folder, and %q would lie below it", ErrPathTaken, folder, path)
		}
	})
	if err == nil && n.kind == nameNone && len(s.paths) >= MaxNames {
		return fmt.Errorf("%w: %d", ErrManyNames, MaxNames)
	}
	return err
}

// mayWithdraw refuses what a load has brought.
func (s *Names) mayWithdraw(path string) error {
	if k := s.at(path).kind; k == nameOther || k == nameOtherFolder {
		return fmt.Errorf("%w: %q was loaded from a source", ErrPathTaken, path)
	}
	return nil
}

func (s *Names) at(path string) name { return s.paths[maphash.String(s.seed, path)] }

func (s *Names) set(path string, n name) {
	at := maphash.String(s.seed, path)
	if n == (name{}) {
		delete(s.paths, at)
		return
	}
	s.paths[at] = n
}

func (s *Names) above(path string, f func(folder string)) {
	for i := strings.LastIndexByte(path, '/'); i > 0; i = strings.LastIndexByte(path[:i], '/') {
		f(path[:i])
	}
}
