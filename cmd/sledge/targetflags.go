package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/entry"
	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/manifest"
)

// targetFlags say how the job's target is reached.
type targetFlags struct {
	target, profile, profiles, endpoint, region string
	awsProfile, caBundle, proxy, bucketOwner    string
	clientCert, clientKey, customerKey          string // files
	pathStyle, anonymous, requesterPays         bool
	idle                                        time.Duration
}

// add defines the flags; whose says where target and profile come from without.
func (f *targetFlags) add(flags *pflag.FlagSet, whose string) {
	flags.StringVar(&f.target, "target", "", "s3://BUCKET/PREFIX/, or an access point's ARN as BUCKET (default: "+whose+")")
	f.addReach(flags, whose)
}

// addReach defines those that do not name the target itself.
func (f *targetFlags) addReach(flags *pflag.FlagSet, whose string) {
	flags.StringVar(&f.profile, "profile", "", "the target's kind (default: "+whose+"): "+profileNames())
	addProfiles(flags, &f.profiles)
	flags.StringVar(&f.endpoint, "endpoint", "", "URL of the S3 endpoint (default: the AWS configuration's, else AWS)")
	flags.StringVar(&f.region, "region", "", "the bucket's region (default: the AWS configuration's, else us-east-1)")
	flags.BoolVar(&f.pathStyle, "path-style", false, "address the bucket in the path, whatever the profile says")
	flags.StringVar(&f.awsProfile, "aws-profile", "", "profile of the shared AWS files (default: AWS_PROFILE)")
	flags.StringVar(&f.caBundle, "ca-bundle", "", "PEM file of the authorities to trust (default: AWS_CA_BUNDLE, else the system's)")
	flags.StringVar(&f.proxy, "proxy", "", "URL of a proxy for requests, but to hosts of NO_PROXY (default: HTTPS_PROXY, HTTP_PROXY)")
	flags.StringVar(&f.clientCert, "client-cert", "", "PEM file of the client's certificate, for a target or proxy that asks for one (mTLS)")
	flags.StringVar(&f.clientKey, "client-key", "", "PEM file of its key")
	flags.StringVar(&f.customerKey, "sse-c-key", "", "file of the key of SSE-C, with which the store encrypts and decrypts every object: 32 bytes, also in base64 or hexadecimal")
	flags.BoolVar(&f.anonymous, "anonymous", false, "sign no request")
	flags.StringVar(&f.bucketOwner, "bucket-owner", "", "12-digit AWS account that must own the bucket; S3 refuses every request if another one does")
	flags.BoolVar(&f.requesterPays, "requester-pays", false, "pay for the requests to a bucket where the requester pays")
	flags.DurationVar(&f.idle, "idle-timeout", time.Minute, "end and repeat a request of which no byte of its payload moves for so long; 0: only when the whole request's time is over")
}

// options are those of an import into the target.
func (f *targetFlags) options(job *manifest.Job) (o importer.Options, err error) {
	o.IdleTimeout = f.idleTimeout()
	if o.Config, o.Prefix, err = f.connection(job); err != nil {
		return o, err
	}
	o.Symlinks, o.Directories = entry.Policy(job.Policy.Symlinks), entry.Policy(job.Policy.Directories)
	return o, nil
}

// idleTimeout is the flag as whoever makes requests takes it: below zero nothing is watched.
func (f *targetFlags) idleTimeout() time.Duration {
	if f.idle == 0 {
		return importer.None
	}
	return f.idle
}

// connection is how the target is reached, and the prefix in it.
func (f *targetFlags) connection(job *manifest.Job) (c s3.Config, prefix string, err error) {
	c = s3.Config{Endpoint: f.endpoint, Region: f.region, PathStyle: f.pathStyle, Profile: job.Target.Profile,
		AWSProfile: f.awsProfile, CABundle: f.caBundle, Proxy: f.proxy, Anonymous: f.anonymous, RequesterPays: f.requesterPays,
		BucketOwner: f.bucketOwner, ClientCert: f.clientCert, ClientKey: f.clientKey}
	url := job.Target.URL
	if f.target != "" {
		url = f.target
	}
	if f.profile != "" {
		c.Profile = f.profile
	}
	if c.Bucket, prefix, err = target.ParseTarget(url); err != nil {
		return c, prefix, &usageError{Err: err}
	}
	if c.CustomerKey, err = readCustomerKey(f.customerKey); err != nil {
		return c, prefix, err
	}
	if c.Profiles, err = readProfiles(f.profiles); err != nil {
		return c, prefix, err
	}
	if _, err := target.ProfileIn(c.Profiles, c.Profile); err != nil {
		return c, prefix, &usageError{Err: err}
	}
	if err := c.CheckConnection(); err != nil {
		return c, prefix, &usageError{Err: err}
	}
	err = c.ResolveEndpoint(context.Background()) // which changes c
	return c, prefix, err
}

// readCustomerKey reads the file of a key of SSE-C, if there is one.
func readCustomerKey(name string) (*target.CustomerKey, error) {
	if name == "" {
		return nil, nil
	}
	text, err := files.Read(name, target.MaxCustomerKey)
	if err != nil {
		return nil, err
	}
	defer clear(text)
	key, err := target.ReadCustomerKey(text)
	if err != nil {
		return nil, &usageError{Err: fmt.Errorf("--sse-c-key %s: %w", name, err)}
	}
	return key, nil
}
