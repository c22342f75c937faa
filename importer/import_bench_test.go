package importer

import (
	"context"
	"encoding/xml"
	"fmt"
	"io"
	"math/rand"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/s3test"
)

// BenchmarkImportLarge and BenchmarkImportSmall import into a server that only
// reads and into versitygw, and send the same objects bare: no journal, no
// receipts, nothing asked afterwards. "of-bare" is the bare time by ours.
func BenchmarkImportLarge(b *testing.B) {
	s := newSource()
	for i := range 2 {
		s.file(fmt.Sprintf("f%d", i), random(int64(i), 128<<20))
	}
	benchmarkImport(b, s)
}

func BenchmarkImportSmall(b *testing.B) {
	s := newSource()
	for i := range 2000 {
		s.file(fmt.Sprintf("d%02d/f%02d", i/100, i%100), random(int64(i), 4<<10))
	}
	benchmarkImport(b, s)
}

func random(seed int64, size int) []byte {
	data := make([]byte, size)
	rand.New(rand.NewSource(seed)).Read(data)
	return data
}

func benchmarkImport(b *testing.B, s *fakeSource) {
	b.Run("sink", func(b *testing.B) {
		server := httptest.NewServer(&sink{objects: map[string]http.Header{}, uploads: map[string]http.Header{}})
		defer server.Close()
		besideBare(b, s, Options{Config: s3.Config{Bucket: "sink", Endpoint: server.URL, Credentials: &s3.Credentials{AccessKey: "sink", SecretKey: "sink-secret"}}})
	})
	b.Run("versitygw", func(b *testing.B) {
		if _, err := s3test.Binary(); err != nil {
			b.Skip(err)
		}
		server, err := s3test.New(b.TempDir(), "sledge")
		if err != nil {
			b.Fatal(err)
		}
		defer server.Kill()
		besideBare(b, s, Options{Config: s3.Config{Bucket: server.Bucket, Endpoint: server.Endpoint, Region: server.Region, Profile: "versitygw",
			Credentials: &s3.Credentials{AccessKey: server.AccessKey, SecretKey: server.SecretKey}}})
	})
}

// besideBare alternates ours and bare, each below a prefix of its own.
func besideBare(b *testing.B, s *fakeSource, o Options) {
	o.PathStyle, o.RunID, o.ImporterKey = true, "run-1", testKey
	target, err := NewS3(context.Background(), o)
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(s.totals.Bytes))
	var ours, bare time.Duration
	prefix := func(who string, n int) string { return fmt.Sprintf("%s-%d-%d/", who, b.N, n) }
	for n := range b.N {
		b.StopTimer()
		o.Prefix = prefix("bare", n)
		start := time.Now()
		if err := sendBare(s, target, o); err != nil {
			b.Fatal(err)
		}
		bare += time.Since(start)
		o.Prefix, o.StateDir = prefix("ours", n), memDisk()
		b.StartTimer()
		start = time.Now()
		res, err := Run(context.Background(), s, target, o)
		if err != nil || !res.Complete || res.Tally.Proofs[entry.ProofSHA256] != uint64(len(s.entries)) {
			b.Fatalf("%v, %+v", err, res)
		}
		ours += time.Since(start)
	}
	b.ReportMetric(bare.Seconds()/ours.Seconds(), "of-bare")
	b.ReportMetric(float64(b.N*len(s.entries))/ours.Seconds(), "objects/s")
}

