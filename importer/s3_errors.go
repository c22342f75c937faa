package importer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/credentials/processcreds"
	"github.com/aws/aws-sdk-go-v2/credentials/ssocreds"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// s3Codes maps the store's own error codes (S3 API reference, "Error
// responses"; the X… ones are MinIO's) to ours. All of them say that nothing was
// done, but those of class Retryable that come from inside the store.
var s3Codes = map[string]Code{
	"NoSuchBucket":                         CodeNoSuchBucket,
	"InvalidBucketName":                    CodeNoSuchBucket,
	"NoSuchKey":                            codeNotFound,
	"NotFound":                             codeNotFound,
	"NoSuchUpload":                         CodeUploadGone,
	"InvalidPart":                          codePartGone,
	"PreconditionFailed":                   codeKeyExists,
	"ConditionalRequestConflict":           codeRestart,
	"BadDigest":                            CodeDigestRefused,
	"XAmzContentChecksumMismatch":          CodeDigestRefused,
	"XAmzContentSHA256Mismatch":            CodeDigestRefused,
	"InvalidAccessKeyId":                   CodeCredentialsRefused,
	"XAdminUserNotFound":                   CodeCredentialsRefused, // versitygw
	"SignatureDoesNotMatch":                CodeCredentialsRefused,
	"InvalidToken":                         CodeCredentialsRefused,
	"InvalidSecurity":                      CodeCredentialsRefused,
	"UserSuspended":                        CodeCredentialsRefused, // Ceph
	"NotSignedUp":                          CodeCredentialsRefused,
	"UnauthorizedAccess":                   CodeCredentialsRefused, // AWS China
	"ExpiredToken":                         CodeCredentialsExpired,
	"ExpiredTokenException":                CodeCredentialsExpired, // STS, SSO
	"TokenRefreshRequired":                 CodeCredentialsExpired,
	"AccessDenied":                         CodeAccessDenied,
	"AllAccessDisabled":                    CodeAccessDenied,
	"AccountProblem":                       CodeAccessDenied,
	"Forbidden":                            CodeAccessDenied,
	"InvalidObjectState":                   CodeArchived,
	"RequestTimeTooSkewed":                 CodeClockSkew,
	"RequestExpired":                       CodeClockSkew,
	"AccessForbidden":                      CodeAccessDenied,
	"ObjectLocked":                         CodeObjectLocked, // MinIO
	"KMSNotConfigured":                     CodeKMSKey,       // MinIO
	"ObjectLockConfigurationNotFoundError": codeNotFound,
	"InvalidBucketState":                   CodeNoObjectLock,
	"PermanentRedirect":                    CodeWrongRegion,
	"TemporaryRedirect":                    CodeWrongRegion,
	"AuthorizationHeaderMalformed":         CodeWrongRegion,
	"IllegalLocationConstraintException":   CodeWrongRegion,
	"MovedPermanently":                     CodeWrongRegion,
	"SlowDown":                             CodeThrottled,
	"SlowDownRead":                         CodeThrottled,
	"SlowDownWrite":                        CodeThrottled,
	"ServiceUnavailable":                   CodeThrottled,
	"Throttling":                           CodeThrottled,
	"ThrottlingException":                  CodeThrottled,
	"RequestLimitExceeded":                 CodeThrottled,
	"TooManyRequests":                      CodeThrottled,
	"RequestTimeout":                       CodeConnectionLost,
	"IncompleteBody":                       CodeConnectionLost,
	"InternalError":                        CodeServerError,
	"OperationAborted":                     CodeServerError,
	"EntityTooLarge":                       CodeTooLarge,
	"KeyTooLongError":                      CodeKeyInvalid,
	"XMinioInvalidObjectName":              CodeKeyInvalid,
	"BandwidthLimitExceeded":               CodeThrottled,
	"QuotaExceeded":                        CodeTargetFull,
	"XMinioAdminBucketQuotaExceeded":       CodeTargetFull,
	"InsufficientStorage":                  CodeTargetFull,
	"InsufficientCapacity":                 CodeTargetFull,
	"XMinioStorageFull":                    CodeTargetFull,
	"InvalidStorageClass":                  CodeAttributeRefused,
	"AccessControlListNotSupported":        CodeAttributeRefused,
	"InvalidTag":                           CodeAttributeRefused,
	"InvalidEncryptionAlgorithmError":      CodeAttributeRefused,
}

// s3Texts are for codes that mean several things, told apart by the message
// alone: the first entry that fits counts. "" is any code.
var s3Texts = []struct {
	code, text string // text in lower case
	is         Code
}{
	{"AccessDenied", "explicit deny", CodePolicyDenied},
	{"AccessDenied", "service control policy", CodePolicyDenied},
	{"AccessDenied", "kms:", CodeKMSKey},
	{"AccessDenied", "object lock", CodeObjectLocked},
	{"AccessDenied", "object is locked", CodeObjectLocked},
	{"AccessDenied", "storage cap exceeded", CodeTargetFull}, // B2
	{"AccessDenied", "request has expired", CodeClockSkew},
	{"InvalidRequest", "object lock configuration", CodeNoObjectLock},
	{"InvalidRequest", "encryption parameters are not applicable", CodeCannotCompare}, // no object of SSE-C, and a key was sent
	{"InvalidRequest", "a form of server side encryption", CodeCannotCompare},         // one of SSE-C, and none was sent
	{"", "worm protected", CodeObjectLocked},                                          // MinIO
}

