package importer

import (
	"context"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
)

// asked is a Target as ProbeTarget wants it. What it can do beside is not what an import rests on.
type asked struct{ Target }

func (a asked) PutAs(ctx context.Context, in PutAs) error {
	wanted := sha256.Sum256(in.Content)
	if in.Payload != nil {
		wanted = *in.Payload
	}
	_, err := a.Target.Put(ctx, PutRequest{Key: in.Key, Body: strings.NewReader(string(in.Content)), Size: int64(len(in.Content)), SHA256: wanted, Metadata: in.Metadata, Attributes: in.Attributes})
	return err
}

// CreateUpload begins none to measure, which would take long.
func (a asked) CreateUpload(ctx context.Context, in CreateRequest) (string, error) {
	if strings.HasSuffix(in.Key, "/throughput") {
		return "", NewError(CodeRefused, in.Key, "not here", nil)
	}
	return a.Target.CreateUpload(ctx, in)
}

// CompleteUpload refuses the wrong composite, for which the fake would blame the test.
func (a asked) CompleteUpload(ctx context.Context, in CompleteRequest) (Stored, error) {
	if strings.HasSuffix(in.Key, "/composite-wrong") {
		return Stored{}, NewError(CodeDigestRefused, in.Key, "BadDigest", nil)
	}
	return a.Target.CompleteUpload(ctx, in)
}

func (a asked) CreateCRC(context.Context, string, Attributes) (string, error) {
	return "", NewError(CodeRefused, "", "NotImplemented", nil)
}

func (a asked) FinishCRC(context.Context, string, string, []byte, string, string) error {
	return NewError(CodeRefused, "", "NotImplemented", nil)
}

func (a asked) Attributes(context.Context, string) (Object, []Part, error) {
	return Object{}, nil, NewError(CodeRefused, "", "NotImplemented", nil)
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
func denying(t *testing.T, code Code, calls ...string) *fakeTarget {
	f := newFake(t)
	f.hook = func(_ int, call, _ string) (bool, error) {
		for _, c := range calls {
			if c == call || c == "all" {
				return false, NewError(code, "", "the store's text", nil)
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
	tagless := func(t *testing.T) Target {
		return &picky{fakeTarget: newFake(t), rule: func(kind, key string, a Attributes) error {
			if a.Tags != nil {
				return NewError(CodeRefused, key, "status 501: NotImplemented", nil)
			}
			return nil
		}}
	}
	retained := func(refuses error) func(*testing.T) Target {
		return func(t *testing.T) Target {
			b := newRetaining(t, Retention{"GOVERNANCE", 3, 0, true})
			b.refuses = refuses
			return b
		}
	}
	with := func(set func(*fakeTarget)) func(*testing.T) Target {
		return func(t *testing.T) Target {
			f := newFake(t)
			set(f)
			return f
		}
	}
	denied := func(code Code, calls ...string) func(*testing.T) Target {
		return func(t *testing.T) Target { return denying(t, code, calls...) }
	}
	for name, test := range map[string]struct {
		store func(*testing.T) Target
		rules string
		set   func(*Options)
		code  Code // "" is an import
	}{
		"a good store":                  {store: with(func(*fakeTarget) {})},
		"a store without tags":          {tagless, tagged, nil, CodeAttributeRefused},
		"no tags asked":                 {store: tagless},
		"a bucket without lock":         {func(t *testing.T) Target { return newRetaining(t, Retention{}) }, locked, nil, CodeNoObjectLock},
		"no lock asked":                 {store: func(t *testing.T) Target { return newRetaining(t, Retention{}) }},
		"wrong key":                     {store: denied(CodeCredentialsRefused, "all"), code: CodeCredentialsRefused},
		"no such bucket":                {store: denied(CodeNoSuchBucket, "all"), code: CodeNoSuchBucket},
		"default retention":             {store: retained(nil)},
		"default retention, no own":     {store: retained(NewError(CodeAccessDenied, "", "no s3:PutObjectRetention", nil))},
		"read-only":                     {store: denied(CodeAccessDenied, "put", "create", "part", "complete", "delete", "abort"), code: CodeAccessDenied},
		"a policy against writes":       {store: denied(CodePolicyDenied, "put", "create"), code: CodePolicyDenied},
		"no multipart":                  {store: denied(CodeAccessDenied, "create"), code: CodeAccessDenied},
		"no HEAD":                       {store: denied(CodeAccessDenied, "head"), code: CodeAccessDenied},
		"no list":                       {store: denied(CodeAccessDenied, "list", "listuploads", "listbelow")},
		"no list of parts":              {store: denied(CodeAccessDenied, "listparts")},
		"no abort":                      {store: denied(CodeAccessDenied, "abort")},
		"no delete":                     {store: denied(CodeAccessDenied, "delete")},
		"no GET":                        {store: denied(CodeAccessDenied, "get")},
		"no GET, to be read back":       {denied(CodeAccessDenied, "get"), "", func(o *Options) { o.ReadBack = true }, CodeAccessDenied},
		"full":                          {store: denied(CodeTargetFull, "put", "part"), code: CodeTargetFull},
		"archive class":                 {with(func(*fakeTarget) {}), archive, nil, ""},
		"archive class, not checking":   {with(func(f *fakeTarget) { f.unchecking = true }), archive, nil, CodeNotChecking},
		"not checking":                  {store: with(func(f *fakeTarget) { f.unchecking = true })},
		"not checking, not read":        {store: with(func(f *fakeTarget) { f.unchecking = true; f.hook = denying(t, CodeAccessDenied, "get").hook }), code: CodeNotChecking},
		"no conditions":                 {store: with(func(f *fakeTarget) { f.noConditions = true }), code: CodeNoConditions},
		"no conditions, allowed":        {with(func(f *fakeTarget) { f.noConditions = true }), "", func(o *Options) { o.AllowUnconditional = true }, ""},
		"an object that is never shown": {store: func(t *testing.T) Target { return newBehind(newFake(t), -1, func(string) bool { return true }) }, code: CodeMissing},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSource()
			s.file("a", []byte("hello"))
			options := func(store Target) Options {
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
			if test.code == "" && (runErr != nil || !res.Complete) || test.code != "" && !hasCode(runErr, test.code) {
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
			var ran, probed *Error
			if !errors.As(runErr, &ran) || !errors.As(probeErr, &probed) || ran.Code != probed.Code || ran.Class != probed.Class || ran.Remedy != probed.Remedy || ran.Cause != probed.Cause {
				t.Errorf("the run: %v (%+v)\nthe probe: %v (%+v)", runErr, ran, probeErr, probed)
			}
		})
	}
}
