package importer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/audit"
)

// TestCircle: a circle of any length, with any way before it, is found soon.
func TestCircle(t *testing.T) {
	for before := range 20 {
		for length := 1; length < 20; length++ {
			c, steps := target.NewLoopGuard(), 0
			for n := 0; ; n++ {
				place := n
				if n >= before {
					place = before + (n-before)%length
				}
				if steps++; c.Closes(fmt.Sprint("page ", place)) {
					break
				}
				if steps > 3*(before+length)+2 {
					t.Fatalf("%d before a circle of %d: not found after %d", before, length, steps)
				}
			}
			if steps <= before+length {
				t.Fatalf("%d before a circle of %d: found after %d", before, length, steps)
			}
		}
	}
	c := target.NewLoopGuard()
	for n := range 5000 {
		if c.Closes(fmt.Sprint(n)) {
			t.Fatal("a list that goes on")
		}
	}
	if !c.Closes("") {
		t.Error("no next place is no end")
	}
}

// listingStore answers listings with the given markers, one after another.
func listingStore(t *testing.T, turns int) (target *s3.Bucket, asked *int) {
	asked = new(int)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		*asked++
		next := 1 + *asked%turns
		q := r.URL.Query()
		w.Header().Set("Content-Type", "application/xml")
		switch {
		case q.Has("uploadId"):
			fmt.Fprintf(w, `<ListPartsResult><IsTruncated>true</IsTruncated><NextPartNumberMarker>%d</NextPartNumberMarker><Part><PartNumber>1</PartNumber><Size>7</Size></Part></ListPartsResult>`, next)
		case q.Has("uploads"):
			fmt.Fprintf(w, `<ListMultipartUploadsResult><IsTruncated>true</IsTruncated><NextKeyMarker>k</NextKeyMarker><NextUploadIdMarker>m%d</NextUploadIdMarker><Upload><Key>k</Key><UploadId>u%d</UploadId></Upload></ListMultipartUploadsResult>`, next, next)
		default:
			fmt.Fprintf(w, `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t%d</NextContinuationToken><Contents><Key>in/%d</Key><Size>1</Size></Contents></ListBucketResult>`, next, next)
		}
	}))
	t.Cleanup(server.Close)
	return newS3(t, Options{Config: s3.Config{Bucket: "bucket", Endpoint: server.URL, Region: "us-east-1", PathStyle: true,
		Credentials: &s3.Credentials{AccessKey: "a", SecretKey: "s"}}}), asked
}

// TestListingsEnd: a store whose listings come back to where they were, or have no
// next page, is asked a few times and named.
func TestListingsEnd(t *testing.T) {
	for turns := 1; turns <= 4; turns++ {
		ctx, cancel := context.WithCancel(t.Context())
		to, asked := listingStore(t, turns)
		bounded := func(what string, err error, wrong bool) {
			t.Helper()
			if wrong != (err != nil) || wrong && (!target.HasCode(err, target.CodeServerError) || target.IsClass(err, target.Retryable) || !strings.Contains(err.Error(), "does not go on")) || *asked > 20 {
				t.Errorf("%s, a circle of %d: asked %d times, %v", what, turns, *asked, err)
			}
			*asked = 0
		}
		found := 0
		enough := func() error {
			if found++; found > 100 {
				return errors.New("without end")
			}
			return nil
		}
		bounded("parts", to.ListParts(ctx, "k", "u", func(target.Part) error { return enough() }), false)
		bounded("uploads", to.ListUploads(ctx, "k", func(target.Upload) error { return enough() }), true)
		l := audit.NewListing(audit.ListingOptions{Scratch: memDisk(), Prefix: "in/", Progress: func(n uint64) {
			if n > 100 {
				cancel()
			}
		}})
		bounded("objects", l.AddStore(ctx, to, audit.ObjectOptions{}, time.Now), true)
		l.Close()
		cancel()
	}
}
