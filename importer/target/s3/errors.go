package s3

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/sledge-io/sledge/importer/target"
)

// s3Codes maps the store's own error codes (S3 API reference, "Error
// responses"; the X… ones are MinIO's) to ours. All of them say that nothing was
// done, but those of class Retryable that come from inside the store.
var s3Codes = map[string]target.Code{
	"NoSuchBucket":                         target.CodeNoSuchBucket,
	"InvalidBucketName":                    target.CodeNoSuchBucket,
	"NoSuchKey":                            target.CodeNotFound,
	"NotFound":                             target.CodeNotFound,
	"NoSuchUpload":                         target.CodeUploadGone,
	"InvalidPart":                          target.CodePartGone,
	"PreconditionFailed":                   target.CodeKeyExists,
	"ConditionalRequestConflict":           target.CodeRestart,
	"BadDigest":                            target.CodeDigestRefused,
	"XAmzContentChecksumMismatch":          target.CodeDigestRefused,
	"XAmzContentSHA256Mismatch":            target.CodeDigestRefused,
	"InvalidAccessKeyId":                   target.CodeCredentialsRefused,
	"XAdminUserNotFound":                   target.CodeCredentialsRefused, // versitygw
	"SignatureDoesNotMatch":                target.CodeCredentialsRefused,
	"InvalidToken":                         target.CodeCredentialsRefused,
	"InvalidSecurity":                      target.CodeCredentialsRefused,
	"UserSuspended":                        target.CodeCredentialsRefused, // Ceph
	"NotSignedUp":                          target.CodeCredentialsRefused,
	"UnauthorizedAccess":                   target.CodeCredentialsRefused, // AWS China
	"ExpiredToken":                         target.CodeCredentialsExpired,
	"ExpiredTokenException":                target.CodeCredentialsExpired, // STS, SSO
	"TokenRefreshRequired":                 target.CodeCredentialsExpired,
	"AccessDenied":                         target.CodeAccessDenied,
	"AllAccessDisabled":                    target.CodeAccessDenied,
	"AccountProblem":                       target.CodeAccessDenied,
	"Forbidden":                            target.CodeAccessDenied,
	"InvalidObjectState":                   target.CodeArchived,
	"RequestTimeTooSkewed":                 target.CodeClockSkew,
	"RequestExpired":                       target.CodeClockSkew,
	"AccessForbidden":                      target.CodeAccessDenied,
	"ObjectLocked":                         target.CodeObjectLocked, // MinIO
	"KMSNotConfigured":                     target.CodeKMSKey,       // MinIO
	"ObjectLockConfigurationNotFoundError": target.CodeNotFound,
	"InvalidBucketState":                   target.CodeNoObjectLock,
	"PermanentRedirect":                    target.CodeWrongRegion,
	"TemporaryRedirect":                    target.CodeWrongRegion,
	"AuthorizationHeaderMalformed":         target.CodeWrongRegion,
	"IllegalLocationConstraintException":   target.CodeWrongRegion,
	"MovedPermanently":                     target.CodeWrongRegion,
	"SlowDown":                             target.CodeThrottled,
	"SlowDownRead":                         target.CodeThrottled,
	"SlowDownWrite":                        target.CodeThrottled,
	"ServiceUnavailable":                   target.CodeThrottled,
	"Throttling":                           target.CodeThrottled,
	"ThrottlingException":                  target.CodeThrottled,
	"RequestLimitExceeded":                 target.CodeThrottled,
	"TooManyRequests":                      target.CodeThrottled,
	"RequestTimeout":                       target.CodeConnectionLost,
	"IncompleteBody":                       target.CodeConnectionLost,
	"InternalError":                        target.CodeServerError,
	"OperationAborted":                     target.CodeServerError,
	"EntityTooLarge":                       target.CodeTooLarge,
	"KeyTooLongError":                      target.CodeKeyInvalid,
	"XMinioInvalidObjectName":              target.CodeKeyInvalid,
	"BandwidthLimitExceeded":               target.CodeThrottled,
	"QuotaExceeded":                        target.CodeTargetFull,
	"XMinioAdminBucketQuotaExceeded":       target.CodeTargetFull,
	"InsufficientStorage":                  target.CodeTargetFull,
	"InsufficientCapacity":                 target.CodeTargetFull,
	"XMinioStorageFull":                    target.CodeTargetFull,
	"InvalidStorageClass":                  target.CodeAttributeRefused,
	"AccessControlListNotSupported":        target.CodeAttributeRefused,
	"InvalidTag":                           target.CodeAttributeRefused,
	"InvalidEncryptionAlgorithmError":      target.CodeAttributeRefused,
}

