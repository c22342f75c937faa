package s3

import (
	"context"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// plainSigner signs requests without the headers that proxies and front ends change or
// take away: the store would compute another signature and refuse the credentials.
// Accept-Encoding goes out unsigned; the SDK's own bookkeeping does not go out at all.
type plainSigner struct{ s3.HTTPSignerV4 }

var sdkHeaders = []string{"Amz-Sdk-Invocation-Id", "Amz-Sdk-Request"}

// SignHTTP implements s3.HTTPSignerV4.
func (s plainSigner) SignHTTP(ctx context.Context, c aws.Credentials, r *http.Request, payload, service, region string, at time.Time, opts ...func(*v4.SignerOptions)) error {
	const name = "Accept-Encoding"
	kept, had := r.Header[name]
	r.Header.Del(name)
	for _, name := range sdkHeaders {
		r.Header.Del(name)
	}
	err := s.HTTPSignerV4.SignHTTP(ctx, c, r, payload, service, region, at, opts...)
	if had {
		r.Header[name] = kept
	}
	return err
}
