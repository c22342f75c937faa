package importer

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/sledge-io/sledge/importer/target"
)

// TestEndpointOfConfiguration finds the endpoint wherever the SDK finds it.
func TestEndpointOfConfiguration(t *testing.T) {
	const a, b = "https://a.example.org", "https://b.example.org"
	tests := []struct {
		name, all, s3, given, profile, want string
	}{
		{name: "AWS"},
		{name: "all services", all: a, want: a},
		{name: "S3 over all", all: a, s3: b, want: b},
		{name: "profile", profile: "site", want: a},
		{name: "given over all", s3: a, given: b, want: b},
		{name: "a slash at the end", all: a + "/", want: a},
		{name: "given with a slash at the end", given: b + "/", want: b},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := cleanAWS(t)
			writeFile(t, filepath.Join(dir, "config"), "[profile site]\nendpoint_url = "+a+"\n")
			t.Setenv("AWS_ENDPOINT_URL", test.all)
			t.Setenv("AWS_ENDPOINT_URL_S3", test.s3)
			o := Options{Endpoint: test.given, AWSProfile: test.profile}
			if err := o.ResolveEndpoint(context.Background()); err != nil || o.Endpoint != test.want {
				t.Errorf("endpoint %q, %v; want %q", o.Endpoint, err, test.want)
			}
			target, err := NewS3(context.Background(), Options{Bucket: "bucket", Profile: "generic", Endpoint: test.given, AWSProfile: test.profile})
			if err != nil || target.Endpoint() != test.want || aws.ToString(target.api().Options().BaseEndpoint) != test.want {
				t.Errorf("a client by itself: %v, its endpoint is not %q", err, test.want)
			}
		})
	}
	t.Run("keys in it", func(t *testing.T) {
		cleanAWS(t)
		t.Setenv("AWS_ENDPOINT_URL_S3", "https://user:secret@a.example.org")
		if err := (&Options{}).ResolveEndpoint(context.Background()); err == nil {
			t.Error("an endpoint with keys was taken")
		}
	})
}

// TestConfigurationIsReadOnce: what changes in the shared files between the identity and the
// client, or before a renewal, leads no request to another store.
func TestConfigurationIsReadOnce(t *testing.T) {
	dir := cleanAWS(t)
	o := Options{Bucket: "bucket", Profile: "generic"}
	if err := o.ResolveEndpoint(t.Context()); err != nil || o.Endpoint != "" {
		t.Fatalf("%q, %v", o.Endpoint, err)
	}
	t.Setenv("AWS_ACCESS_KEY_ID", "access")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secretsecret")
	writeFile(t, filepath.Join(dir, "config"), "[default]\nendpoint_url = https://b.example.org\n")
	target, err := NewS3(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if at := aws.ToString(target.api().Options().BaseEndpoint); at != "" {
		t.Errorf("the client goes to %q, the identity says AWS", at)
	}
	err = target.Renew(t.Context())
	if at := aws.ToString(target.api().Options().BaseEndpoint); err != nil || at != "" {
		t.Errorf("%v; renewed, the client goes to %q, the identity says AWS", err, at)
	}
}

// TestEndpointOfRun: a run has the endpoint of its client in its identity, and one that was
// recorded with a slash at its end is the same.
func TestEndpointOfRun(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	at := func(endpoint string) target.Target { return located{f, endpoint} }
	o := testOptions(t, disk)
	mustRun(t, s, at("https://a.example.org/"), o)
	if res := mustRun(t, s, at("https://a.example.org"), o); !res.Earlier {
		t.Errorf("%+v", res)
	}
	if _, err := Run(t.Context(), s, at("https://b.example.org"), o); !target.HasCode(err, target.CodeStateMismatch) {
		t.Errorf("at another store: %v", err)
	}
}

// located is a target that says where it is.
type located struct {
	*fakeTarget
	endpoint string
}

func (l located) Capabilities() target.Capabilities {
	c := l.fakeTarget.Capabilities()
	c.Endpoint = true
	return c
}

func (l located) Endpoint() string { return l.endpoint }
