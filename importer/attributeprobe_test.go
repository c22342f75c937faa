package importer

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/internal/s3test"
)

// picky is a store that judges writes by their attributes.
type picky struct {
	*fakeTarget
	rule func(kind, key string, a target.Attributes) error

	mu   sync.Mutex
	sent int // objects, besides the probe's and the journal's
}

func (p *picky) judge(kind, key string, a target.Attributes) error {
	if !strings.Contains(key, probe.Prefix) && !strings.Contains(key, JournalPrefix) {
		p.mu.Lock()
		p.sent++
		p.mu.Unlock()
	}
	return p.rule(kind, key, a)
}

func (p *picky) Put(ctx context.Context, in target.PutRequest) (target.Stored, error) {
	if err := p.judge(request.PutObject, in.Key, in.Attributes); err != nil {
		return target.Stored{}, err
	}
	return p.fakeTarget.Put(ctx, in)
}

func (p *picky) CreateUpload(ctx context.Context, in target.CreateRequest) (string, error) {
	if err := p.judge(request.CreateMultipartUpload, in.Key, in.Attributes); err != nil {
		return "", err
	}
	return p.fakeTarget.CreateUpload(ctx, in)
}

// Head shows what was asked for.
func (p *picky) Head(ctx context.Context, key string) (target.Object, error) {
	obj, err := p.fakeTarget.Head(ctx, key)
	p.fakeTarget.mu.Lock()
	defer p.fakeTarget.mu.Unlock()
	obj.Shown = keepsAll(key, false, p.objects[key].asked)
	return obj, err
}

// TestPolicyDemandsAttributes: where a bucket takes nothing without encryption or tags,
// the probe and the journal in the target have them, too.
func TestPolicyDemandsAttributes(t *testing.T) {
	for name, rules := range map[string]string{
		"over every object": `{"version":1,"objects":[{"match":"big","storage_class":"COLD"},{"sse":"aws:kms","kms_key_id":"k","kms_context":{"a":"b"},"tags":{"team":"a"}}]}`,
		"in two rules":      `{"version":1,"objects":[{"match":"b*","sse":"aws:kms","kms_key_id":"k","kms_context":{"a":"b"},"tags":{"team":"a"}},{"match":"**/*","sse":"aws:kms","kms_key_id":"k","kms_context":{"a":"b"},"tags":{"team":"a"}}]}`,
	} {
		for _, journal := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, journal in the target %v", name, journal), func(t *testing.T) {
				s := mixed()
				p := &picky{fakeTarget: newFake(t)}
				p.rule = func(kind, key string, a target.Attributes) error {
					if a.SSE != "aws:kms" || a.KMSKeyID != "k" || a.KMSContext["a"] != "b" || !maps.Equal(a.Tags, map[string]string{"team": "a"}) {
						return target.NewError(target.CodeAccessDenied, key, "status 403: AccessDenied", nil)
					}
					return nil
				}
				o := testOptions(t, memDisk())
				o.JournalInTarget = journal
				o.Rules = parseRules(t, rules)
				if res := mustRun(t, s, p, o); !res.Complete {
					t.Errorf("%+v", res)
				}
				p.check(t, s, "in/")
			})
		}
	}
}

// TestAttributeRefused: an attribute that the store does not take ends the run at once,
// by name, before any object was sent where the probe can tell; whatever waits for an
// operator, this does not.
func TestAttributeRefused(t *testing.T) {
	unknown := func(text string) func(string) error {
		return func(key string) error { return target.NewError(target.CodeRefused, key, text, nil) }
	}
	tests := []struct {
		name, rules, names string
		refuses            func(kind string, a target.Attributes) bool
		says               func(key string) error
		sent               int // objects at most
	}{
		{"tags", `{"tags":{"a":"b"}}`, "tags", func(_ string, a target.Attributes) bool { return a.Tags != nil }, unknown("status 501: NotImplemented"), 0},
		{"tags, in other words", `{"sse":"AES256","tags":{"a":"b"}}`, "tags", func(_ string, a target.Attributes) bool { return a.Tags != nil }, unknown("status 400: InvalidArgument: Unsupported header 'x-amz-tagging'"), 0},
		{"tags of some objects", `{"match":"f3*","tags":{"a":"b"}}`, "tags", func(_ string, a target.Attributes) bool { return a.Tags != nil }, unknown("status 501: NotImplemented"), 0},
		{"a KMS key", `{"sse":"aws:kms","kms_key_id":"k"}`, "sse", func(_ string, a target.Attributes) bool { return a.KMSKeyID != "" }, unknown("status 400: InvalidArgument: no such key"), 0},
		{"a storage class", `{"tags":{"a":"b"},"storage_class":"STANDART"}`, "storage_class", func(_ string, a target.Attributes) bool { return a.StorageClass != "" },
			func(key string) error {
				return target.NewError(target.CodeAttributeRefused, key, "InvalidStorageClass", nil)
			}, 0},
		{"a storage class by parts", `{"storage_class":"COLD"}`, "storage_class", func(kind string, a target.Attributes) bool {
			return kind == request.CreateMultipartUpload && a.StorageClass != ""
		}, unknown("status 501: NotImplemented"), 60},
		{"a lock", `{"lock":{"mode":"GOVERNANCE","days":1}}`, "lock", func(_ string, a target.Attributes) bool { return a.LockMode != "" }, unknown("status 501: NotImplemented"), 8},
		{"a lock of some objects", `{"match":"f1*","lock":{"legal_hold":true}}`, "lock", func(_ string, a target.Attributes) bool { return a.LegalHold }, unknown("status 400: InvalidRequest: no object lock here"), 30},
		{"two together", `{"storage_class":"COLD","tags":{"a":"b"}}`, "storage_class", func(_ string, a target.Attributes) bool { return a.Tags != nil && a.StorageClass != "" }, unknown("status 400: InvalidRequest"), 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, disk := many(40), memDisk()
			p := &picky{fakeTarget: newFake(t)}
			p.rule = func(kind, key string, a target.Attributes) error {
				if test.refuses(kind, a) {
					return test.says(key)
				}
				return nil
			}
			o := testOptions(t, disk)
			o.HaltWait = time.Hour
			o.Rules = parseRules(t, `{"version":1,"objects":[`+test.rules+`]}`)
			said := 0
			o.Problem = func(e *target.Error) {
				if e.Class != target.Warning {
					said++
				}
			}
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			res, err := Run(ctx, s, p, o)
			if !target.HasCode(err, target.CodeAttributeRefused) || !strings.HasPrefix(target.AsError(err).Cause, test.names+": ") || res.ExitClass() != ExitFixable {
				t.Fatalf("%v: %+v", err, res)
			}
			flag := map[string]string{"tags": "--tag (tags in the file", "sse": "--kms-key-id", "storage_class": "--storage-class (", "lock": "lock in the file of --rules"}[test.names]
			if remedy := target.AsError(err).Remedy; !strings.Contains(remedy, flag) {
				t.Errorf("remedy %q does not name %s", remedy, flag)
			}
			if p.sent > test.sent || said != 1 || res.Tally.Bad() != 0 {
				t.Errorf("%d objects sent, said %d, %+v", p.sent, said, res.Tally)
			}
			if p.rule = func(string, string, target.Attributes) error { return nil }; test.sent == 0 {
				o.Rules = plan.Rules{} // the same run: nothing was begun
			}
			if res := mustRun(t, s, p, o); !res.Complete {
				t.Errorf("after it was mended: %+v", res)
			}
			p.check(t, s, "in/")
		})
	}
}

