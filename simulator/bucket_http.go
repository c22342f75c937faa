package simulator

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/xml"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
)

// Limits of a request's body, of a key and of metadata (S3 user guide).
const (
	maxBody     = 64 << 20
	maxKey      = 1024
	maxMetadata = 2048
)

// refusal is S3's way to say no.
type refusal struct {
	status int
	code   string
}

// ServeHTTP answers S3's REST calls for /NAME/KEY, as far as an importer makes
// them. Signatures are not looked at.
func (b *Bucket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	body, err := wholeBody(r)
	if err != nil || r.ContentLength > int64(len(body)) {
		refuse(w, r, &refusal{http.StatusBadRequest, "IncompleteBody"})
		return
	}
	bucket, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if bucket != b.Name {
		refuse(w, r, &refusal{http.StatusNotFound, "NoSuchBucket"})
		return
	}
	b.begin()
	defer b.mu.Unlock()
	if b.Traits.Renames {
		key = renamed(key)
	}
	if no := b.serve(w, r, key, body); no != nil {
		refuse(w, r, no)
	}
}

// RoundTrip implements http.RoundTripper: the bucket in this process, without a network.
func (b *Bucket) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	out := &recorder{header: http.Header{}, status: http.StatusOK}
	b.ServeHTTP(out, in)
	answer := respond(r, out.status, out.header.Get("Content-Type"), out.body.Bytes())
	answer.Header = out.header
	if n, err := strconv.ParseInt(out.header.Get("Content-Length"), 10, 64); err == nil {
		answer.ContentLength = n // of HEAD, too, which has no body
	}
	return answer, nil
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header         { return r.header }
func (r *recorder) WriteHeader(status int)      { r.status = status }
func (r *recorder) Write(p []byte) (int, error) { return r.body.Write(p) }

func (b *Bucket) serve(w http.ResponseWriter, r *http.Request, key string, body []byte) *refusal {
	q := r.URL.Query()
	id := q.Get("uploadId")
	if len(key) > maxKey {
		return &refusal{http.StatusBadRequest, "KeyTooLongError"}
	}
	switch {
	case r.Method == http.MethodPut && id != "":
		return b.putPart(w, r, key, id, q.Get("partNumber"), body)
	case r.Method == http.MethodPut:
		return b.put(w, r, key, body)
	case r.Method == http.MethodPost && q.Has("uploads"):
		return b.create(w, r, key)
	case r.Method == http.MethodPost && id != "":
		return b.complete(w, r, key, id, body)
	case r.Method == http.MethodGet && key == "" && q.Get("list-type") == "2":
		return b.list(w, q)
	case r.Method == http.MethodGet && key == "" && q.Has("object-lock"):
		if !b.Traits.Locks {
			return &refusal{http.StatusNotFound, "ObjectLockConfigurationNotFoundError"}
		}
		io.WriteString(w, "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>")
	case r.Method == http.MethodGet && q.Has("attributes"):
		return b.attributes(w, key)
	case r.Method == http.MethodGet && q.Has("uploads"):
		b.listUploads(w, q)
	case r.Method == http.MethodGet && id != "":
		return b.listParts(w, q, key, id)
	case r.Method == http.MethodGet, r.Method == http.MethodHead:
		return b.get(w, r, key)
	case r.Method == http.MethodDelete && id != "":
		if _, no := b.find(key, id, "Abort"); no != nil {
			return no
		}
		delete(b.uploads, id)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodDelete:
		if want := r.Header.Get("If-Match"); want != "" && !b.Traits.NoConditions {
			if o := b.objects[key]; o == nil || etag(o.Data) != want {
				return &refusal{http.StatusPreconditionFailed, "PreconditionFailed"}
			}
		}
		b.removeVersion(key, q.Get("versionId"))
		w.WriteHeader(http.StatusNoContent)
	default:
		return &refusal{http.StatusNotImplemented, "NotImplemented"}
	}
	return nil
}

// checked compares a body with the checksums that came with it.
func (b *Bucket) checked(r *http.Request, body []byte) (sum [32]byte, no *refusal) {
	sum = sha256.Sum256(body)
	if b.Traits.Unchecking {
		if sent, err := base64.StdEncoding.DecodeString(r.Header.Get(checksumHeader)); err == nil && len(sent) == 32 {
			sum = [32]byte(sent)
		}
		return sum, nil
	}
	if sent := r.Header.Get("X-Amz-Content-Sha256"); sent != "" && sent != "UNSIGNED-PAYLOAD" && sent != hex.EncodeToString(sum[:]) {
		return sum, &refusal{http.StatusBadRequest, "XAmzContentSHA256Mismatch"}
	}
	if sent := r.Header.Get(checksumHeader); sent != "" && sent != base64.StdEncoding.EncodeToString(sum[:]) {
		return sum, &refusal{http.StatusBadRequest, "BadDigest"}
	}
	return sum, nil
}

