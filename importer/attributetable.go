package importer

import (
	"slices"
	"strings"
	"time"
)

// attribute is what one rule sets as a whole.
type attribute struct {
	name   string // where a store refuses it
	take   func(to, from *Attributes)
	checks []check // at least one

	demanded bool // a bucket's policy may demand it of every object, the run's own included
	holds    bool // it keeps an object from being removed: no probe has it
}

// check is what HEAD tells of an attribute, by its name in receipts and problems.
type check struct {
	name  string
	asked func(a *Attributes) bool
	kept  func(a *Attributes, s Shown) bool // nil: HEAD never tells

	// protects is of what somebody relies on afterwards: an object without it is not what
	// was asked for, and fails.
	protects bool
}

// The names that are spoken of elsewhere.
const (
	attributeACL  = "acl"
	attributeLock = "lock"
)

// attributes is everything that an object can be given.
var attributes = []attribute{
	{name: "content_type",
		take: func(to, from *Attributes) { to.ContentType = from.ContentType },
		checks: []check{{name: "content_type",
			asked: func(a *Attributes) bool { return a.ContentType != "" },
			kept:  func(a *Attributes, s Shown) bool { return strings.EqualFold(a.ContentType, s.ContentType) }}}},
	textAttribute("cache_control", func(a *Attributes) *string { return &a.CacheControl }, func(s Shown) string { return s.CacheControl }),
	textAttribute("content_encoding", func(a *Attributes) *string { return &a.ContentEncoding }, func(s Shown) string { return s.ContentEncoding }),
	textAttribute("content_disposition", func(a *Attributes) *string { return &a.ContentDisposition }, func(s Shown) string { return s.ContentDisposition }),
	textAttribute("content_language", func(a *Attributes) *string { return &a.ContentLanguage }, func(s Shown) string { return s.ContentLanguage }),
	textAttribute("storage_class", func(a *Attributes) *string { return &a.StorageClass }, Shown.class),
	{name: "sse", demanded: true,
		take: func(to, from *Attributes) {
			to.SSE, to.KMSKeyID, to.KMSContext, to.BucketKey = from.SSE, from.KMSKeyID, from.KMSContext, from.BucketKey
		},
		checks: []check{
			{name: "sse", protects: true,
				asked: func(a *Attributes) bool { return a.SSE != "" },
				kept:  func(a *Attributes, s Shown) bool { return a.SSE == s.SSE }},
			{name: "kms_key_id", protects: true,
				asked: func(a *Attributes) bool { return a.KMSKeyID != "" },
				kept:  func(a *Attributes, s Shown) bool { return sameKMSKey(a.KMSKeyID, s.KMSKeyID) }},
			{name: "kms_context", asked: func(a *Attributes) bool { return len(a.KMSContext) > 0 }},
			{name: "bucket_key", // who pays for less calls of KMS is no less safe
				asked: func(a *Attributes) bool { return a.BucketKey },
				kept:  func(_ *Attributes, s Shown) bool { return s.BucketKey }},
		}},
	{name: "customer_key",
		take: func(to, from *Attributes) { to.CustomerKeyMD5 = from.CustomerKeyMD5 },
		checks: []check{{name: "customer_key", protects: true,
			asked: func(a *Attributes) bool { return a.CustomerKeyMD5 != "" },
			kept:  func(a *Attributes, s Shown) bool { return a.CustomerKeyMD5 == s.CustomerKeyMD5 }}}},
	{name: attributeACL, demanded: true,
		take:   func(to, from *Attributes) { to.ACL = from.ACL },
		checks: []check{{name: attributeACL, asked: func(a *Attributes) bool { return a.ACL != "" }}}},
	{name: "tags", demanded: true,
		take: func(to, from *Attributes) { to.Tags = from.Tags },
		checks: []check{{name: "tags",
			asked: func(a *Attributes) bool { return len(a.Tags) > 0 },
			kept:  func(a *Attributes, s Shown) bool { return len(a.Tags) == s.TagCount }}}},
	{name: "metadata",
		take: func(to, from *Attributes) { to.Metadata = from.Metadata },
		checks: []check{{name: "metadata",
			asked: func(a *Attributes) bool { return len(a.Metadata) > 0 },
			kept:  func(a *Attributes, s Shown) bool { return holdsAll(s.Metadata, a.Metadata) }}}},
	{name: attributeLock, holds: true,
		take: func(to, from *Attributes) {
			to.LockMode, to.LockUntil, to.LegalHold, to.lockDays = from.LockMode, from.LockUntil, from.LegalHold, from.lockDays
		},
		checks: []check{
			{name: attributeLock, protects: true,
				asked: func(a *Attributes) bool { return a.LockMode != "" },
				kept: func(a *Attributes, s Shown) bool {
					return a.LockMode == s.LockMode && a.LockUntil.Truncate(time.Second).Equal(s.LockUntil.Truncate(time.Second))
				}},
			{name: "legal_hold", protects: true,
				asked: func(a *Attributes) bool { return a.LegalHold },
				kept:  func(_ *Attributes, s Shown) bool { return s.LegalHold }},
		}},
}

