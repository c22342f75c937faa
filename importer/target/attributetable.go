package target

import (
	"slices"
	"strings"
	"time"
)

// Attribute is what one rule sets as a whole.
type Attribute struct {
	Name   string // where a store refuses it
	take   func(to, from *Attributes)
	Checks []Check // at least one

	demanded bool // a bucket's policy may demand it of every object, the run's own included
	holds    bool // it keeps an object from being removed: no probe has it
}

// Check is what HEAD tells of an attribute, by its name in receipts and problems.
type Check struct {
	Name  string
	Asked func(a *Attributes) bool
	kept  func(a *Attributes, s Shown) bool // nil: HEAD never tells

	// protects is of what somebody relies on afterwards: an object without it is not what
	// was asked for, and fails.
	protects bool
}

// The names that are spoken of elsewhere.
const (
	attributeACL  = "acl"
	AttributeLock = "lock"
)

// attributes is everything that an object can be given.
var AttributeTable = []Attribute{
	{Name: "content_type",
		take: func(to, from *Attributes) { to.ContentType = from.ContentType },
		Checks: []Check{{Name: "content_type",
			Asked: func(a *Attributes) bool { return a.ContentType != "" },
			kept:  func(a *Attributes, s Shown) bool { return strings.EqualFold(a.ContentType, s.ContentType) }}}},
	textAttribute("cache_control", func(a *Attributes) *string { return &a.CacheControl }, func(s Shown) string { return s.CacheControl }),
	textAttribute("content_encoding", func(a *Attributes) *string { return &a.ContentEncoding }, func(s Shown) string { return s.ContentEncoding }),
	textAttribute("content_disposition", func(a *Attributes) *string { return &a.ContentDisposition }, func(s Shown) string { return s.ContentDisposition }),
	textAttribute("content_language", func(a *Attributes) *string { return &a.ContentLanguage }, func(s Shown) string { return s.ContentLanguage }),
	textAttribute("storage_class", func(a *Attributes) *string { return &a.StorageClass }, Shown.class),
	{Name: "sse", demanded: true,
		take: func(to, from *Attributes) {
			to.SSE, to.KMSKeyID, to.KMSContext, to.BucketKey = from.SSE, from.KMSKeyID, from.KMSContext, from.BucketKey
		},
		Checks: []Check{
			{Name: "sse", protects: true,
				Asked: func(a *Attributes) bool { return a.SSE != "" },
				kept:  func(a *Attributes, s Shown) bool { return a.SSE == s.SSE }},
			{Name: "kms_key_id", protects: true,
				Asked: func(a *Attributes) bool { return a.KMSKeyID != "" },
				kept:  func(a *Attributes, s Shown) bool { return sameKMSKey(a.KMSKeyID, s.KMSKeyID) }},
			{Name: "kms_context", Asked: func(a *Attributes) bool { return len(a.KMSContext) > 0 }},
			{Name: "bucket_key", // who pays for less calls of KMS is no less safe
				Asked: func(a *Attributes) bool { return a.BucketKey },
				kept:  func(_ *Attributes, s Shown) bool { return s.BucketKey }},
		}},
	{Name: "customer_key",
		take: func(to, from *Attributes) { to.CustomerKeyMD5 = from.CustomerKeyMD5 },
		Checks: []Check{{Name: "customer_key", protects: true,
			Asked: func(a *Attributes) bool { return a.CustomerKeyMD5 != "" },
			kept:  func(a *Attributes, s Shown) bool { return a.CustomerKeyMD5 == s.CustomerKeyMD5 }}}},
	{Name: attributeACL, demanded: true,
		take:   func(to, from *Attributes) { to.ACL = from.ACL },
		Checks: []Check{{Name: attributeACL, Asked: func(a *Attributes) bool { return a.ACL != "" }}}},
	{Name: "tags", demanded: true,
		take: func(to, from *Attributes) { to.Tags = from.Tags },
		Checks: []Check{{Name: "tags",
			Asked: func(a *Attributes) bool { return len(a.Tags) > 0 },
			kept:  func(a *Attributes, s Shown) bool { return len(a.Tags) == s.TagCount }}}},
	{Name: "metadata",
		take: func(to, from *Attributes) { to.Metadata = from.Metadata },
		Checks: []Check{{Name: "metadata",
			Asked: func(a *Attributes) bool { return len(a.Metadata) > 0 },
			kept:  func(a *Attributes, s Shown) bool { return holdsAll(s.Metadata, a.Metadata) }}}},
	{Name: AttributeLock, holds: true,
		take: func(to, from *Attributes) {
			to.LockMode, to.LockUntil, to.LegalHold, to.LockDays = from.LockMode, from.LockUntil, from.LegalHold, from.LockDays
		},
		Checks: []Check{
			{Name: AttributeLock, protects: true,
				Asked: func(a *Attributes) bool { return a.LockMode != "" },
				kept: func(a *Attributes, s Shown) bool {
					return a.LockMode == s.LockMode && a.LockUntil.Truncate(time.Second).Equal(s.LockUntil.Truncate(time.Second))
				}},
			{Name: "legal_hold", protects: true,
				Asked: func(a *Attributes) bool { return a.LegalHold },
				kept:  func(_ *Attributes, s Shown) bool { return s.LegalHold }},
		}},
}

