package simulator

import (
	"cmp"
	"encoding/base64"
	"encoding/xml"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// listParts answers ListParts, in pages.
func (b *Bucket) listParts(w http.ResponseWriter, q url.Values, key, id string) *refusal {
	u, no := b.find(key, id, "ListParts")
	if no != nil {
		return no
	}
	type listed struct {
		PartNumber     int
		ETag           string
		Size           int
		ChecksumSHA256 string `xml:",omitempty"`
	}
	out := struct {
		XMLName              xml.Name `xml:"ListPartsResult"`
		Key                  string
		UploadID             string `xml:"UploadId"`
		IsTruncated          bool
		NextPartNumberMarker string `xml:",omitempty"`
		Part                 []listed
	}{Key: key, UploadID: id}
	after, _ := strconv.Atoi(q.Get("part-number-marker")) // none is 0
	for _, n := range slices.Sorted(maps.Keys(u.parts)) {
		if n <= after {
			continue
		}
		if len(out.Part) == b.page(listPage) {
			out.IsTruncated, out.NextPartNumberMarker = true, strconv.Itoa(out.Part[len(out.Part)-1].PartNumber)
			break
		}
		p := u.parts[n]
		l := listed{PartNumber: n, ETag: etag(p.data), Size: len(p.data)}
		if u.algorithm == algorithmSHA256 {
			l.ChecksumSHA256 = base64.StdEncoding.EncodeToString(p.sum[:])
		}
		out.Part = append(out.Part, l)
	}
	answer(w, http.StatusOK, out)
	return nil
}

// listUploads answers ListMultipartUploads: by key, of one key the oldest first, in pages.
func (b *Bucket) listUploads(w http.ResponseWriter, q url.Values) {
	type owner struct{ ID string }
	type listed struct {
		Key       string
		UploadID  string `xml:"UploadId"`
		Initiated string
		Initiator owner
	}
	out := struct {
		XMLName            xml.Name `xml:"ListMultipartUploadsResult"`
		Bucket             string
		IsTruncated        bool
		NextKeyMarker      string `xml:",omitempty"`
		NextUploadIDMarker string `xml:"NextUploadIdMarker,omitempty"`
		Upload             []listed
	}{Bucket: b.Name}
	for _, id := range b.uploadsAfter(q) {
		if n := len(out.Upload); n == b.page(listPage) {
			out.IsTruncated, out.NextKeyMarker, out.NextUploadIDMarker = true, out.Upload[n-1].Key, out.Upload[n-1].UploadID
			break
		}
		u, who := b.uploads[id], ourID
		if u.foreign {
			who = otherID
		}
		out.Upload = append(out.Upload, listed{u.key, id, u.initiated.Format(time.RFC3339), owner{who}})
	}
	answer(w, http.StatusOK, out)
}

// uploadsAfter are the ids of uploads below a prefix, after what a page before has told.
func (b *Bucket) uploadsAfter(q url.Values) []string {
	ids := slices.DeleteFunc(slices.Collect(maps.Keys(b.uploads)), func(id string) bool {
		return !strings.HasPrefix(b.uploads[id].key, q.Get("prefix"))
	})
	slices.SortFunc(ids, func(x, y string) int {
		return cmp.Or(cmp.Compare(b.uploads[x].key, b.uploads[y].key), cmp.Compare(b.uploads[x].number, b.uploads[y].number))
	})
	key, last := q.Get("key-marker"), number(q.Get("upload-id-marker"))
	return slices.DeleteFunc(ids, func(id string) bool {
		u := b.uploads[id]
		return key != "" && (u.key < key || u.key == key && (last == 0 || u.number <= last))
	})
}

// number is that of an upload's id; of none it is 0.
func number(id string) int {
	n, _ := strconv.Atoi(strings.TrimPrefix(id, "upload-"))
	return n
}
