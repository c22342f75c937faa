package importer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// s3Codes maps the store's own error codes (S3 API reference, "Error
// responses"; the X… ones are MinIO's) to ours. All of them say that nothing was
// done, but those of class Retryable that come from inside the store.
var s3Codes = map[string]Code{
	"NoSuchBucket":                       CodeNoSuchBucket,
	"InvalidBucketName":                  CodeNoSuchBucket,
	"NoSuchKey":                          codeNotFound,
	"NotFound":                           codeNotFound,
	"NoSuchUpload":                       CodeUploadGone,
	"PreconditionFailed":                 codeKeyExists,
	"ConditionalRequestConflict":         codeRestart,
	"BadDigest":                          CodeDigestRefused,
	"XAmzContentChecksumMismatch":        CodeDigestRefused,
	"XAmzContentSHA256Mismatch":          CodeDigestRefused,
	"InvalidAccessKeyId":                 CodeCredentialsRefused,
	"XAdminUserNotFound":                 CodeCredentialsRefused, // versitygw
	"SignatureDoesNotMatch":              CodeCredentialsRefused,
	"ExpiredToken":                       CodeCredentialsRefused,
	"InvalidToken":                       CodeCredentialsRefused,
	"TokenRefreshRequired":               CodeCredentialsRefused,
	"InvalidSecurity":                    CodeCredentialsRefused,
	"AccessDenied":                       CodeAccessDenied,
	"AllAccessDisabled":                  CodeAccessDenied,
	"AccountProblem":                     CodeAccessDenied,
	"Forbidden":                          CodeAccessDenied,
	"RequestTimeTooSkewed":               CodeClockSkew,
	"PermanentRedirect":                  CodeWrongRegion,
	"TemporaryRedirect":                  CodeWrongRegion,
	"AuthorizationHeaderMalformed":       CodeWrongRegion,
	"IllegalLocationConstraintException": CodeWrongRegion,
	"MovedPermanently":                   CodeWrongRegion,
	"SlowDown":                           CodeThrottled,
	"SlowDownRead":                       CodeThrottled,
	"SlowDownWrite":                      CodeThrottled,
	"ServiceUnavailable":                 CodeThrottled,
	"Throttling":                         CodeThrottled,
	"ThrottlingException":                CodeThrottled,
	"RequestLimitExceeded":               CodeThrottled,
	"TooManyRequests":                    CodeThrottled,
	"RequestTimeout":                     CodeConnectionLost,
	"IncompleteBody":                     CodeConnectionLost,
	"InternalError":                      CodeServerError,
	"OperationAborted":                   CodeServerError,
	"InvalidStorageClass":                CodeAttributeRefused,
	"InvalidTag":                         CodeAttributeRefused,
	"InvalidEncryptionAlgorithmError":    CodeAttributeRefused,
	"KMS.NotFoundException":              CodeAttributeRefused,
	"KMS.DisabledException":              CodeAttributeRefused,
	"KMS.KMSInvalidStateException":       CodeAttributeRefused,
	"KMS.InvalidKeyUsageException":       CodeAttributeRefused,
	"EntityTooLarge":                     CodeTooLarge,
	"KeyTooLongError":                    CodeKeyInvalid,
	"XMinioInvalidObjectName":            CodeKeyInvalid,
	"QuotaExceeded":                      CodeTargetFull,
	"InsufficientCapacity":               CodeTargetFull,
	"XMinioStorageFull":                  CodeTargetFull,
}

// statusCodes is for answers without a code that is known. 404 is not among
// them: for HEAD, which has no body, the SDK says NotFound itself.
var statusCodes = map[int]Code{
	http.StatusMovedPermanently:    CodeWrongRegion,
	http.StatusTemporaryRedirect:   CodeWrongRegion,
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
	if e := (*Error)(nil); errors.As(err, &e) {
		return err // ours, from below the SDK
	}
	var api smithy.APIError
	var answer *awshttp.ResponseError
	status := 0
	if errors.As(err, &answer) {
		status = answer.HTTPStatusCode()
	}
	if errors.As(err, &api) {
		return apiError(api, status, key, err)
	}
	if status != 0 {
		// An answer that could not be read, such as a page of a proxy or a 200 with
		// half a body.
		code, ok := statusCodes[status]
		if !ok {
			code = CodeServerError
		}
		e := mayBeDone(newError(code, key, fmt.Sprintf("status %d: unreadable answer", status), err))
		e.Unknown = e.Unknown || status < 300 || status >= 500
		return e
	}
	return transportError(err, key)
}

func apiError(api smithy.APIError, status int, key string, err error) error {
	code, ok := s3Codes[api.ErrorCode()]
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
	return mayBeDone(newError(code, key, withoutKey(cause, key), err))
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
	cause := withoutKey(lastCause(err), key)
	switch {
	case errors.As(err, &verify), errors.As(err, &unknownA), errors.As(err, &host), errors.As(err, &header),
		strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return newError(CodeTargetUntrusted, key, cause, err)
	case errors.As(err, &dns), errors.As(err, &op) && op.Op == "dial":
		return newError(CodeTargetAbsent, key, cause, err)
	case strings.Contains(err.Error(), "get identity"), strings.Contains(err.Error(), "failed to refresh cached credentials"):
		return newError(CodeCredentialsRefused, key, cause, err)
	case errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded):
		return unknown(newError(CodeConnectionLost, key, "cancelled", err))
	}
	return unknown(newError(CodeConnectionLost, key, cause, err))
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
