package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/sledge-io/sledge/importer/probe"
)

// sink is an S3 server that reads bodies and keeps nothing of them: what is left
// is the client's own cost. It answers as a store does that keeps checksums and
// metadata and has conditional writes. Only the objects of a probe are hashed, so
// that a wrong checksum is refused there.
type sink struct {
	mu      sync.Mutex
	objects map[string]*sunk // by path: bucket and key
	uploads map[string]*sunk
	next    int
}

// sunk is what HEAD tells of an object.
type sunk struct {
	path   string
	header http.Header
	size   int64
}

func runSink(ctx context.Context, args []string, _ io.Writer) error {
	flags := flag.NewFlagSet("sink", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:0", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: newSink()}
	context.AfterFunc(ctx, func() { server.Close() })
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func newSink() *sink { return &sink{objects: map[string]*sunk{}, uploads: map[string]*sunk{}} }

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	id := q.Get("uploadId")
	switch {
	case r.Method == http.MethodPut && id != "":
		s.part(w, r, id)
	case r.Method == http.MethodPut:
		s.put(w, r)
	case r.Method == http.MethodPost && q.Has("uploads"):
		s.create(w, r)
	case r.Method == http.MethodPost && id != "":
		s.complete(w, r, id)
	case r.Method == http.MethodHead:
		s.head(w, r)
	case r.Method == http.MethodGet && q.Has("uploads"):
		s.list(w, q.Get("prefix"))
	case r.Method == http.MethodGet && id != "":
		answer(w, http.StatusOK, struct {
			XMLName xml.Name `xml:"ListPartsResult"`
		}{})
	case r.Method == http.MethodGet && q.Get("list-type") == "":
		s.get(w, r)
	case r.Method == http.MethodDelete:
		s.remove(r, id)
		w.WriteHeader(http.StatusNoContent)
	default:
		refuse(w, http.StatusNotFound, "NoSuchKey")
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	answer(w, status, struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
		Message string
	}{Code: code, Message: code})
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := xml.Marshal(body)
	if err != nil {
		status = http.StatusInternalServerError
	}
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	w.Write(text)
}

var buffers = sync.Pool{New: func() any { return new([256 << 10]byte) }}

// swallow reads a body. A probe's body is hashed: it tells whether the SHA-256
// that came with it is right.
func swallow(r *http.Request) (n int64, right bool, err error) {
	sum := r.Header.Get(checksum)
	if sum != "" && strings.Contains(r.URL.Path, "/"+probe.Prefix) {
		h := sha256.New()
		n, err = io.Copy(h, r.Body)
		return n, sum == base64.StdEncoding.EncodeToString(h.Sum(nil)), err
	}
	buf := buffers.Get().(*[256 << 10]byte)
	defer buffers.Put(buf)
	for {
		m, err := r.Body.Read(buf[:])
		n += int64(m)
		if err == io.EOF {
			return n, true, nil
		}
		if err != nil {
			return n, true, err
		}
	}
}

// Headers that tell of an object's checksum, in HEAD and in answers to writes alike:
// a client that compares the two need not ask.
const (
	checksum     = "X-Amz-Checksum-Sha256"
	checksumType = "X-Amz-Checksum-Type"
)

// kept are the headers of a request that HEAD answers with.
func kept(r *http.Request) http.Header {
	h := http.Header{"Etag": {`"sunk"`}}
	for name, values := range r.Header {
		if strings.HasPrefix(name, "X-Amz-Meta-") || strings.HasPrefix(name, "X-Amz-Checksum-") && name != "X-Amz-Checksum-Algorithm" {
			h[name] = values
		}
	}
	return h
}

func (s *sink) put(w http.ResponseWriter, r *http.Request) {
	n, right, err := swallow(r)
	header := kept(r)
	if header.Get(checksum) != "" {
		header.Set(checksumType, "FULL_OBJECT")
	}
	switch {
	case err != nil:
		refuse(w, http.StatusBadRequest, "IncompleteBody")
	case !right:
		refuse(w, http.StatusBadRequest, "BadDigest")
	case !s.keep(r, &sunk{path: r.URL.Path, header: header, size: n}):
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	default:
		for _, name := range []string{"Etag", checksum, checksumType} {
			if v := header.Get(name); v != "" {
				w.Header().Set(name, v)
			}
		}
	}
}

// keep remembers an object, unless it must not be there yet and is.
func (s *sink) keep(r *http.Request, o *sunk) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, there := s.objects[o.path]; there && r.Header.Get("If-None-Match") == "*" {
		return false
	}
	s.objects[o.path] = o
	return true
}

