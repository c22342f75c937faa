package importer

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
)

// asked is a Target as ProbeTarget wants it. What it can do beside is not what an import rests on.
type asked struct{ target.Target }

func (a asked) PutAs(ctx context.Context, in target.PutAs) error {
	wanted := sha256.Sum256(in.Content)
	if in.Payload != nil {
		wanted = *in.Payload
	}
	_, err := a.Target.Put(ctx, target.PutRequest{Key: in.Key, Body: strings.NewReader(string(in.Content)), Size: int64(len(in.Content)), SHA256: wanted, Metadata: in.Metadata, Attributes: in.Attributes})
	return err
}

// CreateUpload begins none to measure, which would take long.
func (a asked) CreateUpload(ctx context.Context, in target.CreateRequest) (string, error) {
	if strings.HasSuffix(in.Key, "/throughput") {
		return "", target.NewError(target.CodeRefused, in.Key, "not here", nil)
	}
	return a.Target.CreateUpload(ctx, in)
}

// CompleteUpload refuses the wrong composite, for which the fake would blame the test.
func (a asked) CompleteUpload(ctx context.Context, in target.CompleteRequest) (target.Stored, error) {
	if strings.HasSuffix(in.Key, "/composite-wrong") {
		return target.Stored{}, target.NewError(target.CodeDigestRefused, in.Key, "BadDigest", nil)
	}
	return a.Target.CompleteUpload(ctx, in)
}

func (a asked) CreateCRC(context.Context, string, target.Attributes) (string, error) {
	return "", target.NewError(target.CodeRefused, "", "NotImplemented", nil)
}

func (a asked) FinishCRC(context.Context, string, string, []byte, string, string) error {
	return target.NewError(target.CodeRefused, "", "NotImplemented", nil)
}

func (a asked) Attributes(context.Context, string) (target.Object, []target.Part, error) {
	return target.Object{}, nil, target.NewError(target.CodeRefused, "", "NotImplemented", nil)
}

func (a asked) ObjectLock(ctx context.Context) (string, error) {
	if !a.Capabilities().DefaultRetention {
		return "", nil
	}
	r, err := a.DefaultRetention(ctx)
	return r.Mode, err
}

func (a asked) ListSome(ctx context.Context, prefix string) ([]string, error) {
	_, _, err := a.Target.List(ctx, prefix, "")
	return nil, err
}

// denying is a store that answers some calls by an error.
func denying(t *testing.T, code target.Code, calls ...string) *fakeTarget {
	f := newFake(t)
	f.hook = func(_ int, call, _ string) (bool, error) {
		for _, c := range calls {
			if c == call || c == "all" {
				return false, target.NewError(code, "", "the store's text", nil)
			}
		}
		return true, nil
	}
	return f
}