// textAttribute is one text, which HEAD shows as it was given.
func textAttribute(name string, of func(a *Attributes) *string, shown func(s Shown) string) Attribute {
	return Attribute{Name: name,
		take: func(to, from *Attributes) { *of(to) = *of(from) },
		Checks: []Check{{Name: name,
			Asked: func(a *Attributes) bool { return *of(a) != "" },
			kept:  func(a *Attributes, s Shown) bool { return *of(a) == shown(s) }}}}
}

// Asked reports whether anything of the attribute is asked for.
func (one Attribute) Asked(a *Attributes) bool {
	return slices.ContainsFunc(one.Checks, func(c Check) bool { return c.Asked(a) })
}

// Of is the attribute alone.
func (one Attribute) Of(a Attributes) (alone Attributes) {
	one.take(&alone, &a)
	return alone
}

// Empty tells whether nothing is asked for.
func (a Attributes) Empty() bool {
	return !slices.ContainsFunc(AttributeTable, func(one Attribute) bool { return one.Asked(&a) })
}

// orNil is for a line of the receipts, which has no attributes where none were
// asked for.
func (a Attributes) OrNil() *Attributes {
	if a.Empty() {
		return nil
	}
	return &a
}

// Over lays attributes over others.
func (a Attributes) Over(b Attributes) Attributes {
	for _, one := range AttributeTable {
		if !one.Asked(&a) {
			one.take(&a, &b)
		}
	}
	return a
}

// Removable are the attributes without those that would keep an object of a probe from
// being removed.
func (a Attributes) Removable() Attributes {
	for _, one := range AttributeTable {
		if one.holds {
			one.take(&a, &Attributes{})
		}
	}
	return a
}

// Protects reports whether something is asked for that somebody relies on afterwards.
func (a Attributes) Protects() bool {
	for _, one := range AttributeTable {
		if slices.ContainsFunc(one.Checks, func(c Check) bool { return c.protects && c.Asked(&a) }) {
			return true
		}
	}
	return false
}

// Protecting reports whether a name is that of something which somebody relies on.
func Protecting(name string) bool {
	for _, one := range AttributeTable {
		if slices.ContainsFunc(one.Checks, func(c Check) bool { return c.protects && c.Name == name }) {
			return true
		}
	}
	return false
}

// Dropped names, sorted, the attributes that were asked for and that the store
// does not show.
func (a Attributes) Dropped(s Shown) (names []string) {
	for _, one := range AttributeTable {
		for _, c := range one.Checks {
			if c.kept != nil && c.Asked(&a) && !c.kept(&a, s) {
				names = append(names, c.Name)
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
