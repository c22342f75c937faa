package simulator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
)

// client is the real one of a bucket.
func client(t *testing.T, b *Bucket) *s3.Bucket {
	t.Helper()
	target, err := importer.NewS3(t.Context(), importer.Options{Config: s3.Config{Bucket: b.Name, Endpoint: "http://store.invalid", PathStyle: true, Transport: b,
		Credentials: &s3.Credentials{AccessKey: "auditor", SecretKey: "simulated-secret"}}})
	must(t, err)
	return target
}

// send puts one part of an upload, and gives what Complete names.
func send(ctx context.Context, to *s3.Bucket, id string, number int, data []byte) (target.Part, error) {
	sum := sha256.Sum256(data)
	etag, err := to.UploadPart(ctx, target.PartRequest{Key: "k", UploadID: id, Number: number, Body: bytes.NewReader(data), Size: int64(len(data)), SHA256: sum})
	return target.Part{Number: number, ETag: etag, SHA256: base64.StdEncoding.EncodeToString(sum[:])}, err
}

// TestBucketPages: the real client goes through every page of uploads, parts and objects.
func TestBucketPages(t *testing.T) {
	b := &Bucket{Name: "bucket", Traits: Traits{Page: 2}}
	to, ctx := client(t, b), t.Context()
	last := ""
	for i := range 5 {
		b.Plant(fmt.Sprint("o", i), nil)
		id, err := to.CreateUpload(ctx, target.CreateRequest{Key: "k"})
		must(t, err)
		last = id
	}
	for n := range 5 {
		_, err := send(ctx, to, last, n+1, []byte("part"))
		must(t, err)
	}
	uploads, parts, objects := 0, 0, 0
	must(t, to.ListUploads(ctx, "k", func(target.Upload) error { uploads++; return nil }))
	must(t, to.ListParts(ctx, "k", last, func(target.Part) error { parts++; return nil }))
	for after := ""; ; {
		page, next, err := to.List(ctx, "o", after)
		must(t, err)
		if objects += len(page); next == "" {
			break
		}
		after = next
	}
	if uploads != 5 || parts != 5 || objects != 5 {
		t.Errorf("%d uploads, %d parts and %d objects are listed, want 5 each", uploads, parts, objects)
	}
}

// TestBucketRepeatsComplete: the second answer is the first one, of an object that is not
// stored again.
func TestBucketRepeatsComplete(t *testing.T) {
	for _, traits := range []Traits{{RepeatedComplete200: true}, {RepeatedComplete200: true, SlowComplete: true, Versioned: true}, {}} {
		b := &Bucket{Name: "bucket", Traits: traits}
		to, ctx := client(t, b), t.Context()
		id, err := to.CreateUpload(ctx, target.CreateRequest{Key: "k"})
		must(t, err)
		p, err := send(ctx, to, id, 1, []byte("part"))
		must(t, err)
		var answers []target.Stored
		for range 2 {
			stored, err := to.CompleteUpload(ctx, target.CompleteRequest{Key: "k", UploadID: id, Parts: []target.Part{p}, Size: 4, IfAbsent: true})
			if err == nil {
				answers = append(answers, stored)
			}
		}
		switch repeats := traits.RepeatedComplete200; {
		case repeats && (len(answers) != 2 || answers[0] != answers[1]), !repeats && len(answers) != 1:
			t.Errorf("%v: %+v", traits, answers)
		}
		if len(b.Hidden()) > 0 {
			t.Errorf("%v: it was stored twice", traits)
		}
	}
}

// TestBucketVersions: what is written over or deleted is still there under its version.
func TestBucketVersions(t *testing.T) {
	b := &Bucket{Name: "bucket", Traits: Traits{Versioned: true}, Free: func(string) bool { return true }}
	to, ctx := client(t, b), t.Context()
	var versions []string
	for _, text := range []string{"one", "two"} {
		stored, err := to.Put(ctx, target.PutRequest{Key: "k", Body: strings.NewReader(text), Size: 3, SHA256: sha256.Sum256([]byte(text))})
		must(t, err)
		versions = append(versions, stored.VersionID)
	}
	must(t, to.Delete(ctx, "k", ""))
	if _, err := to.Head(ctx, "k"); !target.IsNotFound(err) {
		t.Errorf("behind a delete marker: %v", err)
	}
	body, err := to.Get(ctx, "k", versions[0])
	must(t, err)
	if text, _ := io.ReadAll(body); string(text) != "one" {
		t.Errorf("the first version is %q", text)
	}
	if n := b.Hidden()["k"]; n != 3 {
		t.Errorf("%d versions and markers are hidden, want 3", n)
	}
	must(t, to.Delete(ctx, "k", versions[1]))
	must(t, to.Delete(ctx, "k", versions[0]))
	if n := b.Hidden()["k"]; n != 1 {
		t.Errorf("%d are hidden, want the marker", n)
	}
}

// TestBucketChecksumHeaders: a part's checksum is refused if Create named none, and Complete
// must name those of the parts.
func TestBucketChecksumHeaders(t *testing.T) {
	b := &Bucket{Name: "bucket"}
	ask := func(method, query string, header map[string]string, body string) (int, string) {
		r, err := http.NewRequest(method, "http://store.invalid/bucket/k?"+query, strings.NewReader(body))
		must(t, err)
		for name, value := range header {
			r.Header.Set(name, value)
		}
		answer, err := b.RoundTrip(r)
		must(t, err)
		text, _ := io.ReadAll(answer.Body)
		return answer.StatusCode, string(text)
	}
	sum := sha256.Sum256([]byte("part"))
	sums := map[string]string{checksumHeader: base64.StdEncoding.EncodeToString(sum[:])}
	if code, _ := ask(http.MethodPost, "uploads", map[string]string{"X-Amz-Checksum-Algorithm": "SHA256", "X-Amz-Checksum-Type": "FULL_OBJECT"}, ""); code != http.StatusBadRequest {
		t.Errorf("a SHA-256 over the whole object: status %d", code)
	}
	ask(http.MethodPost, "uploads", nil, "")
	if code, text := ask(http.MethodPut, "uploadId=upload-1&partNumber=1", sums, "part"); code != http.StatusBadRequest || !strings.Contains(text, "InvalidRequest") {
		t.Errorf("a sum that Create did not name: status %d, %s", code, text)
	}
	ask(http.MethodPost, "uploads", map[string]string{"X-Amz-Checksum-Algorithm": "SHA256"}, "")
	if code, _ := ask(http.MethodPut, "uploadId=upload-2&partNumber=1", nil, "part"); code != http.StatusBadRequest {
		t.Errorf("no sum, and Create named one: status %d", code)
	}
	if code, _ := ask(http.MethodPut, "uploadId=upload-2&partNumber=1", sums, "part"); code != http.StatusOK {
		t.Errorf("the sum that Create named: status %d", code)
	}
	complete := func(sum string) (int, string) {
		return ask(http.MethodPost, "uploadId=upload-2", nil, fmt.Sprintf("<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>%s</ETag>%s</Part></CompleteMultipartUpload>",
			strings.ReplaceAll(etag([]byte("part")), `"`, "&#34;"), sum))
	}
	if code, _ := complete(""); code != http.StatusBadRequest {
		t.Errorf("Complete without the parts' sums: status %d", code)
	}
	if code, text := complete("<ChecksumSHA256>" + sums[checksumHeader] + "</ChecksumSHA256>"); code != http.StatusOK {
		t.Errorf("Complete with them: status %d, %s", code, text)
	}
}
