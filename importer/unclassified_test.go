package importer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/s3test"
)

// TestUnclassified: an error that nobody knows is a fault of our own, whoever has found that out.
// It is no outcome of an object, no word is said of the target, and nothing is repeated. What became
// of the write is looked at once: an object that is there is proven by that.
func TestUnclassified(t *testing.T) {
	raw := errors.New("a text that no table has")
	for name, fault := range map[string]error{"raw": raw, "classified": target.Unknown(target.NewError(target.CodeInternal, "", raw.Error(), raw))} {
		for _, call := range []string{"put", "complete"} {
			for _, stored := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s, %s, stored %v", name, call, stored), func(t *testing.T) {
					s, f := mixed(), newFake(t)
					ctx, stop := context.WithCancel(t.Context())
					defer stop()
					writes, looks := 0, 0
					key := map[string]string{"put": "in/a", "complete": "in/big"}[call]
					f.hook = func(_ int, made, of string) (bool, error) {
						switch {
						case of == key && made == call:
							if writes++; writes > 1 { // for ever, if it waits for the target
								stop()
							}
							return stored, fault
						case of == key && made == "head" && writes > 0:
							looks++
						}
						return true, nil
					}
					o := testOptions(t, memDisk())
					o.HaltWait = 1 << 60 // nobody waits for the target
					res, err := Run(ctx, s, f, o)
					if writes != 1 || looks != 1 || res.Retries != 0 || res.Tally.Bad() != 0 {
						t.Errorf("%d writes, %d looks, %v: %+v", writes, looks, err, res)
					}
					if stored != (err == nil && res.Complete) || !stored && (!target.HasCode(err, target.CodeInternal) || res.Unfinished != 1 || !strings.Contains(target.AsError(err).Remedy, "report")) {
						t.Errorf("%v: %+v", err, res)
					}
					f.hook = nil
					if res := mustRun(t, s, f, o); !res.Complete {
						t.Errorf("the next start: %+v", res)
					}
					f.check(t, s, "in/")
				})
			}
		}
	}
}

// TestUnclassifiedEverywhere: where each write ends so, the run does not name each object failed.
func TestUnclassifiedEverywhere(t *testing.T) {
	raw := errors.New("a text that no table has")
	for name, fault := range map[string]error{"raw": raw, "classified": target.Unknown(target.NewError(target.CodeInternal, "", raw.Error(), raw))} {
		s, f, o := manyFiles(40), newFake(t), testOptions(t, memDisk())
		f.hook = func(_ int, call, key string) (bool, error) {
			return !(call == "put" && ours(key)), when(fault, call == "put" && ours(key))
		}
		o.Concurrency = 4
		res, err := Run(t.Context(), s, f, o)
		if !target.HasCode(err, target.CodeInternal) || res.Tally.Bad() != 0 || res.Receipts != "" || f.byCall["put"] > 20 {
			t.Errorf("%s: %v, %d writes: %+v", name, err, f.byCall["put"], res)
		}
	}
}

// TestNotSent: what the SDK refuses before it sends anything is no lost connection.
func TestNotSent(t *testing.T) {
	s3test.CleanAWS(t)
	store := look(t, httptest.NewServer)
	to := newS3(t, Options{Config: s3.Config{Bucket: "bucket", Endpoint: store.URL, PathStyle: true, Credentials: &s3.Credentials{AccessKey: "a", SecretKey: "secretsecret"}}})
	if _, err := to.Head(t.Context(), ""); !target.HasCode(err, target.CodeInternal) { // the SDK wants a key
		t.Errorf("without a key: %v", err)
	}
	store.Close()
	if _, err := to.Head(t.Context(), "k"); !target.HasCode(err, target.CodeTargetAbsent) {
		t.Errorf("a closed port: %v", err)
	}
	hangUp := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
			conn.Close()
		}
	}))
	defer hangUp.Close()
	to = newS3(t, Options{Config: s3.Config{Bucket: "bucket", Endpoint: hangUp.URL, PathStyle: true, Credentials: &s3.Credentials{AccessKey: "a", SecretKey: "secretsecret"}}})
	if _, err := to.Head(t.Context(), "k"); !target.HasCode(err, target.CodeConnectionLost) || !target.IsUnknown(err) {
		t.Errorf("a connection that breaks: %v", err)
	}
}

// TestMetadataCredentials: a machine whose metadata give no role has no credentials; nobody has
// refused any.
func TestMetadataCredentials(t *testing.T) {
	for name, roles := range map[string]http.HandlerFunc{
		"no role":      http.NotFound,
		"an empty one": func(http.ResponseWriter, *http.Request) {},
		"a broken one": func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/role") {
				http.Error(w, "no", http.StatusForbidden)
				return
			}
			w.Write([]byte("role"))
		},
	} {
		s3test.CleanAWS(t)
		metadata := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPut {
				w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "100")
				w.Write([]byte("token"))
				return
			}
			roles(w, r)
		}))
		t.Setenv("AWS_EC2_METADATA_DISABLED", "")
		t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", metadata.URL)
		store := look(t, httptest.NewServer)
		_, err := newS3(t, Options{Config: s3.Config{Bucket: "bucket", Endpoint: store.URL, PathStyle: true}}).Head(context.Background(), "k")
		if !target.HasCode(err, target.CodeCredentialsMissing) || store.last() != nil {
			t.Errorf("%s: %v", name, err)
		}
		metadata.Close()
	}
}
