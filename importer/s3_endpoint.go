package importer

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// ResolveEndpoint names the endpoint that a client of the options would use, so
// that identity, receipts and status have it: the options' own, else that of
// AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL or the profile's endpoint_url. "" is AWS.
func (o *Options) ResolveEndpoint(ctx context.Context) error {
	if o.Endpoint != "" {
		return nil
	}
	quiet := *o
	quiet.Log = slog.New(slog.DiscardHandler) // the client of the run tells the same
	cfg, err := loadConfig(ctx, quiet)
	if err != nil {
		return err
	}
	o.Endpoint = aws.ToString(s3.NewFromConfig(cfg).Options().BaseEndpoint)
	if err := o.CheckConnection(); err != nil {
		return fmt.Errorf("the AWS configuration's %w", err)
	}
	return nil
}