// TestOneAnswer holds target probe and import run against the same stores: both refuse, by the
// same code, class, words and remedy, or both take it.
func TestOneAnswer(t *testing.T) {
	const locked, tagged, archive = `{"version":1,"objects":[{"lock":{"mode":"GOVERNANCE","days":3}}]}`,
		`{"version":1,"objects":[{"tags":{"a":"b"}}]}`, `{"version":1,"objects":[{"storage_class":"GLACIER"}]}`
	tagless := func(t *testing.T) target.Target {
		return &picky{fakeTarget: newFake(t), rule: func(kind, key string, a target.Attributes) error {
			if a.Tags != nil {
				return target.NewError(target.CodeRefused, key, "status 501: NotImplemented", nil)
			}
			return nil
		}}
	}
	retained := func(refuses error) func(*testing.T) target.Target {
		return func(t *testing.T) target.Target {
			b := newRetaining(t, target.Retention{Mode: "GOVERNANCE", Days: 3, Years: 0, Lock: true})
			b.refuses = refuses
			return b
		}
	}
	with := func(set func(*fakeTarget)) func(*testing.T) target.Target {
		return func(t *testing.T) target.Target {
			f := newFake(t)
			set(f)
			return f
		}
	}
	denied := func(code target.Code, calls ...string) func(*testing.T) target.Target {
		return func(t *testing.T) target.Target { return denying(t, code, calls...) }
	}
	for name, test := range map[string]struct {
		store func(*testing.T) target.Target
		rules string
		set   func(*Options)
		code  target.Code // "" is an import
	}{
		"a good store":                  {store: with(func(*fakeTarget) {})},
		"a store without tags":          {tagless, tagged, nil, target.CodeAttributeRefused},
		"no tags asked":                 {store: tagless},
		"a bucket without lock":         {func(t *testing.T) target.Target { return newRetaining(t, target.Retention{}) }, locked, nil, target.CodeNoObjectLock},
		"no lock asked":                 {store: func(t *testing.T) target.Target { return newRetaining(t, target.Retention{}) }},
		"wrong key":                     {store: denied(target.CodeCredentialsRefused, "all"), code: target.CodeCredentialsRefused},
		"no such bucket":                {store: denied(target.CodeNoSuchBucket, "all"), code: target.CodeNoSuchBucket},
		"default retention":             {store: retained(nil)},
		"default retention, no own":     {store: retained(target.NewError(target.CodeAccessDenied, "", "no s3:PutObjectRetention", nil))},
		"read-only":                     {store: denied(target.CodeAccessDenied, "put", "create", "part", "complete", "delete", "abort"), code: target.CodeAccessDenied},
		"a policy against writes":       {store: denied(target.CodePolicyDenied, "put", "create"), code: target.CodePolicyDenied},
		"no multipart":                  {store: denied(target.CodeAccessDenied, "create"), code: target.CodeAccessDenied},
		"no HEAD":                       {store: denied(target.CodeAccessDenied, "head"), code: target.CodeAccessDenied},
		"no list":                       {store: denied(target.CodeAccessDenied, "list", "listuploads", "listbelow")},
		"no list of parts":              {store: denied(target.CodeAccessDenied, "listparts")},
		"no abort":                      {store: denied(target.CodeAccessDenied, "abort")},
		"no delete":                     {store: denied(target.CodeAccessDenied, "delete")},
		"no GET":                        {store: denied(target.CodeAccessDenied, "get")},
		"no GET, to be read back":       {denied(target.CodeAccessDenied, "get"), "", func(o *Options) { o.ReadBack = true }, target.CodeAccessDenied},
		"full":                          {store: denied(target.CodeTargetFull, "put", "part"), code: target.CodeTargetFull},
		"archive class":                 {with(func(*fakeTarget) {}), archive, nil, ""},
		"archive class, not checking":   {with(func(f *fakeTarget) { f.unchecking = true }), archive, nil, target.CodeNotChecking},
		"not checking":                  {store: with(func(f *fakeTarget) { f.unchecking = true })},
		"not checking, not read":        {store: with(func(f *fakeTarget) { f.unchecking = true; f.hook = denying(t, target.CodeAccessDenied, "get").hook }), code: target.CodeNotChecking},
		"no conditions":                 {store: with(func(f *fakeTarget) { f.noConditions = true }), code: target.CodeNoConditions},
		"no conditions, allowed":        {with(func(f *fakeTarget) { f.noConditions = true }), "", func(o *Options) { o.AllowUnconditional = true }, ""},
		"an object that is never shown": {store: func(t *testing.T) target.Target { return newBehind(newFake(t), -1, func(string) bool { return true }) }, code: target.CodeMissing},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource()
			s.file("a", []byte("hello"))
			options := func(store target.Target) Options {
				o := testOptions(nil, memDisk())
				o.Problem, o.Retries = nil, 1
				if test.rules != "" {
					o.Rules = parseRules(t, test.rules)
				}
				if test.set != nil {
					test.set(&o)
				}
				if b, ok := store.(*retaining); ok {
					o.Now, o.After = b.clock, b.after
				}
				return o
			}
			store := asked{test.store(t)}
			res, runErr := Run(t.Context(), s, store, options(store.Target))
			if test.code == "" && (runErr != nil || !res.Complete) || test.code != "" && !target.HasCode(runErr, test.code) {
				t.Fatalf("the run: %v, %+v", runErr, res)
			}
			store = asked{test.store(t)}
			report, probeErr := ProbeTarget(t.Context(), store, options(store.Target), "run-1", []string{})
			if report != nil && report.Refusal != nil {
				probeErr = report.Refusal
			}
			if usable := probeErr == nil && report.Usable; usable != (runErr == nil) {
				t.Fatalf("the run: %v; the probe: %v, lacks %q", runErr, probeErr, report.Lacks)
			}
			if runErr == nil {
				if res.Probe.String() != report.Probe.String() {
					t.Errorf("the run: %s\nthe probe: %s", res.Probe, report.Probe)
				}
				return
			}
			var ran, probed *target.Error
			if !errors.As(runErr, &ran) || !errors.As(probeErr, &probed) || ran.Code != probed.Code || ran.Class != probed.Class || ran.Remedy != probed.Remedy || ran.Cause != probed.Cause {
				t.Errorf("the run: %v (%+v)\nthe probe: %v (%+v)", runErr, ran, probeErr, probed)
			}
		})
	}
}
