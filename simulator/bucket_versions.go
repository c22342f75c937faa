package simulator

import (
	"net/http"
	"slices"
	"strconv"
)

// keep makes an object what a key holds.
func (b *Bucket) keep(key string, o *Object) {
	o.Modified = b.now()
	if b.Traits.HeadLags > 0 && !o.Foreign && !(b.free(key) && hash(b.Seed, "lag")%2 == 0) { // of some stores a probe shows nothing
		b.behind[key] = &lag{left: int(hash(b.Seed, key, "lag") % uint64(b.Traits.HeadLags+1)), before: b.objects[key]}
	}
	if b.Traits.Versioned {
		b.ids++
		o.Version = "version-" + strconv.Itoa(b.ids)
		b.versions[key] = append(b.versions[key], o)
	}
	if o.Deleted {
		delete(b.objects, key)
		return
	}
	b.objects[key] = o
}

// drop takes a key's object away; with versions a marker takes its place.
func (b *Bucket) drop(key string) {
	if b.Traits.Versioned {
		b.keep(key, &Object{Deleted: true})
		return
	}
	delete(b.objects, key)
	delete(b.behind, key)
}

// removeVersion takes away one version, whose place the one before takes, or with "" the
// object.
func (b *Bucket) removeVersion(key, version string) {
	o := b.objects[key]
	switch i := b.version(key, version); {
	case version == "" || !b.Traits.Versioned:
		b.remove(key)
	case i < 0: // S3 answers as if it had been there
	case b.versions[key][i] != o:
		b.cut(key, i)
	default:
		if !b.free(key) && (o.Foreign || !b.givenUp[o.run()]) {
			b.violated("%q was removed", key)
		}
		b.cut(key, i)
	}
}

// cut removes a version, and shows the newest that is left.
func (b *Bucket) cut(key string, i int) {
	all := slices.Delete(b.versions[key], i, i+1)
	b.versions[key] = all
	delete(b.objects, key)
	if n := len(all); n > 0 && !all[n-1].Deleted {
		b.objects[key] = all[n-1]
	}
}

func (b *Bucket) version(key, version string) int {
	return slices.IndexFunc(b.versions[key], func(o *Object) bool { return o.Version == version })
}

// Hidden counts the versions and markers of a key that no plain list shows.
func (b *Bucket) Hidden() map[string]int {
	b.begin()
	defer b.mu.Unlock()
	hidden := map[string]int{}
	for key, all := range b.versions {
		n := len(all)
		if b.objects[key] != nil {
			n--
		}
		if n > 0 {
			hidden[key] = n
		}
	}
	return hidden
}

// lag is how often HEAD shows what was there before.
type lag struct {
	left   int
	before *Object
}

// asked finds the object that GET and HEAD ask for.
func (b *Bucket) asked(r *http.Request, key string) (*Object, *refusal) {
	o := b.objects[key]
	if version := r.URL.Query().Get("versionId"); version != "" {
		if o = nil; b.version(key, version) >= 0 {
			o = b.versions[key][b.version(key, version)]
		}
		if o == nil || o.Deleted {
			return nil, &refusal{http.StatusNotFound, "NoSuchVersion"}
		}
		return o, nil
	}
	if l := b.behind[key]; b.Traits.HeadLags > 0 && r.Method == http.MethodHead && l != nil && l.left > 0 {
		l.left--
		o = l.before
	}
	if o == nil {
		return nil, b.missing()
	}
	return o, nil
}

// missing is the answer for a key that holds nothing.
func (b *Bucket) missing() *refusal {
	if b.Traits.NoListBucket {
		return &refusal{http.StatusForbidden, "AccessDenied"}
	}
	return &refusal{http.StatusNotFound, "NoSuchKey"}
}

func setVersion(w http.ResponseWriter, o *Object) {
	if o.Version != "" {
		w.Header().Set("X-Amz-Version-Id", o.Version)
	}
}