// TestRefusedNotForAttributes: the refusal of one object stays its own where the same
// attributes are taken elsewhere.
func TestRefusedNotForAttributes(t *testing.T) {
	s := many(20)
	p := &picky{fakeTarget: newFake(t)}
	tries := 0
	p.rule = func(kind, key string, a target.Attributes) error {
		if strings.Contains(key, probe.Prefix) {
			tries++
		}
		if key == "in/f05" || key == "in/f06" || key == "in/large" {
			return target.NewError(target.CodeRefused, key, "status 400: InvalidURI", nil)
		}
		return nil
	}
	o := testOptions(t, memDisk())
	o.Rules = parseRules(t, `{"version":1,"objects":[{"tags":{"a":"b"},"lock":{"mode":"GOVERNANCE","days":1}}]}`)
	res := mustRun(t, s, p, o)
	if res.Tally.Outcomes[entry.OutcomeFailed] != 3 || res.Tally.Outcomes[entry.OutcomeStored] != 18 || tries > 12 {
		t.Errorf("%d tries, %+v", tries, res.Tally)
	}
}

// TestOwnAttributes: what the importer writes for itself never has a lock or a class.
func TestOwnAttributes(t *testing.T) {
	rules := parseRules(t, `{"version":1,"objects":[{"match":"*.a","sse":"AES256","tags":{"first":"1"}},
		{"storage_class":"COLD","lock":{"mode":"GOVERNANCE","days":1},"sse":"aws:kms","kms_key_id":"k"}]}`)
	own := rules.Own()
	if own.SSE != "aws:kms" || own.KMSKeyID != "k" || own.Tags["first"] != "1" || own.StorageClass != "" || own.LockMode != "" {
		t.Errorf("%+v", own)
	}
	sets := rules.Sets()
	if len(sets) != 2 || sets[0].SSE != "AES256" || sets[0].KMSKeyID != "" || sets[1].StorageClass != "COLD" || sets[1].LockMode != "" {
		t.Errorf("%+v", sets)
	}
}

// demanding is a store whose policy denies writes without encryption.
type demanding struct{}

func (demanding) RoundTrip(r *http.Request) (*http.Response, error) {
	q := r.URL.Query()
	begins := r.Method == http.MethodPut && !q.Has("partNumber") || r.Method == http.MethodPost && q.Has("uploads")
	if !begins || r.Header.Get("X-Amz-Server-Side-Encryption") == "AES256" && r.Header.Get("X-Amz-Tagging") == "a=b" {
		return http.DefaultTransport.RoundTrip(r)
	}
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
	}
	body := "<Error><Code>AccessDenied</Code></Error>"
	return &http.Response{StatusCode: 403, Proto: "HTTP/1.1", Header: http.Header{"Content-Type": {"application/xml"}}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: r}, nil
}

// TestProbeTargetDemanding: a probe with the import's rules says what the import will
// meet, in every one of its objects.
func TestProbeTargetDemanding(t *testing.T) {
	server := s3test.Start(t)
	o := s3Options(t, server, memDisk())
	o.Transport = demanding{}
	r, err := ProbeTarget(context.Background(), newS3(t, o), o, "bare", nil)
	if err != nil || r.Usable {
		t.Fatalf("without rules: %v, usable %v", err, r.Usable)
	}
	o.Rules = parseRules(t, `{"version":1,"objects":[{"sse":"AES256","tags":{"a":"b"}}]}`)
	r, err = ProbeTarget(context.Background(), newS3(t, o), o, "with-rules", nil)
	if err != nil || !r.Usable || r.UpBytes == 0 || len(r.Left) > 0 {
		t.Fatalf("with rules: %v, %+v", err, r)
	}
	for _, f := range append(r.Rights, r.Findings...) {
		if f.Answer == probe.AnswerNotAllowed {
			t.Errorf("%s: %s", f.Name, f.Detail)
		}
	}
}