func (s *sink) create(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.next++
	id := strconv.Itoa(s.next)
	s.uploads[id] = &sunk{path: r.URL.Path, header: kept(r)}
	s.mu.Unlock()
	answer(w, http.StatusOK, struct {
		XMLName  xml.Name `xml:"InitiateMultipartUploadResult"`
		UploadID string   `xml:"UploadId"`
	}{UploadID: id})
}

func (s *sink) part(w http.ResponseWriter, r *http.Request, id string) {
	n, right, err := swallow(r)
	s.mu.Lock()
	up := s.uploads[id]
	if up != nil && right && err == nil {
		up.size += n
	}
	s.mu.Unlock()
	switch {
	case up == nil:
		refuse(w, http.StatusNotFound, "NoSuchUpload")
	case err != nil:
		refuse(w, http.StatusBadRequest, "IncompleteBody")
	case !right:
		refuse(w, http.StatusBadRequest, "BadDigest")
	default:
		w.Header().Set("Etag", `"sunk"`)
		w.Header().Set(checksum, r.Header.Get(checksum))
	}
}

func (s *sink) complete(w http.ResponseWriter, r *http.Request, id string) {
	if _, err := io.Copy(io.Discard, r.Body); err != nil {
		refuse(w, http.StatusBadRequest, "IncompleteBody")
		return
	}
	s.mu.Lock()
	up := s.uploads[id]
	s.mu.Unlock()
	if up == nil {
		refuse(w, http.StatusNotFound, "NoSuchUpload")
		return
	}
	if sum := r.Header.Get(checksum); sum != "" {
		up.header.Set(checksum, sum)
		up.header.Set(checksumType, "COMPOSITE")
	}
	if !s.keep(r, up) {
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	s.mu.Lock()
	delete(s.uploads, id)
	s.mu.Unlock()
	answer(w, http.StatusOK, struct {
		XMLName        xml.Name `xml:"CompleteMultipartUploadResult"`
		ETag           string
		ChecksumSHA256 string
		ChecksumType   string
	}{ETag: `"sunk"`, ChecksumSHA256: up.header.Get(checksum), ChecksumType: up.header.Get(checksumType)})
}

func (s *sink) head(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	o := s.objects[r.URL.Path]
	s.mu.Unlock()
	if o == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	for name, values := range o.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.FormatInt(o.size, 10))
}

// get answers with zeros: a probe asks whether it may read, not what.
func (s *sink) get(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	o := s.objects[r.URL.Path]
	s.mu.Unlock()
	if o == nil {
		refuse(w, http.StatusNotFound, "NoSuchKey")
		return
	}
	w.Header().Set("Content-Length", strconv.FormatInt(o.size, 10))
	w.Write(make([]byte, min(o.size, 1<<20)))
}

// list names the unfinished uploads of one key.
func (s *sink) list(w http.ResponseWriter, prefix string) {
	type upload struct {
		Key      string
		UploadID string `xml:"UploadId"`
	}
	var found []upload
	s.mu.Lock()
	for id, up := range s.uploads {
		if _, key, _ := strings.Cut(strings.TrimPrefix(up.path, "/"), "/"); strings.HasPrefix(key, prefix) {
			found = append(found, upload{key, id})
		}
	}
	s.mu.Unlock()
	answer(w, http.StatusOK, struct {
		XMLName xml.Name `xml:"ListMultipartUploadsResult"`
		Upload  []upload
	}{Upload: found})
}

func (s *sink) remove(r *http.Request, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id != "" {
		delete(s.uploads, id)
		return
	}
	delete(s.objects, r.URL.Path)
}
