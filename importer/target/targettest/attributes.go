// Package targettest has what tests of more than one package need to speak of a target.
package targettest

import (
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// Everything asks for all that there is.
func Everything() target.Attributes {
	return target.Attributes{Given: target.Given{ContentType: "text/plain", CacheControl: "no-cache", StorageClass: "COLD", SSE: "aws:kms", KMSKeyID: "1-2",
		KMSContext: map[string]string{"c": "d"}, Tags: map[string]string{"a": "b"}, BucketKey: true,
		ContentEncoding: "gzip", ContentDisposition: "inline", ContentLanguage: "de", ACL: "public-read", Metadata: map[string]string{"team": "x"}},
		LockMode: "GOVERNANCE", LockUntil: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), LegalHold: true, CustomerKeyMD5: "md5", LockDays: true}
}
