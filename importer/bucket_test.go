package importer

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/s3test"
)

const pointARN = "arn:aws:s3:eu-west-1:123456789012:accesspoint/cold-in"

func TestAccessPointTarget(t *testing.T) {
	for url, want := range map[string][2]string{
		"s3://" + pointARN:           {pointARN, ""},
		"s3://" + pointARN + "/":     {pointARN, ""},
		"s3://" + pointARN + "/a/b":  {pointARN, "a/b/"},
		"s3://" + pointARN + "/a:b/": {pointARN, "a:b/"},
		"s3://arn:aws-us-gov:s3:us-gov-west-1:123456789012:accesspoint/cold-in/accesspoint/": {strings.NewReplacer("aws:", "aws-us-gov:", "eu-west-1", "us-gov-west-1").Replace(pointARN), "accesspoint/"},
		"s3://cold-in-abcdefgh1234-s3alias/a/":                                               {"cold-in-abcdefgh1234-s3alias", "a/"}, // an access point's alias is used as a bucket
	} {
		bucket, prefix, err := target.ParseTarget(url)
		if err != nil || [2]string{bucket, prefix} != want {
			t.Errorf("%s: %q, %q, %v", url, bucket, prefix, err)
		}
		again, below, err := target.ParseTarget(Options{Config: s3.Config{Bucket: bucket}, Prefix: prefix}.TargetURL())
		if err != nil || again != bucket || below != prefix {
			t.Errorf("%s as it is recorded: %q, %q, %v", url, again, below, err)
		}
	}
	for url, want := range map[string]string{
		"s3://arn:aws:s3::123456789012:accesspoint/abc.mrap/":                           "multi-region access points are not supported",
		"s3://arn:aws:s3-outposts:us-west-2:123456789012:outpost/op-1/accesspoint/a/":   "not s3-outposts",
		"s3://arn:aws:s3-object-lambda:us-east-1:123456789012:accesspoint/a/":           "not s3-object-lambda",
		"s3://arn:aws:s3express:us-west-2:123456789012:accesspoint/a--usw2-az1--xa-s3/": "S3 Express",
		"s3://arn:aws:s3:eu-west-1:123456789012:accesspoint:cold-in/":                   "must be a bucket or the ARN",
		"s3://arn:aws:s3:eu-west-1:1234:accesspoint/cold-in/":                           "must be a bucket or the ARN",
		"s3://arn:aws:s3:::bucket/":                                                     "must be a bucket or the ARN",
		"s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/":                           "must be a bucket or the ARN",
		"s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/cold.in/":                   "must be a bucket or the ARN",
		"s3://my-data--usw2-az1--x-s3/p/":                                               "import into a general purpose bucket",
	} {
		if _, _, err := target.ParseTarget(url); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", url, err, want)
		}
	}
}

// lastRequest keeps it.
type lastRequest struct{ request *http.Request }

func (a *lastRequest) RoundTrip(r *http.Request) (*http.Response, error) {
	a.request = r
	return &http.Response{StatusCode: 404, Header: http.Header{}, Body: io.NopCloser(strings.NewReader("")), Request: r}, nil
}

// TestAccessPointRequests: the requests go to the access point in its own region, whatever
// region is set, also by an endpoint of one's own; the path is never used for it.
func TestAccessPointRequests(t *testing.T) {
	s3test.CleanAWS(t)
	o := testOptions(t, memDisk())
	o.Bucket, o.Region, o.Profile, o.Credentials = pointARN, "us-east-1", "aws", &s3.Credentials{AccessKey: "test", SecretKey: "testtest"}
	for endpoint, host := range map[string]string{
		"": "cold-in-123456789012.s3-accesspoint.eu-west-1.amazonaws.com",
		"https://accesspoint.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com": "cold-in-123456789012.accesspoint.vpce-1a2b.s3.eu-west-1.vpce.amazonaws.com",
	} {
		wire := &lastRequest{}
		o.Endpoint, o.Transport = endpoint, wire
		if _, err := newS3(t, o).Head(context.Background(), "in/a b"); !target.IsNotFound(err) {
			t.Fatal(err)
		}
		if r := wire.request; r.URL.Host != host || r.URL.EscapedPath() != "/in/a%20b" || !strings.Contains(r.Header.Get("Authorization"), "/eu-west-1/s3/") {
			t.Errorf("%s: %s, %s", endpoint, r.URL, r.Header.Get("Authorization"))
		}
	}
	for name, set := range map[string]func(*Options){
		"asked for":    func(o *Options) { o.PathStyle = true },
		"by a profile": func(o *Options) { o.Profile = "minio" },
	} {
		bad := o
		set(&bad)
		if err := bad.Validate(); err == nil || !strings.Contains(err.Error(), "cannot be addressed in the path") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestAccessPointRun: the ARN is the run's target in receipts and journal.
func TestAccessPointRun(t *testing.T) {
	s, f, disk := mixed(), newFake(t), memDisk()
	o := testOptions(t, disk)
	o.Bucket, o.Profile = pointARN, "aws"
	if res := mustRun(t, s, f, o); !res.Complete {
		t.Fatalf("%+v", res)
	}
	o.Bucket = "bucket"
	if _, err := Run(t.Context(), s, f, o); !target.HasCode(err, target.CodeStateMismatch) || !strings.Contains(err.Error(), pointARN) {
		t.Errorf("at the bucket: %v", err)
	}
}
