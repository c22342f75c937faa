package s3

import (
	"bytes"
	"context"
	"crypto/fips140"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sledge-io/sledge/importer/target"
)

var accountPattern = regexp.MustCompile(`^[0-9]{12}$`)

// newClient reads the configuration as the SDK's default chain has it
// (environment, shared files, SSO, roles), and the options over it.
func newClient(ctx context.Context, o Config) (*s3.Client, error) {
	profile, err := o.TargetProfile()
	if err != nil {
		return nil, err
	}
	cfg := o.loaded
	if cfg == nil {
		read, err := loadConfig(ctx, o)
		if err != nil {
			return nil, err
		}
		cfg = &read
	}
	return s3.NewFromConfig(*cfg, func(so *s3.Options) {
		so.UsePathStyle = o.PathStyle || profile.PathStyle
		so.UseARNRegion = true // an access point's ARN names its region
		so.Retryer = aws.NopRetryer{}
		so.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
		so.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
		so.DisableLogOutputChecksumValidationSkipped = true
		so.HTTPSignerV4 = plainSigner{so.HTTPSignerV4}
		so.HTTPClient = plainClient(o, *cfg)
		so.Logger = sdkLog(o)
		so.BaseEndpoint = nil // the options' was resolved: what the configuration says by now is another store
		if o.Endpoint != "" {
			so.BaseEndpoint = aws.String(o.Endpoint)
		}
		if o.BucketOwner != "" {
			so.APIOptions = append(so.APIOptions, smithyhttp.SetHeaderValue("x-amz-expected-bucket-owner", o.BucketOwner))
		}
		if o.CustomerKey != nil {
			so.APIOptions = append(so.APIOptions, withCustomerKey(o.CustomerKey))
		}
		if o.RequesterPays {
			so.APIOptions = append(so.APIOptions, smithyhttp.SetHeaderValue("x-amz-request-payer", "requester"))
		}
	}), nil
}

func loadConfig(ctx context.Context, o Config) (aws.Config, error) {
	load := []func(*config.LoadOptions) error{
		config.WithDefaultRegion("us-east-1"), config.WithHTTPClient(newHTTPClient(o)), config.WithLogger(sdkLog(o)),
	}
	if o.Region != "" {
		load = append(load, config.WithRegion(o.Region))
	}
	if o.AWSProfile != "" {
		load = append(load, config.WithSharedConfigProfile(o.AWSProfile))
	}
	if o.CABundle != "" {
		pem, err := os.ReadFile(o.CABundle)
		if err == nil && !x509.NewCertPool().AppendCertsFromPEM(pem) {
			err = fmt.Errorf("%s: no certificate in it", o.CABundle)
		}
		if err != nil {
			return aws.Config{}, target.NewError(target.CodeTargetUntrusted, "", "CA bundle: "+err.Error(), err)
		}
		load = append(load, config.WithCustomCABundle(bytes.NewReader(pem)))
	}
	if c := o.Credentials; c != nil {
		load = append(load, config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey, c.SessionToken)))
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if err != nil {
		return cfg, configError(err)
	}
	if o.Anonymous {
		cfg.Credentials = aws.AnonymousCredentials{}
		return cfg, nil
	}
	markGivenOnce(&cfg)
	cfg.Credentials = checkedCredentials{withProcess(cfg)}
	return cfg, nil
}

// configError names what is wrong in the environment or the shared files.
func configError(err error) error {
	var absent config.SharedConfigProfileNotExistError
	if errors.As(err, &absent) {
		return target.NewError(target.CodeCredentialsMissing, "", fmt.Sprintf("no profile %q in the shared AWS files", absent.Profile), err)
	}
	if errors.As(err, new(config.AssumeRoleTokenProviderNotSetError)) {
		return advised(target.NewError(target.CodeCredentialsMissing, "", "the AWS profile's role wants an MFA code (mfa_serial), which an import cannot ask for", err), remedyMFA)
	}
	if bundle := os.Getenv("AWS_CA_BUNDLE"); bundle != "" && strings.Contains(err.Error(), bundle) || strings.Contains(err.Error(), "custom CA bundle") {
		return target.NewError(target.CodeTargetUntrusted, "", "the CA bundle of AWS_CA_BUNDLE or of the AWS profile: "+target.Clip(err.Error()), err)
	}
	return target.NewError(target.CodeCredentialsMissing, "", "AWS configuration: "+target.Clip(err.Error()), err)
}