// codeOf is what a store's own code and message mean.
func codeOf(code, message string) (Code, bool) {
	message = strings.ToLower(message)
	for _, t := range s3Texts {
		if (t.code == "" || t.code == code) && strings.Contains(message, t.text) {
			return t.is, true
		}
	}
	if code == "KMS.NotFoundException" {
		return CodeAttributeRefused, true // a key that there is not
	}
	if strings.HasPrefix(code, "KMS.") {
		return CodeKMSKey, true
	}
	known, ok := s3Codes[code]
	return known, ok
}

// statusCodes is for answers without a code that is known. 404 is not among
// them: for HEAD, which has no body, the SDK says NotFound itself.
var statusCodes = map[int]Code{
	http.StatusMovedPermanently:    CodeWrongRegion,
	http.StatusFound:               CodeWrongRegion,
	http.StatusTemporaryRedirect:   CodeWrongRegion,
	http.StatusPermanentRedirect:   CodeWrongRegion,
	http.StatusUnauthorized:        CodeCredentialsRefused,
	http.StatusForbidden:           CodeAccessDenied,
	http.StatusRequestTimeout:      CodeConnectionLost,
	http.StatusPreconditionFailed:  codeKeyExists,
	http.StatusTooManyRequests:     CodeThrottled,
	http.StatusServiceUnavailable:  CodeThrottled,
	http.StatusInsufficientStorage: CodeTargetFull,
}

// s3Error turns an SDK error into ours: what it means and whether the call may
// have had its effect. nil stays nil.
func s3Error(err error, key string) error {
	if err == nil {
		return nil
	}
	ours := classify(err, key)
	if e := (*Error)(nil); errors.As(ours, &e) {
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
	if e := (*Error)(nil); errors.As(err, &e) {
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
			code = CodeServerError
		}
		e := mayBeDone(NewError(code, key, fmt.Sprintf("status %d: unreadable answer", status)+sentTo(status, header), err))
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
		code = CodeServerError
	default:
		code = CodeRefused
	}
	cause := api.ErrorCode()
	if m := api.ErrorMessage(); m != "" {
		cause += ": " + m
	}
	if status != 0 {
		cause = fmt.Sprintf("status %d: %s", status, cause)
	}
	if region := header.Get("X-Amz-Bucket-Region"); code == CodeWrongRegion && region != "" {
		cause += ": the bucket is in " + region
	}
	cause += sentTo(status, header)
	if code == CodeCannotCompare {
		cause = strings.TrimSuffix(cause, ".") + ": the object is not under the key of SSE-C that the request had, or had not (--sse-c-key)"
	}
	if code == CodeClockSkew {
		cause = strings.TrimSuffix(cause, ".") + skewText(time.Now(), header)
	}
	return mayBeDone(advised(NewError(code, key, withoutKey(cause, key), err), accountRemedies[api.ErrorCode()]))
}

// sentTo names the host that a redirect names. It is not followed: its answer would be taken
// for the store's. The rest of the URL holds the key.
func sentTo(status int, header http.Header) string {
	to, err := url.Parse(header.Get("Location"))
	if status < 300 || status >= 400 || err != nil || to.Host == "" {
		return ""
	}
	return fmt.Sprintf(": it sends to %s://%s, which was not followed", to.Scheme, to.Host)
}

// credentialsError is for calls that could not be signed.
func credentialsError(err error) error {
	if e := (*Error)(nil); errors.As(err, &e) {
		return err
	}
	var api smithy.APIError
	var expired *ssocreds.InvalidTokenError
	var empty *credentials.StaticCredentialsEmptyError
	var process *processcreds.ProviderError // of a role: withProcess has the others
	code := CodeCredentialsRefused
	switch {
	case errors.As(err, &expired), errors.As(err, &api) && s3Codes[api.ErrorCode()] == CodeCredentialsExpired:
		code = CodeCredentialsExpired
	case errors.As(err, &empty), ofMetadata(err):
		code = CodeCredentialsMissing
	}
	cause := lastCause(err)
	if errors.As(err, &process) {
		cause = "the credential_process of the AWS profile failed: " + processFault(err) + "; what it wrote stands above"
		return advised(NewError(code, "", cause, err), remedyProcess)
	}
	return NewError(code, "", clip(cause), err)
}

// mayBeDone fills the class of internal codes and marks what the store may have
// done before it failed.
func mayBeDone(e *Error) *Error {
	switch e.Code {
	case codeRestart:
		e.Class = Retryable
	case CodeServerError, CodeConnectionLost:
		e.Unknown = true
	}
	return e
}

// withoutKey keeps names of files out of causes, which are journalled.
func withoutKey(cause, key string) string {
	if key != "" && strings.Contains(cause, key) {
		cause = regexp.MustCompile(`(^|\W)`+regexp.QuoteMeta(key)+`(\W|$)`).ReplaceAllString(cause, "$1<key>$2")
	}
	return clip(cause)
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
		return advised(NewError(CodeTargetUntrusted, key, cause+": no TLS is spoken there; if that is meant, the endpoint begins with http://", err), remedyHTTP)
	case errors.As(err, &verify), errors.As(err, &unknownA), errors.As(err, &host):
		return NewError(CodeTargetUntrusted, key, cause, err)
	case errors.As(err, &op) && clientRefused(op):
		return NewError(CodeCredentialsRefused, key, cause+": the target asks for a client certificate that it trusts (--client-cert), or speaks another TLS", err)
	case errors.As(err, &op) && (op.Op == "proxyconnect" || strings.HasPrefix(op.Op, "socks")):
		return NewError(CodeTargetAbsent, key, "proxy: "+cause, err)
	case errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial":
		return NewError(CodeTargetAbsent, key, cause, err)
	case errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		return unknown(NewError(CodeConnectionLost, key, "cancelled", err))
	case !onTheWay(err):
		return unknown(NewError(CodeInternal, key, cause, err))
	}
	return unknown(NewError(CodeConnectionLost, key, cause, err))
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
