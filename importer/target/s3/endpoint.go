package s3

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// loadedConfig is the AWS configuration as it was read once.
type loadedConfig = aws.Config

// ResolveEndpoint names the endpoint that a client of the options would use, so
// that identity, receipts and status have it: the options' own, else that of
// AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the profile's endpoint_url. "" is AWS.
// The configuration that it reads is that of the client which NewS3 makes of these
// options; their credentials, region, CA bundle and proxy are set before.
func (o *Config) ResolveEndpoint(ctx context.Context) error {
	if o.Endpoint = SameEndpoint(o.Endpoint); o.Endpoint != "" || o.loaded != nil {
		return nil
	}
	quiet := *o
	quiet.Log = slog.New(slog.DiscardHandler) // the client of the run tells the same
	cfg, err := loadConfig(ctx, quiet)
	if err != nil {
		return err
	}
	found := *o
	found.Endpoint = SameEndpoint(aws.ToString(s3.NewFromConfig(cfg).Options().BaseEndpoint))
	if err := found.CheckConnection(); err != nil {
		return fmt.Errorf("the AWS configuration's %w", err)
	}
	o.Endpoint, o.loaded = found.Endpoint, &cfg
	return nil
}

// SameEndpoint is one text for all that differ by a slash at the end.
func SameEndpoint(endpoint string) string { return strings.TrimRight(endpoint, "/") }

// Endpoint is where the client's requests go; "" is AWS.
func (t *Bucket) Endpoint() string { return t.opts.Endpoint }
