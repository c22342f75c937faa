package fsck

import (
	"fmt"
	"time"

	"github.com/sledge-io/sledge/internal/fsck/wire"
)

// ObjectAttributes are what the importer asked the store to give an object
// besides its content (format.md 10).
type ObjectAttributes struct {
	ContentType  string
	CacheControl string
	StorageClass string
	SSE          string
	KMSKeyID     string
	KMSContext   map[string]string
	Tags         map[string]string
	LockMode     string
	LockUntil    time.Time
	LegalHold    bool

	BucketKey          bool
	ContentEncoding    string
	ContentDisposition string
	ContentLanguage    string
	ACL                string
	Metadata           map[string]string
	CustomerKeyMD5     string
}

var (
	encryptions = map[string]bool{"": true, "AES256": true, "aws:kms": true, "aws:kms:dsse": true}
	lockModes   = map[string]bool{"": true, "GOVERNANCE": true, "COMPLIANCE": true}
)

// parseAttributes reads the member of a line; nil if it has none.
func parseAttributes(line wire.Object) (*ObjectAttributes, error) {
	if _, ok := line["attributes"]; !ok {
		return nil, nil
	}
	o, err := line.Object("attributes")
	if err != nil {
		return nil, err
	}
	a := &ObjectAttributes{}
	for name, to := range map[string]any{
		"content_type": &a.ContentType, "cache_control": &a.CacheControl, "storage_class": &a.StorageClass, "sse": &a.SSE,
		"kms_key_id": &a.KMSKeyID, "kms_context": &a.KMSContext, "tags": &a.Tags, "lock_mode": &a.LockMode, "legal_hold": &a.LegalHold,
		"bucket_key": &a.BucketKey, "content_encoding": &a.ContentEncoding, "content_disposition": &a.ContentDisposition, "content_language": &a.ContentLanguage,
		"acl": &a.ACL, "metadata": &a.Metadata, "customer_key_md5": &a.CustomerKeyMD5,
	} {
		if err := o.Maybe(name, to); err != nil {
			return nil, err
		}
	}
	if o.Has("lock_until") {
		if a.LockUntil, err = o.Time("lock_until"); err != nil {
			return nil, err
		}
	}
	return a, a.check()
}

func (a *ObjectAttributes) check() error {
	switch {
	case !encryptions[a.SSE] || !lockModes[a.LockMode]:
		return fmt.Errorf("%w: sse %q, lock mode %q", wire.ErrVersion, a.SSE, a.LockMode)
	case (a.LockMode == "") != a.LockUntil.IsZero():
		return fmt.Errorf("%w: lock mode and time go together", wire.ErrMalformed)
	case (a.KMSKeyID != "" || a.KMSContext != nil) && (a.SSE == "" || a.SSE == "AES256"):
		return fmt.Errorf("%w: a KMS key without sse of KMS", wire.ErrMalformed)
	case a.BucketKey && a.SSE != "aws:kms":
		return fmt.Errorf("%w: a bucket key without sse aws:kms", wire.ErrMalformed)
	case a.CustomerKeyMD5 != "" && a.SSE != "":
		return fmt.Errorf("%w: a key of the customer's beside sse %q", wire.ErrMalformed, a.SSE)
	case len(a.Tags) > 10:
		return fmt.Errorf("%w: %d tags", wire.ErrMalformed, len(a.Tags))
	}
	return nil
}