// s3Texts are for codes that mean several things, told apart by the message
// alone: the first entry that fits counts. "" is any code.
var s3Texts = []struct {
	code, text string // text in lower case
	is         target.Code
}{
	{"AccessDenied", "explicit deny", target.CodePolicyDenied},
	{"AccessDenied", "service control policy", target.CodePolicyDenied},
	{"AccessDenied", "kms:", target.CodeKMSKey},
	{"AccessDenied", "object lock", target.CodeObjectLocked},
	{"AccessDenied", "object is locked", target.CodeObjectLocked},
	{"AccessDenied", "storage cap exceeded", target.CodeTargetFull}, // B2
	{"AccessDenied", "request has expired", target.CodeClockSkew},
	{"InvalidRequest", "object lock configuration", target.CodeNoObjectLock},
	{"InvalidRequest", "encryption parameters are not applicable", target.CodeCannotCompare}, // no object of SSE-C, and a key was sent
	{"InvalidRequest", "a form of server side encryption", target.CodeCannotCompare},         // one of SSE-C, and none was sent
	{"", "worm protected", target.CodeObjectLocked},                                          // MinIO
}

// codeOf is what a store's own code and message mean.
func codeOf(code, message string) (target.Code, bool) {
	message = strings.ToLower(message)
	for _, t := range s3Texts {
		if (t.code == "" || t.code == code) && strings.Contains(message, t.text) {
			return t.is, true
		}
	}
	if code == "KMS.NotFoundException" {
		return target.CodeAttributeRefused, true // a key that there is not
	}
	if strings.HasPrefix(code, "KMS.") {
		return target.CodeKMSKey, true
	}
	known, ok := s3Codes[code]
	return known, ok
}

// statusCodes is for answers without a code that is known. 404 is not among
// them: for HEAD, which has no body, the SDK says NotFound itself.
var statusCodes = map[int]target.Code{
	http.StatusMovedPermanently:    target.CodeWrongRegion,
	http.StatusFound:               target.CodeWrongRegion,
	http.StatusTemporaryRedirect:   target.CodeWrongRegion,
	http.StatusPermanentRedirect:   target.CodeWrongRegion,
	http.StatusUnauthorized:        target.CodeCredentialsRefused,
	http.StatusForbidden:           target.CodeAccessDenied,
	http.StatusRequestTimeout:      target.CodeConnectionLost,
	http.StatusPreconditionFailed:  target.CodeKeyExists,
	http.StatusTooManyRequests:     target.CodeThrottled,
	http.StatusServiceUnavailable:  target.CodeThrottled,
	http.StatusInsufficientStorage: target.CodeTargetFull,
}

// s3Error turns an SDK error into ours: what it means and whether the call may
// have had its effect. nil stays nil.
func s3Error(err error, key string) error {
	if err == nil {
		return nil
	}
	ours := classify(err, key)
	if e := (*target.Error)(nil); errors.As(ours, &e) {
		remedyGiven(e)
	}
	return ours
}

// credentialsFault is an error of whatever gives credentials, however the SDK wraps it.
type credentialsFault struct{ error }

func (e *credentialsFault) Unwrap() error { return e.error }

// unsigned reports whether a request was not made because its signer had no credentials.
func unsigned(err error) bool {
	var fault *credentialsFault
	return errors.As(err, &fault)
}

// metadataService is the SDK's name of the client that asks the machine's own metadata.
const metadataService = "ec2imds"

// ofMetadata reports whether credentials were to come from the machine's own metadata, which is
// asked where nothing else gives any.
func ofMetadata(err error) bool {
	for op := (*smithy.OperationError)(nil); errors.As(err, &op); err = op.Err {
		if op.ServiceID == metadataService {
			return true
		}
	}
	return strings.Contains(err.Error(), "empty EC2 IMDS role list") // the SDK has no type for it
}

