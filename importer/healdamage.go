package importer

import (
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/importer/entry"
	pages "github.com/sledge-io/sledge/importer/journal"
	"github.com/sledge-io/sledge/importer/target"
)

// remedyDamaged is for what a journal has lost of outcomes: an object is found again by HEAD.
const remedyDamaged = "run the same command again: what was damaged is looked at again, and nothing is stored twice. Damage that comes again is of the disk: name another state folder (--state)"

// forgottenKey says that outcomes were forgotten, perhaps after the end of the run was fixed.
var forgottenKey = journalKey('d', 0)

// forgetDamaged has the journal forget what it cannot read any more, where a later start finds it out
// again: the outcomes of one page, which is not done then, the sums of pages, key collisions. The
// error says so. What is known of uploads and of the run itself is nowhere else, so that stays an
// error until there is another state folder.
func (j *journal) forgetDamaged(err error) error {
	var d *pages.Damage
	if !errors.As(err, &d) {
		return err
	}
	damaged := pages.Key{Kind: d.Kind, Number: d.First}
	text, forget := "", func() error { return nil }
	switch d.Kind {
	case 'o':
		page := entry.Place(d.First).Page()
		text = fmt.Sprintf("what was journalled of page %d of the manifest", page)
		forget = func() error {
			return errors.Join(j.values.Set(forgottenKey, []byte("true")), j.values.Delete(journalKey('p', page)))
		}
	case pages.Sums:
		text = fmt.Sprintf("what was journalled of the sums of pages %d to %d of the manifest", d.First, d.Last)
	case 'c':
		text = "what was journalled of key collisions"
		forget = func() error { return j.values.Delete(clashesKey) }
	default:
		return err
	}
	for _, step := range []func() error{j.ours, forget, func() error { return j.values.ClearPage(damaged) }, j.values.Sync} {
		if failed := step(); failed != nil {
			return errors.Join(failed, err)
		}
	}
	e := target.NewError(target.CodeJournalLost, "", text+" was damaged, and is forgotten: "+err.Error(), err)
	e.Remedy = remedyDamaged
	return e
}
