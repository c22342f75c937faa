package target

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"
)

// Given are the attributes that a rule names as objects get them. A new one needs its
// field here, a line of the table attributes, and its places in Shown and
// s3_attributes.go. The rules' digest is of their JSON: new fields go to the end.
type Given struct {
	ContentType        string            `json:"content_type,omitempty"` // in a rule also "auto"
	CacheControl       string            `json:"cache_control,omitempty"`
	StorageClass       string            `json:"storage_class,omitempty"`
	SSE                string            `json:"sse,omitempty"` // AES256, aws:kms, aws:kms:dsse
	KMSKeyID           string            `json:"kms_key_id,omitempty"`
	KMSContext         map[string]string `json:"kms_context,omitempty"`
	Tags               map[string]string `json:"tags,omitempty"`
	BucketKey          bool              `json:"bucket_key,omitempty"`
	ContentEncoding    string            `json:"content_encoding,omitempty"`
	ContentDisposition string            `json:"content_disposition,omitempty"`
	ContentLanguage    string            `json:"content_language,omitempty"`
	ACL                string            `json:"acl,omitempty"`
	Metadata           map[string]string `json:"metadata,omitempty"` // beside what describes the file
}

// Attributes are what an object gets besides its content and the metadata that describes
// its file. The zero value of each leaves it to the bucket's defaults.
type Attributes struct {
	Given
	LockMode       string    `json:"lock_mode,omitempty"` // GOVERNANCE, COMPLIANCE
	LockUntil      time.Time `json:"lock_until,omitzero"`
	LegalHold      bool      `json:"legal_hold,omitempty"`
	CustomerKeyMD5 string    `json:"customer_key_md5,omitempty"` // base64: names the key of SSE-C that the run's client sends

	LockDays bool `json:"-"` // LockUntil counts from the run's start
}

// Tagging is the x-amz-tagging header: a URL's query. Stores disagree about "+",
// so a space goes out as %20.
func (a Attributes) Tagging() string {
	q := url.Values{}
	for name, value := range a.Tags {
		q.Set(name, value)
	}
	return strings.ReplaceAll(q.Encode(), "+", "%20")
}

// Context is the x-amz-server-side-encryption-context header, "" without one.
func (a Attributes) Context() string {
	if len(a.KMSContext) == 0 {
		return ""
	}
	text, _ := json.Marshal(a.KMSContext) // of strings: cannot fail
	return base64.StdEncoding.EncodeToString(text)
}

// Shown are the attributes that HEAD tells of an object. The context of an
// encryption and the ACL are never told, of tags only the number, and of tags and locks
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

	BucketKey          bool
	ContentEncoding    string
	ContentDisposition string
	ContentLanguage    string
	CustomerKeyMD5     string
	Metadata           map[string]string
}

func (s Shown) class() string {
	if s.StorageClass == "" {
		return "STANDARD"
	}
	return s.StorageClass
}

// sameKMSKey compares the key that was named with the ARN that stores answer
// with; MinIO's is "arn:aws:kms:" and the name. An alias stands for any key.
func sameKMSKey(asked, shown string) bool {
	return asked == shown || strings.HasSuffix(shown, "/"+asked) || shown == "arn:aws:kms:"+asked || shown != "" && strings.Contains(asked, "alias/")
}

// Text is the canonical text of a set of attributes.
func (a Attributes) Text() string {
	text, _ := json.Marshal(a) // of plain fields: cannot fail
	return string(text)
}

// single is one attribute of a set, by its name.
type single struct {
	Name string
	Attributes
}

// Singles are the attributes of a set one by one, without locks.
func (a Attributes) Singles() (all []single) {
	for _, one := range AttributeTable {
		if !one.holds && one.Asked(&a) {
			all = append(all, single{one.Name, one.Of(a)})
		}
	}
	return all
}

// Demanded are the attributes that a policy may demand of objects which are not the site's.
func (a Attributes) Demanded() (d Attributes) {
	for _, one := range AttributeTable {
		if one.demanded && !(one.Name == attributeACL && !privateACL(a.ACL)) {
			one.take(&d, &a)
		}
	}
	return d
}
