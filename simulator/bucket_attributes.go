package simulator

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
)

// attributeHeaders are those that a write asks by and HEAD answers with.
var attributeHeaders = []string{"Content-Type", "Cache-Control", "X-Amz-Storage-Class", "X-Amz-Server-Side-Encryption",
	"X-Amz-Object-Lock-Mode", "X-Amz-Object-Lock-Retain-Until-Date", "X-Amz-Object-Lock-Legal-Hold"}

// shown are the attributes that the store keeps of a write of this kind.
func (b *Bucket) shown(r *http.Request, call string) http.Header {
	kept := http.Header{}
	for _, name := range attributeHeaders {
		if value := r.Header.Get(name); value != "" {
			kept.Set(name, value)
		}
	}
	if slices.Contains(b.Traits.DropsLock, call) {
		for _, name := range attributeHeaders[4:] {
			kept.Del(name)
		}
	}
	tags, err := url.ParseQuery(r.Header.Get("X-Amz-Tagging"))
	if err == nil && len(tags) > 0 && !slices.Contains(b.Traits.DropsTags, call) {
		kept.Set("X-Amz-Tagging-Count", strconv.Itoa(len(tags)))
	}
	return kept
}
