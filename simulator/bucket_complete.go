package simulator

import (
	"encoding/xml"
	"io"
	"net/http"
	"strconv"
	"time"
)

type completedPart struct {
	PartNumber     int
	ETag           string
	ChecksumSHA256 string
}

// completed is an upload that was completed, and what was answered.
type completed struct {
	key    string
	object *Object
	answer any
}

// slowest bounds what a slow Complete takes.
const slowest = 2 * time.Millisecond

func (b *Bucket) complete(w http.ResponseWriter, r *http.Request, key, id string, body []byte) *refusal {
	if done := b.ended[id]; done != nil && done.key == key && b.Traits.RepeatedComplete200 {
		setVersion(w, done.object)
		answer(w, http.StatusOK, done.answer)
		return nil
	}
	u, no := b.find(key, id, "Complete")
	if no != nil {
		return no
	}
	var in struct {
		Part []completedPart
	}
	if err := xml.Unmarshal(body, &in); err != nil || len(in.Part) == 0 {
		return &refusal{http.StatusBadRequest, "MalformedXML"}
	}
	size := int64(-1)
	if s := r.Header.Get("X-Amz-Mp-Object-Size"); s != "" {
		var err error
		if size, err = strconv.ParseInt(s, 10, 64); err != nil {
			return &refusal{http.StatusBadRequest, "InvalidArgument"}
		}
	}
	if no := u.completes(r, in.Part); no != nil {
		return no
	}
	join := func() (any, *refusal) {
		o, no := b.assemble(u, in.Part, r.Header.Get(checksumHeader), size)
		if no == nil {
			no = b.store(key, ifAbsent(r), o)
		}
		if no != nil {
			return nil, no
		}
		return b.end(w, id, o), nil
	}
	if b.Traits.SlowComplete {
		b.completeSlowly(w, key, id, join)
		return nil
	}
	out, no := join()
	if no != nil {
		return no
	}
	answer(w, http.StatusOK, out)
	return nil
}

// end forgets an upload whose object is there, and makes the answer.
func (b *Bucket) end(w http.ResponseWriter, id string, o *Object) any {
	key := b.uploads[id].key
	delete(b.uploads, id)
	setVersion(w, o)
	out := struct {
		XMLName        xml.Name `xml:"CompleteMultipartUploadResult"`
		Bucket         string
		Key            string
		ETag           string
		ChecksumSHA256 string `xml:",omitempty"`
		ChecksumType   string `xml:",omitempty"`
	}{Bucket: b.Name, Key: key, ETag: etag(o.Data)}
	if !b.Traits.Silent {
		out.ChecksumSHA256, out.ChecksumType = b.checksum(o)
	}
	b.ended[id] = &completed{key, o, out}
	return out
}

// completeSlowly lets others in while it is at work, before or after the object is there.
// Its status was sent long ago, and white space after it: a refusal comes in the body.
func (b *Bucket) completeSlowly(w http.ResponseWriter, key, id string, join func() (any, *refusal)) {
	late := hash(b.Seed, key, id)%2 == 0
	if late {
		b.rest(key)
	}
	var out any
	no := &refusal{http.StatusNotFound, "NoSuchUpload"} // it was aborted, or completed, meanwhile
	if done := b.ended[id]; done != nil && b.Traits.RepeatedComplete200 {
		setVersion(w, done.object)
		out, no = done.answer, nil
	} else if b.uploads[id] != nil {
		out, no = join()
	}
	if no != nil {
		out = errorBody{Code: no.code, Message: no.code}
	}
	if !late {
		b.rest(key)
	}
	text, err := xml.Marshal(out)
	if err != nil {
		panic(err) // a struct of texts
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusOK)
	io.WriteString(w, space) // a recorder, or a connection whose client sees what it gets
	w.Write(text)
}

// rest lets go of the bucket for a moment.
func (b *Bucket) rest(key string) {
	b.mu.Unlock()
	defer b.mu.Lock()
	time.Sleep(time.Duration(hash(b.Seed, key, "rest") % uint64(slowest)))
}
