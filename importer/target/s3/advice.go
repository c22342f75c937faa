package s3

import (
	"fmt"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"

	"github.com/sledge-io/sledge/importer/target"
)

// Remedies where the code's own one would lead astray.
const (
	remedyBodySize   = "let the proxy or web server in front of the store take larger bodies (nginx: client_max_body_size 0), or name the store itself (--endpoint, NO_PROXY) in an import with a new --run-id; then run the same command again"
	remedyProxyLogin = "give the proxy's user and password in HTTPS_PROXY (http://USER:PASSWORD@proxy.example.org:3128), or let the proxy take this machine without them; then run the same command again"
	remedyProxyRule  = "let the proxy reach this host and port, or name the host in NO_PROXY where no proxy is needed; then run the same command again"
	remedyAccount    = "ask whoever runs the store: the user or account is suspended or has a problem, and new keys of it do not help; then run the same command again"
	remedyKey        = "look in the store's user management: the access key may be mistyped, deleted or disabled; enable it or make another one, then run the same command again"
	remedyPathStyle  = "say --path-style, or give the bucket's host name an address; then run the same command again"
	remedyHTTP       = "name the endpoint with http:// if that is meant, or the port that speaks TLS; then run the same command again"
	remedyProcess    = "run the profile's credential_process by hand and mend what it complains about, then run the same command again"
	remedyMFA        = "get session credentials by the AWS command line, which asks for the code (`aws configure export-credentials --profile NAME`), " +
		"write them into another profile of the shared credentials file and name that one by --aws-profile; then run the same command again"
	remedyGivenOnce = "set new AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, then run the same command again; " +
		"a run goes on by itself only with a profile of the shared AWS files (--aws-profile), whose new keys it reads"
	remedyRefusedOnce = "correct AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN and start the same command again, because a process sees no new environment; " +
		"or let the store accept these, which a waiting run notices by itself"
)

// accountRemedies are by the store's own code. The keys are of AWS and Ceph.
var accountRemedies = map[string]string{
	"InvalidAccessKeyId": remedyKey, // MinIO and AWS say it of a disabled key, too
	"UserSuspended":      remedyAccount,
	"AccountProblem":     remedyAccount,
	"AllAccessDisabled":  remedyAccount,
	"NotSignedUp":        remedyAccount,
}

// advised is e with another remedy; "" keeps the code's own.
func advised(e *target.Error, remedy string) *target.Error {
	if remedy != "" {
		e.Remedy = remedy
	}
	return e
}

// notOfStore is what a proxy or a web server answered where the store's own words are
// missing; nil where that cannot be told.
func notOfStore(answer *awshttp.ResponseError, status int, key string, err error) *target.Error {
	switch {
	case status == http.StatusRequestEntityTooLarge:
		return advised(target.NewError(target.CodeNotS3, key, "status 413: a proxy or web server in front of the store takes no body of this size (nginx: client_max_body_size)", err), remedyBodySize)
	case status == http.StatusProxyAuthRequired:
		return proxyError(status, "this request", key, err)
	case status >= 300 && status < 500 && isPage(answer.Response.Response):
		return target.NewError(target.CodeNotS3, key, fmt.Sprintf("status %d: a page in HTML", status)+sentTo(status, answer.Response.Header), err)
	}
	return nil
}

// proxyError is a proxy's own refusal; what it refuses has not left for the store.
func proxyError(status int, what, key string, err error) *target.Error {
	cause := fmt.Sprintf("proxy: status %d (%s) to %s", status, http.StatusText(status), what)
	switch {
	case status == http.StatusProxyAuthRequired:
		return advised(target.NewError(target.CodeNotS3, key, cause+": it wants a user and a password", err), remedyProxyLogin)
	case status >= 500 || status == http.StatusTooManyRequests:
		return target.NewError(target.CodeTargetAbsent, key, cause, err)
	}
	return advised(target.NewError(target.CodeNotS3, key, cause+": the proxy does not allow it", err), remedyProxyRule)
}
