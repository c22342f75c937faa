package simulator

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
)

// TestBucketLists: the real client pages through the list and reads attributes.
func TestBucketLists(t *testing.T) {
	b := &Bucket{Name: "bucket"}
	ctx := context.Background()
	to, err := importer.NewS3(ctx, importer.Options{Config: s3.Config{Bucket: "bucket", Endpoint: "http://store.invalid", PathStyle: true, Transport: b,
		Credentials: &s3.Credentials{AccessKey: "auditor", SecretKey: "simulated-secret"}}})
	if err != nil {
		t.Fatal(err)
	}
	const count = 2500
	for i := range count {
		b.Plant(fmt.Sprintf("in/%04d +%%\n", i), []byte{byte(i)})
	}
	b.Plant("other/x", nil)
	last, seen := "", 0
	for token, pages := "", 0; pages == 0 || token != ""; pages++ {
		page, next, err := to.List(ctx, "in/", token)
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page {
			if o.Key <= last || !strings.HasSuffix(o.Key, " +%\n") || o.Size != 1 || o.Algorithm != "SHA256" || o.Modified.IsZero() {
				t.Fatalf("%+v after %q", o, last)
			}
			last = o.Key
			seen++
		}
		token = next
	}
	if seen != count {
		t.Errorf("%d objects were listed, want %d", seen, count)
	}
	if _, _, err := to.Attributes(ctx, "in/none"); !target.IsNotFound(err) {
		t.Errorf("attributes of none: %v", err)
	}
	one := []byte(strings.Repeat("a", minPart))
	id, err := to.CreateUpload(ctx, target.CreateRequest{Key: "big"})
	if err != nil {
		t.Fatal(err)
	}
	var parts []target.Part
	for i, data := range [][]byte{one, []byte("end")} {
		etag, err := to.UploadPart(ctx, target.PartRequest{Key: "big", UploadID: id, Number: i + 1, Body: strings.NewReader(string(data)), Size: int64(len(data)), SHA256: sha256.Sum256(data)})
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(data)
		parts = append(parts, target.Part{Number: i + 1, ETag: etag, SHA256: base64.StdEncoding.EncodeToString(sum[:])})
	}
	if _, err := to.CompleteUpload(ctx, target.CompleteRequest{Key: "big", UploadID: id, Parts: parts, Size: minPart + 3}); err != nil {
		t.Fatal(err)
	}
	obj, told, err := to.Attributes(ctx, "big")
	if err != nil || obj.Size != minPart+3 || obj.ChecksumType != "COMPOSITE" || len(told) != 2 || told[1].Number != 2 || told[1].Size != 3 || told[1].SHA256 == "" {
		t.Errorf("attributes: %+v %+v %v", obj, told, err)
	}
}