// classify is s3Error without the remedies of where the credentials come from.
func classify(err error, key string) error {
	if e := (*target.Error)(nil); errors.As(err, &e) {
		return err // ours, from below the SDK
	}
	if unsigned(err) {
		return credentialsError(err) // no request was made; an answer in it is not the store's
	}
	var api smithy.APIError
	var answer *awshttp.ResponseError
	status, header := 0, http.Header{}
	if errors.As(err, &answer) && answer.Response != nil {
		status, header = answer.HTTPStatusCode(), answer.Response.Header
	}
	said := errors.As(err, &api)
	if !(said && inItsOwnWords(api, status)) {
		if e := notOfStore(answer, status, key, err); e != nil {
			return e
		}
	}
	if said {
		return apiError(api, status, header, key, err)
	}
	if status != 0 {
		// An answer that could not be read, such as a page of a proxy or a 200 with
		// half a body.
		code, ok := statusCodes[status]
		if !ok {
			code = target.CodeServerError
		}
		e := mayBeDone(ofRedirect(target.NewError(code, key, fmt.Sprintf("status %d: unreadable answer", status)+sentTo(status, header), err), status, header))
		e.Unknown = e.Unknown || status < 300 || status >= 500
		return e
	}
	return transportError(err, key)
}

// isPage tells an answer for people: no S3 store gives one for a request of its
// API, but that the type of an answer without a body means nothing.
func isPage(answer *http.Response) bool {
	return strings.HasPrefix(strings.ToLower(answer.Header.Get("Content-Type")), "text/html") &&
		(answer.Request == nil || answer.Request.Method != http.MethodHead)
}

// skewText says by how much, and which way, this machine's clock differs from the answer's.
func skewText(now time.Time, header http.Header) string {
	theirs, err := http.ParseTime(header.Get("Date"))
	switch off := now.Sub(theirs).Round(time.Second); {
	case err != nil || off.Abs() < time.Minute:
		return ""
	case off > 0:
		return fmt.Sprintf(": this machine's clock is %s ahead of the target's", off)
	default:
		return fmt.Sprintf(": this machine's clock is %s behind the target's", -off)
	}
}

// inItsOwnWords tells a code that the store gave from one that the SDK made out of
// the status, because it found none.
func inItsOwnWords(api smithy.APIError, status int) bool {
	_, known := s3Codes[api.ErrorCode()]
	return known && api.ErrorMessage() != http.StatusText(status)
}

func apiError(api smithy.APIError, status int, header http.Header, key string, err error) error {
	code, ok := codeOf(api.ErrorCode(), api.ErrorMessage())
	if !ok {
		code, ok = statusCodes[status]
	}
	switch {
	case ok:
	case status >= 500 && status != http.StatusNotImplemented:
		code = target.CodeServerError
	default:
		code = target.CodeRefused
	}
	cause := api.ErrorCode()
	if m := api.ErrorMessage(); m != "" {
		cause += ": " + m
	}
	if status != 0 {
		cause = fmt.Sprintf("status %d: %s", status, cause)
	}
	if region := header.Get("X-Amz-Bucket-Region"); code == target.CodeWrongRegion && region != "" {
		cause += ": the bucket is in " + region
	}
	cause += sentTo(status, header)
	if code == target.CodeCannotCompare {
		cause = strings.TrimSuffix(cause, ".") + ": the object is not under the key of SSE-C that the request had, or had not (--sse-c-key)"
	}
	if code == target.CodeClockSkew {
		cause = strings.TrimSuffix(cause, ".") + skewText(time.Now(), header)
	}
	return mayBeDone(ofRedirect(advised(target.NewError(code, key, withoutKey(cause, key), err), accountRemedies[api.ErrorCode()]), status, header))
}

