package importer

import (
	"context"
	"crypto/fips140"
	"crypto/md5"
	"encoding/hex"
	"strings"
	"sync/atomic"

	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/target"
)

// listedParts are parts of an earlier start that the store lists with our size and without a
// checksum, as one does that takes no checksum headers.
type listedParts struct {
	parts  map[int]target.Part
	others atomic.Bool // an ETag was not the MD5 of its part: the store's may mean something else
}

// sameByETag reports whether the store holds a part: its ETag is the MD5 of bytes that were
// read from the disks just now and have the manifest's SHA-256. That keeps a part from being
// sent again, and proves nothing: the whole object is proven as one that was sent at once is,
// and where the store does not check what it is sent it is read back.
func (t *transfer) sameByETag(ctx context.Context, number int) (p target.Part, same bool, err error) {
	p, ok := t.listed.parts[number]
	want, isMD5 := md5OfETag(p.ETag)
	if !ok || !isMD5 || t.listed.others.Load() || fips140.Enabled() {
		return p, false, nil
	}
	from, size := t.action.PartSpan(number)
	sum := md5.New()
	if err := content.HashSpan(ctx, t.content, t.action.Path, from, size, t.action.Parts[number-1], sum); err != nil {
		return p, false, err
	}
	if [md5.Size]byte(sum.Sum(nil)) != want {
		t.listed.others.Store(true)
		return p, false, nil
	}
	return p, true, nil
}

// md5OfETag is the MD5 that an ETag may be.
func md5OfETag(etag string) (sum [md5.Size]byte, ok bool) {
	raw, err := hex.DecodeString(strings.Trim(etag, `"`))
	if err != nil || len(raw) != md5.Size {
		return sum, false
	}
	return [md5.Size]byte(raw), true
}
