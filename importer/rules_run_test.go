package importer

import (
	"context"
	"crypto/ed25519"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/receipt"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/s3test"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// TestRunWithRules imports with rules, twice: keys, attributes and what is left
// out are in the receipts, by which every object leads back to its path.
func TestRunWithRules(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	f.shows = keepsAll
	s.file("other/c", []byte("other"))
	s.file("z/.sledge-x", []byte("z"))
	s.file("c", []byte("collides with dir/c"))
	s.sort()
	o := testOptions(t, disk)
	o.Now = fixedClock()
	o.Rules = parseRules(t, `{"version":1,"keys":{"strip":"dir/"},"symlinks":"skip","hardlinks":"skip","objects":[
		{"match":"big","storage_class":"COLD","lock":{"mode":"GOVERNANCE","days":3}},{"tags":{"a":"b"}}]}`)
	o.Problem = nil
	res, err := Run(context.Background(), s, f, o)
	if err != nil || res.Tally.Bad() != 2 || res.Tally.Outcomes[entry.OutcomeNoObject] != 3 {
		t.Fatalf("%+v, %v", res, err)
	}
	if want := map[string]uint64{"directory": 1, "symlink": 1, "hard link": 1}; !maps.Equal(res.Tally.LeftOut, want) {
		t.Errorf("left out: %v", res.Tally.LeftOut)
	}
	env, err := vfs.ReadFile(disk, "receipts/total.dsse", 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	var total receipt.Total
	if _, _, err := manifest.OpenStatement(env, manifest.PredicateReceipt, &total, testKey.Public().(ed25519.PublicKey)); err != nil || total.Rules != o.Rules.Digest() || len(total.Rules) != 64 {
		t.Errorf("%v: the total has the rules %q", err, total.Rules)
	}
	keys := map[string]string{}
	for _, line := range readLines(t, disk, "receipts/objects.list") {
		r, err := manifest.DecodeRecord(line.Record)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case line.Outcome == entry.OutcomeStored:
			keys[line.Key] = r.Path
			if line.Attributes == nil || line.Attributes.Tags["a"] != "b" || (line.Attributes.StorageClass == "COLD") != (r.Path == "big") {
				t.Errorf("%q: attributes %+v", r.Path, line.Attributes)
			}
		case line.Outcome == entry.OutcomeFailed:
			if line.Error != target.CodeKeyCollision || r.Path != "c" && r.Path != "dir/c" {
				t.Errorf("%q failed: %s", r.Path, line.Error)
			}
		}
	}
	want := map[string]string{"in/a": "a", "in/b.empty": "b.empty", "in/big": "big", "in/d": "dir/d", "in/other/c": "other/c", "in/z/.sledge-x": "z/.sledge-x"}
	if !maps.Equal(keys, want) {
		t.Errorf("keys %v", keys)
	}
	for key := range want {
		if _, ok := f.objects[key]; !ok {
			t.Errorf("%q is not stored", key)
		}
	}
	until := fixedClock()().AddDate(0, 0, 3)
	if got := f.objects["in/big"].asked; !got.LockUntil.Equal(until) || got.LockMode != "GOVERNANCE" || got.Tags["a"] != "b" {
		t.Errorf("the upload asked for %+v", got)
	}
	// Later the same run asks for the same time, and other rules are another run.
	delete(f.objects, "in/big")
	o.Now = func() time.Time { return fixedClock()().Add(30 * time.Hour) }
	other := o
	other.Rules = parseRules(t, `{"version":1,"keys":{"strip":"dir/"}}`)
	if _, err := Run(context.Background(), s, f, other); !target.HasCode(err, target.CodeStateMismatch) {
		t.Errorf("other rules: %v", err)
	}
	r, ctx, err := newRun(t.Context(), s, f, o)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.open(ctx); err != nil {
		t.Fatal(err)
	}
	defer r.journal.close()
	if a := r.planner.Attributes(&manifest.Record{Kind: manifest.KindFile, Path: "big"}, 17<<20); !a.LockUntil.Equal(until) {
		t.Errorf("after a resume the lock ends %v", a.LockUntil)
	}
}

// recorder answers every request and keeps its headers.
type recorder struct{ header http.Header }

func (r *recorder) RoundTrip(q *http.Request) (*http.Response, error) {
	r.header = q.Header.Clone()
	if q.Body != nil {
		io.Copy(io.Discard, q.Body)
	}
	body := `<?xml version="1.0"?><InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`
	return &http.Response{StatusCode: 200, Proto: "HTTP/1.1", Header: http.Header{
		"X-Amz-Storage-Class": {"COLD"}, "X-Amz-Server-Side-Encryption": {"aws:kms"}, "X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": {"k"},
		"X-Amz-Object-Lock-Mode": {"GOVERNANCE"}, "X-Amz-Object-Lock-Retain-Until-Date": {"2030-01-01T00:00:00Z"}, "X-Amz-Object-Lock-Legal-Hold": {"ON"},
		"X-Amz-Tagging-Count": {"2"}, "Content-Type": {"text/plain"}, "Cache-Control": {"no-cache"},
		"X-Amz-Server-Side-Encryption-Bucket-Key-Enabled": {"true"}, "Content-Encoding": {"gzip"}, "Content-Disposition": {"attachment"}, "Content-Language": {"de"},
		"X-Amz-Meta-Team": {"a"},
	}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: q}, nil
}

// TestAttributeHeaders holds the requests against S3's API reference.
func TestAttributeHeaders(t *testing.T) {
	wire := &recorder{}
	o := testOptions(t, nil)
	o.Transport, o.Credentials, o.Endpoint, o.PathStyle = wire, &s3.Credentials{AccessKey: "test", SecretKey: "testtest"}, "http://store.test", true
	to := newS3(t, o)
	asked := target.Attributes{Given: target.Given{ContentType: "text/plain", CacheControl: "no-cache", StorageClass: "COLD", SSE: "aws:kms", KMSKeyID: "k",
		KMSContext: map[string]string{"b": "2", "a": "1"}, Tags: map[string]string{"a b": "c+d", "é": "="}, BucketKey: true,
		ContentEncoding: "gzip", ContentDisposition: "attachment", ContentLanguage: "de", ACL: "bucket-owner-full-control", Metadata: map[string]string{"team": "a"}},
		LockMode: "GOVERNANCE", LockUntil: time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), LegalHold: true}
	want := map[string]string{
		"Content-Type": "text/plain", "Cache-Control": "no-cache", "X-Amz-Storage-Class": "COLD", "X-Amz-Server-Side-Encryption": "aws:kms",
		"X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id": "k", "X-Amz-Server-Side-Encryption-Context": target.Encode64([]byte(`{"a":"1","b":"2"}`)),
		"X-Amz-Tagging": "a%20b=c%2Bd&%C3%A9=%3D", "X-Amz-Object-Lock-Mode": "GOVERNANCE",
		"X-Amz-Object-Lock-Retain-Until-Date": "2030-01-01T00:00:00Z", "X-Amz-Object-Lock-Legal-Hold": "ON",
		"X-Amz-Server-Side-Encryption-Bucket-Key-Enabled": "true", "Content-Encoding": "gzip", "Content-Disposition": "attachment", "Content-Language": "de",
		"X-Amz-Acl": "bucket-owner-full-control", "X-Amz-Meta-Team": "a",
	}
	ctx := context.Background()
	calls := map[string]func(target.Attributes) error{
		"put": func(a target.Attributes) error {
			_, err := to.Put(ctx, target.PutRequest{Key: "k", Body: strings.NewReader("x"), Size: 1, SHA256: [32]byte(sum([]byte("x"))), Attributes: a})
			return err
		},
		"create": func(a target.Attributes) error {
			_, err := to.CreateUpload(ctx, target.CreateRequest{Key: "k", Attributes: a})
			return err
		},
	}
	for name, call := range calls {
		if err := call(asked); err != nil {
			t.Fatal(err)
		}
		for header, value := range want {
			if got := wire.header.Get(header); got != value {
				t.Errorf("%s: %s is %q, want %q", name, header, got, value)
			}
		}
		if err := call(target.Attributes{}); err != nil {
			t.Fatal(err)
		}
		for header := range want {
			if got := wire.header.Get(header); got != "" && header != "Content-Type" {
				t.Errorf("%s without attributes: %s is %q", name, header, got)
			}
		}
	}
	obj, err := to.Head(ctx, "k")
	if names := asked.Dropped(obj.Shown); err != nil || names != nil {
		t.Errorf("HEAD shows not %v: %+v, %v", names, obj.Shown, err)
	}
}