// credentialsError is for calls that could not be signed.
func credentialsError(err error) error {
	if e := (*target.Error)(nil); errors.As(err, &e) {
		return err
	}
	var api smithy.APIError
	var expired *ssocreds.InvalidTokenError
	var empty *credentials.StaticCredentialsEmptyError
	var process *processcreds.ProviderError // of a role: withProcess has the others
	code := target.CodeCredentialsRefused
	switch {
	case errors.As(err, &expired), errors.As(err, &api) && s3Codes[api.ErrorCode()] == target.CodeCredentialsExpired:
		code = target.CodeCredentialsExpired
	case errors.As(err, &empty), ofMetadata(err):
		code = target.CodeCredentialsMissing
	}
	cause := lastCause(err)
	if errors.As(err, &process) {
		cause = "the credential_process of the AWS profile failed: " + processFault(err) + "; what it wrote stands above"
		return advised(target.NewError(code, "", cause, err), remedyProcess)
	}
	return target.NewError(code, "", target.Clip(cause), err)
}

// mayBeDone fills the class of internal codes and marks what the store may have
// done before it failed.
func mayBeDone(e *target.Error) *target.Error {
	switch e.Code {
	case target.CodeRestart:
		e.Class = target.Retryable
	case target.CodeServerError, target.CodeConnectionLost:
		e.Unknown = true
	}
	return e
}

// withoutKey keeps names of files out of causes, which are journalled.
func withoutKey(cause, key string) string {
	if key != "" && strings.Contains(cause, key) {
		cause = regexp.MustCompile(`(^|\W)`+regexp.QuoteMeta(key)+`(\W|$)`).ReplaceAllString(cause, "$1<key>$2")
	}
	return target.Clip(cause)
}

// transportError is for calls without any answer.
func transportError(err error, key string) error {
	var (
		dns      *net.DNSError
		op       *net.OpError
		verify   *tls.CertificateVerificationError
		unknownA x509.UnknownAuthorityError
		host     x509.HostnameError
		header   tls.RecordHeaderError
	)
	if own := noSocket(key, err); own != nil {
		return own
	}
	cause := withoutKey(lastCause(err), key)
	switch {
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &header):
		return advised(target.NewError(target.CodeTargetUntrusted, key, cause+": no TLS is spoken there; if that is meant, the endpoint begins with http://", err), remedyHTTP)
	case errors.As(err, &verify), errors.As(err, &unknownA), errors.As(err, &host):
		return target.NewError(target.CodeTargetUntrusted, key, cause, err)
	case errors.As(err, &op) && clientRefused(op):
		return target.NewError(target.CodeCredentialsRefused, key, cause+": the target asks for a client certificate that it trusts (--client-cert), or speaks another TLS", err)
	case errors.As(err, &op) && (op.Op == "proxyconnect" || strings.HasPrefix(op.Op, "socks")):
		return target.NewError(target.CodeTargetAbsent, key, "proxy: "+cause, err)
	case errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial":
		return target.NewError(target.CodeTargetAbsent, key, cause, err)
	case errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		return target.Unknown(target.NewError(target.CodeConnectionLost, key, "cancelled", err))
	case !onTheWay(err):
		return target.Unknown(target.NewError(target.CodeInternal, key, cause, err))
	}
	return target.Unknown(target.NewError(target.CodeConnectionLost, key, cause, err))
}

// onTheWay reports whether an error is of a request or an answer on its way. What the SDK says
// before it sends anything, of its own parameters or endpoints, is not.
func onTheWay(err error) bool {
	var (
		send    *smithyhttp.RequestSendError
		answer  *smithy.DeserializationError
		cancel  *smithy.CanceledError
		network net.Error
	)
	return errors.As(err, &send) || errors.As(err, &answer) || errors.As(err, &cancel) || errors.As(err, &network) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed) || errors.Is(err, context.DeadlineExceeded)
}

// clientRefused knows the alerts of TLS by which a server refuses the client's
// certificate, or its absence. crypto/tls has no more than a text of them.
func clientRefused(op *net.OpError) bool {
	text := op.Error()
	if op.Op != "remote error" {
		return false
	}
	for _, alert := range []string{"certificate", "access denied", "handshake failure"} { // the last one is that of TLS 1.2
		if strings.Contains(text, alert) {
			return true
		}
	}
	return false
}

// lastCause is the innermost text: the SDK wraps many times.
func lastCause(err error) string {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err.Error()
		}
		if op := (*net.OpError)(nil); errors.As(err, &op) {
			return op.Error()
		}
		err = next
	}
}