const (
	checksumHeader = "X-Amz-Checksum-Sha256"
	metaHeader     = "X-Amz-Meta-"
)

func metadataOf(r *http.Request) (http.Header, *refusal) {
	kept, size := http.Header{}, 0
	for name, values := range r.Header {
		if strings.HasPrefix(name, metaHeader) {
			kept[name] = values
			size += len(name) - len(metaHeader) + len(values[0])
		}
	}
	if size > maxMetadata {
		return nil, &refusal{http.StatusBadRequest, "MetadataTooLarge"}
	}
	return kept, nil
}

func ifAbsent(r *http.Request) bool { return r.Header.Get("If-None-Match") == "*" }

func (b *Bucket) put(w http.ResponseWriter, r *http.Request, key string, body []byte) *refusal {
	sum, no := b.checked(r, body)
	if no != nil {
		return no
	}
	metadata, no := metadataOf(r)
	if no != nil {
		return no
	}
	o := &Object{Data: body, Metadata: metadata, Shown: b.shown(r, callPut), SHA256: base64.StdEncoding.EncodeToString(sum[:])}
	if no := b.store(key, ifAbsent(r), o); no != nil {
		return no
	}
	w.Header().Set("Etag", etag(body))
	setVersion(w, o)
	if !b.Traits.Silent {
		b.tell(w, o)
	}
	return nil
}

// tell gives an object's checksum in headers.
func (b *Bucket) tell(w http.ResponseWriter, o *Object) {
	sum, kind := b.checksum(o)
	if sum != "" {
		w.Header().Set(checksumHeader, sum)
		w.Header().Set("X-Amz-Checksum-Type", kind)
	}
}

func (b *Bucket) checksum(o *Object) (sum, kind string) {
	base, _, composite := strings.Cut(o.SHA256, "-")
	switch {
	case b.Traits.DropsChecksum || base == "":
		return "", ""
	case !composite:
		return o.SHA256, "FULL_OBJECT"
	case b.Traits.Dashless:
		return base, "COMPOSITE"
	}
	return o.SHA256, "COMPOSITE"
}

func (b *Bucket) create(w http.ResponseWriter, r *http.Request, key string) *refusal {
	metadata, no := metadataOf(r)
	if no != nil {
		return no
	}
	algorithm, no := algorithmOf(r)
	if no != nil {
		return no
	}
	u := b.newUpload(key, metadata)
	u.algorithm, u.shown = algorithm, b.shown(r, callCreate)
	answer(w, http.StatusOK, struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		Bucket   string
		Key      string
		UploadID string `xml:"UploadId"`
	}{Bucket: b.Name, Key: key, UploadID: "upload-" + strconv.Itoa(b.ids)})
	return nil
}

func (b *Bucket) putPart(w http.ResponseWriter, r *http.Request, key, id, number string, body []byte) *refusal {
	sum, no := b.checked(r, body)
	if no != nil {
		return no
	}
	u, no := b.find(key, id, "UploadPart")
	if no != nil {
		return no
	}
	if no := u.takes(r); no != nil {
		return no
	}
	n, err := strconv.Atoi(number)
	if err != nil || n < 1 || n > 10000 {
		return &refusal{http.StatusBadRequest, "InvalidArgument"}
	}
	u.parts[n] = &part{data: body, sum: sum}
	w.Header().Set("Etag", etag(body))
	w.Header().Set(checksumHeader, base64.StdEncoding.EncodeToString(sum[:]))
	return nil
}

func (b *Bucket) get(w http.ResponseWriter, r *http.Request, key string) *refusal {
	o, no := b.asked(r, key)
	if no != nil {
		return no
	}
	maps.Copy(w.Header(), o.Metadata)
	maps.Copy(w.Header(), o.Shown)
	setVersion(w, o)
	w.Header().Set("Etag", etag(o.Data))
	w.Header().Set("Content-Length", strconv.Itoa(len(o.Data)))
	if r.Header.Get("X-Amz-Checksum-Mode") == "ENABLED" {
		b.tell(w, o)
	}
	if r.Method == http.MethodGet {
		io.Copy(w, bytes.NewReader(o.Data))
	}
	return nil
}

func refuse(w http.ResponseWriter, r *http.Request, no *refusal) {
	if r.Method == http.MethodHead {
		w.WriteHeader(no.status)
		return
	}
	answer(w, no.status, errorBody{Code: no.code, Message: no.code})
}

type errorBody struct {
	XMLName xml.Name `xml:"Error"`
	Code    string
	Message string
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := xml.Marshal(body)
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/xml")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	w.Write(text)
}