// textAttribute is one text, which HEAD shows as it was given.
func textAttribute(name string, of func(a *Attributes) *string, shown func(s Shown) string) attribute {
	return attribute{name: name,
		take: func(to, from *Attributes) { *of(to) = *of(from) },
		checks: []check{{name: name,
			asked: func(a *Attributes) bool { return *of(a) != "" },
			kept:  func(a *Attributes, s Shown) bool { return *of(a) == shown(s) }}}}
}

// asked reports whether anything of the attribute is asked for.
func (one attribute) asked(a *Attributes) bool {
	return slices.ContainsFunc(one.checks, func(c check) bool { return c.asked(a) })
}

// of is the attribute alone.
func (one attribute) of(a Attributes) (alone Attributes) {
	one.take(&alone, &a)
	return alone
}

// none tells whether nothing is asked for.
func (a Attributes) none() bool {
	return !slices.ContainsFunc(attributes, func(one attribute) bool { return one.asked(&a) })
}

// orNil is for a line of the receipts, which has no attributes where none were
// asked for.
func (a Attributes) orNil() *Attributes {
	if a.none() {
		return nil
	}
	return &a
}

// over lays attributes over others.
func (a Attributes) over(b Attributes) Attributes {
	for _, one := range attributes {
		if !one.asked(&a) {
			one.take(&a, &b)
		}
	}
	return a
}

// removable are the attributes without those that would keep an object of a probe from
// being removed.
func (a Attributes) removable() Attributes {
	for _, one := range attributes {
		if one.holds {
			one.take(&a, &Attributes{})
		}
	}
	return a
}

// protects reports whether something is asked for that somebody relies on afterwards.
func (a Attributes) protects() bool {
	for _, one := range attributes {
		if slices.ContainsFunc(one.checks, func(c check) bool { return c.protects && c.asked(&a) }) {
			return true
		}
	}
	return false
}

// protecting reports whether a name is that of something which somebody relies on.
func protecting(name string) bool {
	for _, one := range attributes {
		if slices.ContainsFunc(one.checks, func(c check) bool { return c.protects && c.name == name }) {
			return true
		}
	}
	return false
}

// Dropped names, sorted, the attributes that were asked for and that the store
// does not show.
func (a Attributes) Dropped(s Shown) (names []string) {
	for _, one := range attributes {
		for _, c := range one.checks {
			if c.kept != nil && c.asked(&a) && !c.kept(&a, s) {
				names = append(names, c.name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// holdsAll reports whether a map has every pair of another.
func holdsAll(has, wanted map[string]string) bool {
	for name, value := range wanted {
		if got, ok := has[name]; !ok || got != value {
			return false
		}
	}
	return true
}
