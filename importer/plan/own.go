package plan

import (
	"slices"

	"github.com/sledge-io/sledge/importer/target"
)

// Own are the attributes of the objects that an import writes for itself: its probe, its
// journal in the target, its commit marker. A bucket's policy may refuse what comes
// without encryption, tags or ACL, so they have those of the rule that is over every
// object, else those of the first rule that has any. An ACL that lets others than the
// bucket's owner read is not among them, and neither is a lock or a storage class: these
// objects are read and removed again.
func (r Rules) Own() (a target.Attributes) {
	for _, everything := range []bool{true, false} {
		for _, o := range r.Objects {
			if everything && !o.overAll() {
				continue
			}
			a = a.Over(target.Attributes{Given: o.Given}.Demanded())
		}
	}
	return a
}

// overAll reports whether the rule matches every object.
func (o ObjectRule) overAll() bool {
	return o.Path+o.PathHex == "" && (o.Match == "" || o.Match == "**") && o.MinSize == 0 && o.MaxSize == nil
}

// Sets are the attributes that objects may get by each rule, without locks, each set
// once: what a probe tries before the first object.
func (r Rules) Sets() (all []target.Attributes) {
	own, seen := r.Own(), []string{}
	for _, o := range r.Objects {
		a := target.Attributes{Given: o.Given}
		if a.ContentType == target.ContentTypeAuto {
			a.ContentType = ""
		}
		if a = a.Over(own); slices.Contains(seen, a.Text()) || a.Text() == own.Text() {
			continue
		}
		seen, all = append(seen, a.Text()), append(all, a)
	}
	return all
}
