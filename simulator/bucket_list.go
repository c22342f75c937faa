package simulator

import (
	"encoding/base64"
	"encoding/xml"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listPage is the most that one answer lists (S3 API reference, ListObjectsV2).
const listPage = 1000

type listedObject struct {
	Key               string
	LastModified      string
	ETag              string
	Size              int
	ChecksumAlgorithm string `xml:",omitempty"`
	ChecksumType      string `xml:",omitempty"`
}

// list answers ListObjectsV2: keys in the order of their bytes, in pages. The
// token is the last key of the page before.
func (b *Bucket) list(w http.ResponseWriter, q url.Values) *refusal {
	if b.Traits.NoListBucket {
		return &refusal{http.StatusForbidden, "AccessDenied"}
	}
	most := b.page(listPage)
	if text := q.Get("max-keys"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return &refusal{http.StatusBadRequest, "InvalidArgument"}
		}
		most = min(most, n)
	}
	var keys []string
	for key := range b.objects {
		if strings.HasPrefix(key, q.Get("prefix")) && key > q.Get("continuation-token") {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	out := struct {
		XMLName               xml.Name `xml:"ListBucketResult"`
		Name                  string
		Prefix                string
		EncodingType          string `xml:",omitempty"`
		IsTruncated           bool
		NextContinuationToken string `xml:",omitempty"`
		KeyCount              int
		Contents              []listedObject
	}{Name: b.Name, Prefix: q.Get("prefix"), EncodingType: q.Get("encoding-type")}
	if len(keys) > most {
		keys, out.IsTruncated, out.NextContinuationToken = keys[:most], true, keys[most-1]
	}
	out.KeyCount = len(keys)
	for _, key := range keys {
		out.Contents = append(out.Contents, b.listed(key, out.EncodingType == "url"))
	}
	answer(w, http.StatusOK, out)
	return nil
}

func (b *Bucket) listed(key string, encoded bool) listedObject {
	o := b.objects[key]
	l := listedObject{Key: key, LastModified: o.Modified.Format(time.RFC3339), ETag: etag(o.Data), Size: len(o.Data)}
	if encoded {
		l.Key = url.QueryEscape(key)
	}
	if _, kind := b.checksum(o); kind != "" {
		l.ChecksumAlgorithm, l.ChecksumType = "SHA256", kind
	}
	return l
}

// attributes answers GetObjectAttributes with everything that is known, in one page.
func (b *Bucket) attributes(w http.ResponseWriter, key string) *refusal {
	o := b.objects[key]
	if o == nil {
		return b.missing()
	}
	type sum struct {
		ChecksumSHA256 string `xml:",omitempty"`
		ChecksumType   string `xml:",omitempty"`
	}
	type listedPart struct {
		PartNumber     int
		Size           int
		ChecksumSHA256 string `xml:",omitempty"`
	}
	type partList struct {
		PartsCount  int
		IsTruncated bool
		Part        []listedPart
	}
	out := struct {
		XMLName     xml.Name `xml:"GetObjectAttributesResponse"`
		ETag        string
		Checksum    *sum
		ObjectParts *partList
		ObjectSize  int
	}{ETag: strings.Trim(etag(o.Data), `"`), ObjectSize: len(o.Data)}
	if value, kind := b.checksum(o); value != "" {
		out.Checksum = &sum{value, kind}
	}
	for i, p := range o.parts {
		if out.ObjectParts == nil {
			out.ObjectParts = &partList{PartsCount: len(o.parts)}
		}
		listed := listedPart{PartNumber: i + 1, Size: len(p.data)}
		if !b.Traits.DropsChecksum {
			listed.ChecksumSHA256 = base64.StdEncoding.EncodeToString(p.sum[:])
		}
		out.ObjectParts.Part = append(out.ObjectParts.Part, listed)
	}
	answer(w, http.StatusOK, out)
	return nil
}
