package importer

import (
	"fmt"
	"strings"
	"time"

	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/target"
)

// writeThere is the kind of write of an object that was there before the run: another's.
const writeThere = "a write before this run"

// asAsked holds an object that was there before to what the rules ask for. It was not
// written, and is not: without the lock or the encryption it is an error of its entry.
// What else it lacks is said once, and noted in its outcome.
func (r *run) asAsked(a *plan.Action, obj target.Object, rec *record) error {
	lacked, ends := a.Attributes.Lacks(obj.Shown, r.opts.Now())
	var grave []string
	for _, name := range lacked {
		if target.Protecting(name) {
			grave = append(grave, name)
		}
	}
	if len(grave) > 0 {
		return target.NewError(target.CodeAttributeMissing, a.Path, strings.Join(grave, ", ")+", of an object that was there before: it was left as it is", nil)
	}
	var notes []string
	if unknown := a.Attributes.Untold(); len(unknown) > 0 {
		notes = append(notes, "not known: "+strings.Join(unknown, ", "))
	}
	if len(lacked) > 0 {
		notes = append(notes, "not as the rules ask: "+strings.Join(lacked, ", "))
	}
	if !ends.IsZero() {
		lacked = append(lacked, target.AttributeLock)
		notes = append(notes, "its lock ends already at "+ends.Format(time.RFC3339))
	}
	for _, name := range r.kept.lacks(writeThere, lacked) {
		text := fmt.Sprintf("%s, of an object that was there before; further ones are noted in the receipts only", name)
		if name == target.AttributeLock {
			text = fmt.Sprintf("the lock of an object that was there before ends at %s, earlier than the rules ask; further ones are noted in the receipts only", ends.Format(time.RFC3339))
		}
		r.problem(target.NewError(target.CodeAttributeDropped, a.Path, text, nil))
	}
	for _, note := range notes {
		rec.Detail += "; " + note
	}
	return nil
}

// lacks notes names that one kind of write has not kept, and returns those that are news.
func (k *keptAttributes) lacks(write string, names []string) (news []string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.lacked == nil {
		k.seen, k.lacked = map[string]bool{}, map[string]bool{}
	}
	for _, name := range names {
		if !k.lacked[write+name] {
			k.lacked[write+name] = true
			news = append(news, name)
		}
	}
	return news
}
