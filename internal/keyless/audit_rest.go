package keyless

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sledge-io/sledge/internal/dossier"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/terminal"
)

// isFile reports whether a regular file has this name. A link is none: it may lead to anything.
func isFile(name string) bool {
	info, err := os.Lstat(name)
	return err == nil && info.Mode().IsRegular()
}

// note says what was not checked.
func (a *audit) note(format string, args ...any) {
	a.r.NotChecked = append(a.r.NotChecked, fmt.Sprintf(format, args...))
}

// rest says what lies in the folder besides, and what was not checked.
func (a *audit) rest() {
	f := a.found
	a.note("Whether the objects are still in the store: no network was used. \"sledge verify import\" compares each object.")
	if a.quick && len(f.Disks) > 0 {
		a.note("The blocks of data on the disks (--quick).")
	}
	for _, kind := range []struct {
		none bool
		text string
	}{
		{len(f.Disks) == 0, "What is on the disks: no disk is here."},
		{len(f.Receipts) == 0, "What was imported: no receipts are here."},
		{len(f.Acceptances) == 0, "Who accepted the import: no acceptance is here."},
	} {
		if kind.none {
			a.note("%s", kind.text)
		}
	}
	if r := newReceiptsReport(a.devices); len(r.Missing) > 0 && len(a.devices) > 0 {
		a.note("Devices of the job whose receipts are not here: %s.", strings.Join(r.Missing, ", "))
	}
	for _, in := range f.Statements {
		a.note("%s: a signed statement that stands for nothing by itself, or of a kind that is not known here.", in.Name)
	}
	if f.OtherCount > 0 {
		a.note("%s of no kind that is known here.", terminal.Plural(f.OtherCount, "other file"))
	}
	if f.Cut {
		a.note("The folder has more names than are looked at. Audit its parts.")
	}
	a.r.Secrets, a.r.Unreadable, a.r.Others, a.r.OtherCount = list(f.Secrets), list(f.Unreadable), list(f.Others), f.OtherCount
	a.r.Keys = []dossier.Key{}
	for _, in := range f.Keys {
		text, err := files.Read(a.path(in.Name), maxStatement)
		if err != nil {
			continue
		}
		if key, err := fsck.ParsePublicKey(text); err == nil {
			a.r.Keys = append(a.r.Keys, dossier.Key{Name: in.Name, Fingerprint: fsck.Fingerprint(key)})
		}
	}
}

// list is one that JSON shows as a list, also when it is empty.
func list(names []string) []string { return append([]string{}, slices.Clone(names)...) }