// sendBare sends every object as a run would, and does nothing else.
func sendBare(s *fakeSource, target target.Target, o Options) error {
	o = o.withDefaults()
	planner, err := o.planner(s.Scope())
	if err != nil {
		return err
	}
	work, failed := make(chan *plan.Action), make(chan error, len(s.entries))
	var workers sync.WaitGroup
	for range o.Concurrency {
		workers.Go(func() {
			for a := range work {
				if err := bareObject(s, target, a, o.PartConcurrency); err != nil {
					failed <- err
				}
			}
		})
	}
	for _, e := range s.entries {
		a, err := planner.Plan(e)
		if err != nil {
			return err
		}
		work <- a
	}
	close(work)
	workers.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func bareObject(s *fakeSource, to target.Target, a *plan.Action, parts int) error {
	ctx, data := context.Background(), s.content[a.Path]
	part := func(n int) *content.Body {
		from, size := a.PartSpan(n)
		return content.NewBody(content.Inline(data), from, size)
	}
	if a.Kind == plan.ActionPut {
		_, err := to.Put(ctx, target.PutRequest{Key: a.Key, Body: part(1), Size: a.Size, SHA256: a.Parts[0], Metadata: a.Metadata, IfAbsent: true})
		return err
	}
	id, err := to.CreateUpload(ctx, target.CreateRequest{Key: a.Key, Metadata: a.Metadata})
	if err != nil {
		return err
	}
	sent, errs := make([]target.Part, len(a.Parts)), make([]error, len(a.Parts))
	slots := make(chan struct{}, parts)
	var wait sync.WaitGroup
	for i := range a.Parts {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			b := part(i + 1)
			sent[i] = target.Part{Number: i + 1, SHA256: target.Encode64(a.Parts[i][:])}
			sent[i].ETag, errs[i] = to.UploadPart(ctx, target.PartRequest{Key: a.Key, UploadID: id, Number: i + 1, Body: b, Size: b.Size(), SHA256: a.Parts[i]})
			b.Detach()
		})
	}
	wait.Wait()
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	_, err = to.CompleteUpload(ctx, target.CompleteRequest{Key: a.Key, UploadID: id, Parts: sent, Size: a.Size, Composite: a.Composite(), IfAbsent: true})
	return err
}

// sink is an S3 server that reads bodies and keeps none of them. It answers as a
// store that checks and has conditional writes; only a probe's bodies are hashed.
type sink struct {
	mu      sync.Mutex
	objects map[string]http.Header // by path
	uploads map[string]http.Header
}

func (s *sink) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id, create := r.URL.Query().Get("uploadId"), r.URL.Query().Has("uploads")
	right, size := swallow(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	old, exists := s.objects[r.URL.Path]
	switch {
	case r.Method == http.MethodHead && exists:
		clear(w.Header())
		for name, values := range old {
			w.Header()[name] = values
		}
	case r.Method == http.MethodHead:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodDelete:
		delete(s.objects, r.URL.Path)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodGet:
		fmt.Fprint(w, "<ListMultipartUploadsResult/>")
	case !right:
		refuse(w, http.StatusBadRequest, "BadDigest")
	case create:
		id = strconv.Itoa(len(s.uploads))
		s.uploads[id] = describe(r, 0)
		fmt.Fprintf(w, "<InitiateMultipartUploadResult><UploadId>%s</UploadId></InitiateMultipartUploadResult>", id)
	case r.Method == http.MethodPut && id != "":
		w.Header().Set("Etag", `"sink"`)
	case exists && r.Header.Get("If-None-Match") == "*":
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
	case r.Method == http.MethodPost:
		h := s.uploads[id]
		h.Set("Content-Length", r.Header.Get("X-Amz-Mp-Object-Size"))
		h["X-Amz-Checksum-Sha256"], h["X-Amz-Checksum-Type"] = r.Header["X-Amz-Checksum-Sha256"], []string{"COMPOSITE"}
		s.objects[r.URL.Path] = h
		fmt.Fprintf(w, `<CompleteMultipartUploadResult><ETag>"sink"</ETag><ChecksumSHA256>%s</ChecksumSHA256><ChecksumType>COMPOSITE</ChecksumType></CompleteMultipartUploadResult>`, h.Get("X-Amz-Checksum-Sha256"))
	default:
		h := describe(r, size)
		s.objects[r.URL.Path] = h
		for _, name := range []string{"Etag", "X-Amz-Checksum-Sha256"} {
			w.Header()[name] = h[name]
		}
	}
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	xml.NewEncoder(w).Encode(struct {
		XMLName xml.Name `xml:"Error"`
		Code    string
	}{Code: code})
}

// describe is what HEAD says of an object.
func describe(r *http.Request, size int64) http.Header {
	h := http.Header{"Etag": {`"sink"`}, "Content-Length": {strconv.FormatInt(size, 10)}}
	for name, values := range r.Header {
		if name == "X-Amz-Checksum-Sha256" || strings.HasPrefix(name, "X-Amz-Meta-") {
			h[name] = values
		}
	}
	return h
}

func swallow(r *http.Request) (right bool, size int64) {
	var to io.Writer = io.Discard
	h := crypto.NewSHA256()
	sum := r.Header.Get("X-Amz-Checksum-Sha256")
	hashed := strings.Contains(r.URL.Path, probe.Prefix) && sum != "" && r.Method == http.MethodPut
	if hashed {
		to = h
	}
	size, err := io.Copy(to, r.Body)
	return err == nil && (!hashed || sum == target.Encode64(h.Sum(nil))), size
}