// CheckConnection checks the options of the way to the target.
func (o Config) CheckConnection() error {
	if o.Proxy != "" {
		u, err := url.Parse(o.Proxy)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
			return errors.New("proxy: must be a URL such as http://proxy.example.org:3128") // it may hold a password
		}
		if u.User != nil {
			return errors.New("proxy: takes no user and password, which everybody on this machine could read: keep them in HTTPS_PROXY")
		}
	}
	if o.Endpoint != "" {
		u, err := url.Parse(o.Endpoint)
		if err == nil && u.User != nil || err != nil && strings.Contains(o.Endpoint, "@") {
			return errors.New("endpoint: takes no keys, which receipts and reports would hold: they are the environment's or the shared AWS files'") // nor shall this
		}
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("endpoint %q: must be a URL such as https://s3.example.org", o.Endpoint)
		}
	}
	if err := o.checkAccessPoint(); err != nil {
		return err
	}
	if err := o.checkTLS(); err != nil {
		return err
	}
	if o.BucketOwner != "" && !accountPattern.MatchString(o.BucketOwner) {
		return fmt.Errorf("bucket owner %q: must be the 12 digits of an AWS account", o.BucketOwner)
	}
	if o.Anonymous && (o.Credentials != nil || o.AWSProfile != "") {
		return errors.New("anonymous: takes no credentials")
	}
	return nil
}

// sdkLog keeps the SDK's own lines off the operator's terminal.
func sdkLog(o Config) logging.Logger {
	return logging.LoggerFunc(func(class logging.Classification, format string, v ...any) {
		o.Log.Debug("SDK: "+fmt.Sprintf(format, v...), "class", string(class))
	})
}

// checkedCredentials refuses what signing would panic over: FIPS mode allows no
// HMAC key under 112 bits, and SigV4's first key is "AWS4" and the secret.
type checkedCredentials struct{ aws.CredentialsProvider }

func (c checkedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	got, err := c.CredentialsProvider.Retrieve(ctx)
	if err == nil && fips140.Enabled() && len("AWS4")+len(got.SecretAccessKey) < 14 {
		return aws.Credentials{}, target.NewError(target.CodeCredentialsRefused, "", "the secret key is shorter than FIPS mode allows (10 characters)", nil)
	}
	if err != nil {
		return got, &credentialsFault{err}
	}
	return got, nil
}

// newHTTPClient keeps as many idle connections as there may be requests. It is
// the SDK's, so that AWS_CA_BUNDLE works; plainClient takes its transport.
func newHTTPClient(o Config) *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(transport(o)).WithDialerOptions(func(d *net.Dialer) { d.Timeout = 15 * time.Second })
}

func transport(o Config) func(*http.Transport) {
	return func(t *http.Transport) {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = 0, o.Requests
		t.ResponseHeaderTimeout = 0 // each call has its own time
		t.WriteBufferSize, t.ReadBufferSize = 16<<10, 16<<10
		t.DisableCompression = true
		if o.ClientCert != "" {
			t.TLSClientConfig.GetClientCertificate = o.clientCertificate
		}
		t.OnProxyConnectResponse = proxyAnswer
		if u, err := url.Parse(o.Proxy); o.Proxy != "" && err == nil {
			t.Proxy = byProxy(u)
		}
	}
}

// plainClient sends over the configuration's transport, or that of the options,
// bounds what it answers and follows no redirect. The SDK's own client follows 307 and 308
// of reads.
func plainClient(o Config, cfg aws.Config) *http.Client {
	client := &http.Client{Transport: o.Transport, CheckRedirect: noRedirect}
	if b, ok := cfg.HTTPClient.(*awshttp.BuildableClient); ok && o.Transport == nil {
		// o has its concurrency by now.
		client.Transport = bucketHost{networkTransport(o, b), o.Bucket}
	}
	if client.Transport == nil {
		client.Transport = http.DefaultTransport
	}
	client.Transport = answerCap{client.Transport}
	return client
}

// networkTransport carries requests over connections of ours. Those for large payloads and those
// for small ones have the bound of connections in common.
func networkTransport(o Config, b *awshttp.BuildableClient) http.RoundTripper {
	store := &closing{}
	small, large := b.WithTransportOptions(transport(o)).GetTransport(), b.WithTransportOptions(transport(o), largeBuffers).GetTransport()
	ahead := newSpares(small.DialContext, store, o.Requests)
	small.DialContext, large.DialContext = ahead.DialContext, ahead.DialContext
	return oneEach{bySize{small, large}, store}
}

// bucketHost says what helps where the endpoint's name resolves, and the bucket's in front of
// it does not.
type bucketHost struct {
	http.RoundTripper
	bucket string
}

func (b bucketHost) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.RoundTripper.RoundTrip(r)
	var dns *net.DNSError
	if errors.As(err, &dns) && dns.IsNotFound && strings.HasPrefix(r.URL.Hostname(), b.bucket+".") {
		err = advised(target.NewError(target.CodeTargetAbsent, "", dns.Error()+": the bucket is part of this name; --path-style puts it into the path", err), remedyPathStyle)
	}
	return answer, err
}

// noRedirect lets a redirect be seen as the answer it is: its target would get a
// request that is signed for another host, and answer in this store's name.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
