package importer

import (
	"context"
	"path/filepath"
	"testing"
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