// TestAttributesKept: what a real store keeps of attributes, by one request and
// by parts.
func TestAttributesKept(t *testing.T) {
	server := s3test.Start(t)
	s, disk := newSource(), memDisk()
	s.file("big", pattern(1, 17<<20))
	s.file("d/a.csv", []byte("a,b"))
	o := s3Options(t, server, disk)
	o.Rules = parseRules(t, `{"version":1,"keys":{"strip":"d/","add":"n/"},"objects":[{"content_type":"auto"},
		{"content_type":"application/x-test","cache_control":"no-cache","content_encoding":"gzip","content_disposition":"attachment; filename=\"a b.txt\"",
		 "content_language":"de, en","acl":"private","metadata":{"team":"maps  and more","x.y":"1"},"tags":{"team a":"x/y","größe":"1+1"}}]}`)
	target := newS3(t, o)
	if res := mustRun(t, s, target, o); !res.Complete {
		t.Errorf("%+v", res)
	}
	lines := readLines(t, disk, "receipts/objects.list")
	for i, key := range []string{"in/n/big", "in/n/a.csv"} {
		obj, err := target.Head(context.Background(), key)
		if err != nil || lines[i].Key != key {
			t.Errorf("%q, in the list %q: %v", key, lines[i].Key, err)
			continue
		}
		if names := lines[i].Attributes.Dropped(obj.Shown); names != nil {
			t.Errorf("%q: dropped %v: %+v", key, names, obj.Shown)
		}
		if obj.Metadata["mtime"] == "" || obj.Metadata["sledge-run"] == "" {
			t.Errorf("%q: metadata %v", key, obj.Metadata)
		}
	}
}

// TestRunMarkerKey: an entry that has the commit marker's key fails, before it is
// sent, and nothing else does.
func TestRunMarkerKey(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.Marker = "a"
	res := mustRun(t, s, f, o)
	if _, sent := f.objects["in/a"]; sent || res.Complete || res.Tally.Outcomes[entry.OutcomeFailed] != 1 || res.Tally.Outcomes[entry.OutcomeStored] != 7 {
		t.Errorf("sent %v, %+v", sent, res.Tally)
	}
	for _, line := range readLines(t, disk, "receipts/objects.list") {
		if line.Outcome == entry.OutcomeFailed && (line.Key != "in/a" || line.Error != target.CodeKeyCollision) {
			t.Errorf("%s: %s", line.Key, line.Error)
		}
	}
}
