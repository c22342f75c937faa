package importer

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Attributes are what an object gets besides its content and its metadata. The
// zero value of each leaves it to the bucket's defaults.
type Attributes struct {
	ContentType  string            `json:"content_type,omitempty"`
	CacheControl string            `json:"cache_control,omitempty"`
	StorageClass string            `json:"storage_class,omitempty"`
	SSE          string            `json:"sse,omitempty"` // AES256, aws:kms, aws:kms:dsse
	KMSKeyID     string            `json:"kms_key_id,omitempty"`
	KMSContext   map[string]string `json:"kms_context,omitempty"`
	Tags         map[string]string `json:"tags,omitempty"`
	LockMode     string            `json:"lock_mode,omitempty"` // GOVERNANCE, COMPLIANCE
	LockUntil    time.Time         `json:"lock_until,omitzero"`
	LegalHold    bool              `json:"legal_hold,omitempty"`

	lockDays bool // LockUntil counts from the run's start
}

// The attributes' names, as they stand in receipts and in problems.
const (
	attributeContentType  = "content_type"
	attributeCacheControl = "cache_control"
	attributeStorageClass = "storage_class"
	attributeSSE          = "sse"
	attributeKMSKeyID     = "kms_key_id"
	attributeTags         = "tags"
	attributeLock         = "lock"
	attributeLegalHold    = "legal_hold"
)

// none tells whether nothing is asked for.
func (a Attributes) none() bool {
	return a.ContentType == "" && a.CacheControl == "" && a.StorageClass == "" && a.SSE == "" && len(a.Tags) == 0 &&
		a.LockMode == "" && !a.LegalHold
}

// orNil is for a line of the receipts, which has no attributes where none were
// asked for.
func (a Attributes) orNil() *Attributes {
	if a.none() {
		return nil
	}
	return &a
}

// tagging is the x-amz-tagging header: a URL's query. Stores disagree about "+",
// so a space goes out as %20.
func (a Attributes) tagging() string {
	q := url.Values{}
	for name, value := range a.Tags {
		q.Set(name, value)
	}
	return strings.ReplaceAll(q.Encode(), "+", "%20")
}

// context is the x-amz-server-side-encryption-context header, "" without one.
func (a Attributes) context() string {
	if len(a.KMSContext) == 0 {
		return ""
	}
	text, _ := json.Marshal(a.KMSContext) // of strings: cannot fail
	return base64.StdEncoding.EncodeToString(text)
}

// Shown are the attributes that HEAD tells of an object. The context of an
// encryption is never told, of tags only the number, and of tags and locks
// nothing to who may not read them.
type Shown struct {
	ContentType  string
	CacheControl string
	StorageClass string // "" is STANDARD
	SSE          string
	KMSKeyID     string
	TagCount     int
	LockMode     string
	LockUntil    time.Time
	LegalHold    bool
}

// Dropped names, sorted, the attributes that were asked for and that the store
// does not show.
func (a Attributes) Dropped(s Shown) (names []string) {
	check := func(name string, asked, kept bool) {
		if asked && !kept {
			names = append(names, name)
		}
	}
	check(attributeContentType, a.ContentType != "", strings.EqualFold(a.ContentType, s.ContentType))
	check(attributeCacheControl, a.CacheControl != "", a.CacheControl == s.CacheControl)
	check(attributeStorageClass, a.StorageClass != "", a.StorageClass == s.class())
	check(attributeSSE, a.SSE != "", a.SSE == s.SSE)
	check(attributeKMSKeyID, a.KMSKeyID != "", sameKMSKey(a.KMSKeyID, s.KMSKeyID))
	check(attributeTags, len(a.Tags) > 0, len(a.Tags) == s.TagCount)
	check(attributeLock, a.LockMode != "", a.LockMode == s.LockMode && a.LockUntil.Truncate(time.Second).Equal(s.LockUntil.Truncate(time.Second)))
	check(attributeLegalHold, a.LegalHold, s.LegalHold)
	slices.Sort(names)
	return names
}

func (s Shown) class() string {
	if s.StorageClass == "" {
		return "STANDARD"
	}
	return s.StorageClass
}

// sameKMSKey compares the key that was named with the ARN that stores answer
// with. An alias stands for any key.
func sameKMSKey(asked, shown string) bool {
	return asked == shown || strings.HasSuffix(shown, "/"+asked) || shown != "" && strings.Contains(asked, "alias/")
}
