package s3

import (
	"log/slog"
	"net/http"

	"github.com/sledge-io/sledge/importer/target"
)

// Credentials are static keys, instead of those of the SDK's chain.
type Credentials struct {
	AccessKey, SecretKey, SessionToken string
}

// Config says which bucket, and how it is reached. What is not given is as the SDK's
// default chain has it (environment, shared files, SSO, roles).
type Config struct {
	Bucket    string            // its name, or the ARN of an access point
	Endpoint  string            // URL; "" is AWS
	Region    string            // "" is the SDK's, or us-east-1
	PathStyle bool              // whatever the profile says
	Transport http.RoundTripper // what carries requests; nil is the network
	loaded    *loadedConfig     // by ResolveEndpoint, for the client of the same connection
	Profile   string            // its name, default generic
	Profiles  []target.Profile  // where it is looked up; nil is target.Profiles()

	// CustomerKey is the key of SSE-C: every request that reads or writes an object has
	// it. It is recorded by its MD5 alone, and never printed.
	CustomerKey *target.CustomerKey

	// None of these is recorded: it may change between two starts.
	Credentials   *Credentials
	AWSProfile    string // of the shared files
	Anonymous     bool   // requests are not signed
	CABundle      string // PEM file of whom to trust instead of the system's and AWS_CA_BUNDLE
	Proxy         string // URL instead of HTTPS_PROXY and HTTP_PROXY; NO_PROXY holds
	ClientCert    string // PEM file of what the client shows to the target's TLS; with ClientKey
	ClientKey     string // PEM file of its key
	BucketOwner   string // account that must own the bucket: every request has it as x-amz-expected-bucket-owner
	RequesterPays bool   // every request says that we pay

	Requests int          // so many at once, at most: as many connections are kept; default 16
	Log      *slog.Logger // default: discard
}

// defaultRequests is how many connections are kept where nobody says.
const defaultRequests = 16

// WithDefaults fills in what the fields name as their default.
func (c Config) WithDefaults() Config {
	if c.Profile == "" {
		c.Profile = "generic"
	}
	if c.Requests == 0 {
		c.Requests = defaultRequests
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// TargetProfile is the profile that the name stands for.
func (c Config) TargetProfile() (target.Profile, error) {
	return target.ProfileIn(c.Profiles, c.Profile)
}
