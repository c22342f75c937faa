package importer

import (
	"slices"
	"time"
)

// Own are the attributes of the objects that an import writes for itself: its probe, its
// journal in the target, its commit marker. A bucket's policy may refuse what comes
// without encryption or tags, so they have those of the rule that is over every object,
// else those of the first rule that has any. A lock or a storage class is not among them:
// these objects are read and removed again.
func (r Rules) Own() (a Attributes) {
	for _, everything := range []bool{true, false} {
		for _, o := range r.Objects {
			if everything && !o.overAll() {
				continue
			}
			if a.SSE == "" {
				a.SSE, a.KMSKeyID, a.KMSContext = o.SSE, o.KMSKeyID, o.KMSContext
			}
			if a.Tags == nil {
				a.Tags = o.Tags
			}
		}
	}
	return a
}

// overAll reports whether the rule matches every object.
func (o ObjectRule) overAll() bool {
	return o.Path+o.PathHex == "" && (o.Match == "" || o.Match == "**") && o.MinSize == 0 && o.MaxSize == nil
}

// sets are the attributes that objects may get by each rule, without locks, each set
// once: what a probe tries before the first object.
func (r Rules) sets() (all []Attributes) {
	own, seen := r.Own(), []string{}
	for _, o := range r.Objects {
		a := Attributes{ContentType: o.ContentType, CacheControl: o.CacheControl, StorageClass: o.StorageClass,
			SSE: o.SSE, KMSKeyID: o.KMSKeyID, KMSContext: o.KMSContext, Tags: o.Tags}
		if a.ContentType == ContentTypeAuto {
			a.ContentType = ""
		}
		if a = a.over(own); slices.Contains(seen, a.text()) || a.text() == own.text() {
			continue
		}
		seen, all = append(seen, a.text()), append(all, a)
	}
	return all
}

// over lays attributes over others.
func (a Attributes) over(b Attributes) Attributes {
	setDefault(&a.ContentType, b.ContentType)
	setDefault(&a.CacheControl, b.CacheControl)
	setDefault(&a.StorageClass, b.StorageClass)
	if a.SSE == "" {
		a.SSE, a.KMSKeyID, a.KMSContext = b.SSE, b.KMSKeyID, b.KMSContext
	}
	if a.Tags == nil {
		a.Tags = b.Tags
	}
	return a
}

// removable are the attributes without those that would keep an object of a probe from
// being removed.
func (a Attributes) removable() Attributes {
	a.LockMode, a.LockUntil, a.LegalHold = "", time.Time{}, false
	return a
}
