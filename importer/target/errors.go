package target

import (
	"context"
	"errors"
	"fmt"
)

// Code names a failure. Codes are stable: receipts and scripts hold them.
type Code string

// The codes; codeTable says what each means and what to do about it.
const (
	CodeTargetAbsent       Code = "target-absent"
	CodeTargetUntrusted    Code = "target-untrusted"
	CodeCredentialsRefused Code = "credentials-refused"
	CodeCredentialsExpired Code = "credentials-expired"
	CodeCredentialsMissing Code = "credentials-missing"
	CodeAccessDenied       Code = "access-denied"
	CodePolicyDenied       Code = "policy-denied"
	CodeKMSKey             Code = "kms-key"
	CodeObjectLocked       Code = "object-locked"
	CodeNoObjectLock       Code = "no-object-lock"
	CodeNotS3              Code = "not-s3"
	CodeNoSuchBucket       Code = "no-such-bucket"
	CodeWrongRegion        Code = "wrong-region"
	CodeClockSkew          Code = "clock-skew"
	CodeTargetFull         Code = "target-full"
	CodeNotChecking        Code = "not-checking"
	CodeNoConditions       Code = "no-conditional-writes"
	CodeConflict           Code = "key-exists-conflict"
	CodeCannotCompare      Code = "cannot-compare"
	CodeThrottled          Code = "throttled"
	CodeServerError        Code = "server-error"
	CodeConnectionLost     Code = "connection-lost"
	CodeRefused            Code = "refused"
	CodeUploadGone         Code = "upload-gone"
	CodeDigestRefused      Code = "digest-refused"
	CodeStoredWrong        Code = "stored-wrong"
	CodeNotProven          Code = "not-proven"
	CodeMissing            Code = "missing"
	CodeChangedSince       Code = "changed-since"
	CodeExtraObject        Code = "extra-object"
	CodeKeyInvalid         Code = "key-invalid"
	CodeKeyCollision       Code = "key-collision"
	CodeTooLarge           Code = "too-large"
	CodeSourceLost         Code = "source-lost"
	CodeSourceCorrupt      Code = "source-corrupt"
	CodeStateLocked        Code = "state-locked"
	CodeStateMismatch      Code = "state-mismatch"
	CodeJournalFull        Code = "journal-full"
	CodeJournalLost        Code = "journal-lost"
	CodeOrphanUpload       Code = "orphan-upload"
	CodeProbeLeft          Code = "probe-left"
	CodeProcessLimit       Code = "process-limit"
	CodePageLost           Code = "page-lost"
	CodeTakenOver          Code = "taken-over"
	CodeTargetJournal      Code = "target-journal"
	CodeJournalLeft        Code = "journal-left"
	CodeTooManyHeld        Code = "too-many-held"
	CodeNotPublished       Code = "not-published"
	CodeCanceled           Code = "canceled"
	CodeTargetChanged      Code = "target-changed"
	CodeAttributeDropped   Code = "attribute-dropped"
	CodeAttributeMissing   Code = "attribute-missing"
	CodeAttributeRefused   Code = "attribute-refused"
	CodeArchived           Code = "archived"
	CodeNotShown           Code = "not-shown"
	CodeKeptByDefault      Code = "kept-by-default"
	CodeInternal           Code = "internal"
)

// codes that never leave the package: they are answers, not failures.
const (
	CodeNotFound  Code = "not-found"
	CodeKeyExists Code = "key-exists"
	CodeRestart   Code = "restart-upload"
	CodePartGone  Code = "part-gone"
)

// Class says who can do something about an error.
type Class uint8

// The classes. Retryable errors were tried again a bounded number of times
// before they are seen by a caller; Fixable ones halt the run for the operator,
// and the same call goes on; FatalObject ones end one object; a Warning ends
// nothing.
const (
	Retryable Class = iota + 1
	Fixable
	FatalObject
	Warning
)

var classNames = [...]string{"", "retryable", "fixable", "fatal for this object", "warning"}

func (c Class) String() string {
	if int(c) < len(classNames) {
		return classNames[c]
	}
	return fmt.Sprintf("class %d", uint8(c))
}

// CodeInfo is one line of the table of codes.
type CodeInfo struct {
	Code    Code
	Class   Class
	Meaning string
	Remedy  string
}

// codeTable is the one list of codes; docs/exit-codes.md repeats it.
var codeTable = []CodeInfo{
	{CodeTargetAbsent, Fixable, "the target cannot be reached", "check the endpoint, the proxy, DNS and the network, then run the same command again"},
	{CodeTargetUntrusted, Fixable, "the target's TLS certificate is not trusted", "check the endpoint's name and the CA bundle, then run the same command again"},
	{CodeCredentialsRefused, Fixable, "the target refuses the credentials", "renew or correct the access key, secret or session token, then run the same command again"},
	{CodeCredentialsExpired, Fixable, "the credentials have expired", "renew the credentials where they come from (`aws sso login`, a new session token in the shared file), then run the same command again"},
	{CodeCredentialsMissing, Fixable, "no credentials were found", "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or name a profile of the shared files by --aws-profile, then run the same command again"},
	{CodeAccessDenied, Fixable, "the credentials may not do this", "grant s3:PutObject, s3:GetObject, s3:ListBucket, s3:AbortMultipartUpload, s3:ListMultipartUploadParts and, for the probe, s3:DeleteObject on the prefix, in a bucket with versions also s3:GetObjectVersion and s3:DeleteObjectVersion (`sledge target probe` names what is lacking; a bucket where the requester pays wants --requester-pays), then run the same command again"},
	{CodePolicyDenied, Fixable, "a policy forbids this", "look for a Deny in the bucket's policy, the organisation's and that of the VPC endpoint: granting rights does not lift it; then run the same command again"},
	{CodeKMSKey, Fixable, "the target cannot use the encryption key", "enable the KMS key and grant kms:GenerateDataKey and kms:Decrypt on it, then run the same command again; or name another key (--kms-key-id) in an import with a new --run-id"},
	{CodeObjectLocked, FatalObject, "the object is under a retention or a legal hold", "nothing needs to be done for an import; it can be removed when its retention has ended"},
	{CodeNoObjectLock, Fixable, "the bucket has no object lock, which a retention needs", "use a bucket with object lock, then run the same command again; or take the lock out of the file of --rules, in an import with a new --run-id"},
	{CodeNotS3, Fixable, "a proxy or a web server answered, not an S3 store", "check the endpoint and the proxy (--proxy, HTTPS_PROXY, NO_PROXY), then run the same command again"},
	{CodeNoSuchBucket, Fixable, "the bucket does not exist", "create the bucket or correct its name, then run the same command again"},
	{CodeWrongRegion, Fixable, "the bucket is in another region, or the store sends elsewhere", "name the bucket's region (--region); where another host is named that is the store, name it (--endpoint), then run the same command again"},
	{CodeClockSkew, Fixable, "this machine's clock and the target's differ too much", "set the clock, then run the same command again"},
	{CodeTargetFull, Fixable, "the target has no space or quota left", "make room, then run the same command again"},
	{CodeNotChecking, Fixable, "the target accepts wrong checksums or tells none, and objects cannot be read back: the wanted proof is out of reach", "grant s3:GetObject, so that objects can be read back, or use a store that verifies SHA-256"},
	{CodeNoConditions, Fixable, "the target has no conditional writes, so it cannot promise not to overwrite", "use another store; or, if nothing else writes below this prefix, allow unconditional writes (--allow-unconditional)"},
	{CodeConflict, FatalObject, "the key exists with other content; it was not touched", "move the other object away, then run the same command again; or give the entry another key (--rules) in an import with a new --run-id"},
	{CodeCannotCompare, FatalObject, "the key exists and cannot be compared: its checksum is of another kind, or it is under another key of SSE-C; it was not touched", "allow a read-back of that size (--read-back-limit), then run the same command again; or give the object's key (--sse-c-key) in an import with a new --run-id, or move the object away"},
	{CodeArchived, FatalObject, "the object is in an archive class, and cannot be read before it is restored", "restore the object (RestoreObject), or move it away; then run the same command again"},
	{CodeNotShown, FatalObject, "the target refuses the write because the key exists, or GET finds the key, and HEAD says that there is no such key; nothing was overwritten", "look for a cache or a proxy that answers from memory, and reach the store without it (--endpoint, --proxy); look at the key at the store itself; then run the same command again"},
	{CodeThrottled, Retryable, "the target asks to slow down", "let the target rest (a lower --concurrency or --bwlimit asks less of it), then run the same command again"},
	{CodeServerError, Retryable, "the target failed", "look at the target, then run the same command again"},
	{CodeConnectionLost, Retryable, "the connection broke before an answer", "check the network, then run the same command again"},
	{CodeRefused, FatalObject, "the target refuses this request", "see the cause; it is the target's own text"},
	{CodeUploadGone, Retryable, "the target no longer knows the multipart upload", "check for a lifecycle rule that aborts uploads, then run the same command again"},
	{CodeDigestRefused, FatalObject, "the target refused the checksum although the source reads right: the wire or the target corrupts", "check the network and the target's memory, then run the same command again"},
	{CodeStoredWrong, FatalObject, "the target holds other content than was sent", "do not trust this target; look at the object and remove it, then `sledge import run … --run-id NEW` looks at every object and stores what is missing"},
	{CodeNotProven, FatalObject, "the object is stored but the wanted proof could not be had", "import with --read-back, or ask for a lower proof (--min-proof), with a new --run-id"},
	{CodeMissing, FatalObject, "the object is not in the target", "`sledge import run … --run-id NEW` looks at every object and stores what is missing"},
	{CodeChangedSince, FatalObject, "a listing shows that the object was written again after the import", "look at its content: `sledge verify import … --by head`, or --by read-back"},
	{CodeExtraObject, Warning, "an object below the prefix that no receipt names", "find out who wrote it; the import and its receipts are not concerned"},
	{CodeKeyInvalid, FatalObject, "the target cannot hold this key", "give the entry another key (--rules; where they make the key, --strip, --add-prefix or --unicode) in an import with a new --run-id, or extract it to a folder (sledge extract)"},
	{CodeKeyCollision, FatalObject, "the rules give this entry a key that another entry has too, that the target cannot hold beside another, or that sledge keeps for itself", "change keys or entries of --rules, then import with a new --run-id"},
	{CodeTooLarge, FatalObject, "the object is over the target's limits", "extract this entry to a folder (sledge extract), or use another target"},
	{CodeSourceLost, FatalObject, "the entry cannot be read from the disks", "bring more of the device's disks, also damaged ones, or make a lost one anew (sledge rebuild), then run the same command again"},
	{CodeSourceCorrupt, FatalObject, "the entry's bytes do not match the manifest's digest", "bring more of the device's disks, or make a bad one anew (sledge rebuild), then run the same command again"},
	{CodeStateLocked, Fixable, "another process uses this state folder", "wait for it, stop it, or take the run over (--takeover)"},
	{CodeStateMismatch, Fixable, "the state folder belongs to another run or other options", "use the options of the first start, or a new --run-id; another job or device needs its own state folder"},
	{CodeJournalFull, Fixable, "the state folder's disk is full", "make room, then run the same command again"},
	{CodeJournalLost, Fixable, "the state folder's disk failed", "name another state folder (--state): what is stored is found again by its checksum"},
	{CodeProcessLimit, Fixable, "this process may open no more files, or has no memory left; neither disks nor target are to blame", "let it open more files (`ulimit -n 65536`; in a systemd unit LimitNOFILE=65536; of one that runs `prlimit --pid PID --nofile=65536`), then run the same command again"},
	{CodePageLost, Fixable, "a page of the manifest cannot be read, so the entries in it are not known by name", "bring more of the device's disks, also damaged ones, or make a lost one anew (sledge rebuild), then run the same command again"},
	{CodeTakenOver, Fixable, "another process has taken this run over", "leave it to that process; `sledge import status` shows its progress"},
	{CodeTargetJournal, Fixable, "an object of the journal in the target cannot be read", "use the importer key of the run's first host; where the object is damaged or somebody else's, import with a new --run-id"},
	{CodeJournalLeft, Warning, "objects of the run's journal are still in the target", "allow s3:DeleteObject below the prefix's .sledge-journal/, then run the same command again, or remove them by hand"},
	{CodeTooManyHeld, Fixable, "more objects than --defer-complete may hold", "allow more (--defer-complete N), or import without it, with a new --run-id, and have readers wait for a commit marker (--commit-marker)"},
	{CodeNotPublished, Fixable, "entries failed, so nothing was published", "mend what failed, then run the same command again; `sledge import cancel` gives the uploads up"},
	{CodeCanceled, Fixable, "the run was canceled", "import with a new --run-id"},
	{CodeTargetChanged, Fixable, "what earlier starts have stored is not in the target any more, or this is another bucket", "check that endpoint, bucket and credentials are those of the first start, then run the same command again; if objects were removed, `sledge import run … --run-id NEW` looks at every object and stores what is missing"},
	{CodeOrphanUpload, Warning, "a multipart upload may have been left behind", "abort it by hand or by a lifecycle rule if it is of this run"},
	{CodeProbeLeft, Warning, "a temporary object of the probe is still in the target", "remove it by hand, or allow s3:DeleteObject (with versions s3:DeleteObjectVersion) below the prefix's .sledge-probe/"},
	{CodeKeptByDefault, Warning, "the bucket keeps every object for a time, the import's own small ones, too: those below .sledge-probe/ and .sledge-journal/ cannot be removed before that", "nothing is lost by it; to have them removed, allow s3:PutObjectRetention, or use a bucket without default retention"},
	{CodeInternal, FatalObject, "sledge met an error that it does not know: neither the target nor the disks are to blame, and nothing is repeated by itself", "report it with its text and with the lines of --log; what is done is safe, and the same command tries the rest again"},
	{CodeAttributeDropped, Warning, "the target took the object and does not show an attribute that the rules ask for", "look at the object: the target may not have this attribute, or the credentials may not read it (s3:GetObjectTagging, s3:GetObjectRetention, s3:GetObjectLegalHold)"},
	{CodeAttributeMissing, FatalObject, "the object is in the target, and the target does not show the lock or the encryption that the rules ask for", "let the credentials read it (s3:GetObjectRetention, s3:GetObjectLegalHold, kms:DescribeKey), then run the same command again; if it is not there, protect the object by hand, or remove it and import to a target that keeps locks and encryption"},
	{CodeAttributeRefused, Fixable, "the target refuses an attribute that the rules ask for", "correct it (--storage-class, --sse, --tag, or the file of --rules), with a new --run-id once objects are stored; or mend the bucket, the key or the rights, then run the same command again"},
}

// Codes returns the table of codes, for the documentation.
func Codes() []CodeInfo { return append([]CodeInfo(nil), codeTable...) }

// InfoOf is the table's line of a code; one that is not there has no words.
func InfoOf(code Code) CodeInfo {
	for _, info := range codeTable {
		if info.Code == code {
			return info
		}
	}
	return CodeInfo{Code: code, Class: FatalObject}
}

// Error is a failure with everything an operator needs. Cause is one line
// without names of files, so that it may stand in the journal; Path is apart.
type Error struct {
	Code   Code
	Path   string // key or path, exact bytes; "" if the whole target is meant
	Cause  string
	Remedy string
	Class  Class
	// Unknown: the call may have had its effect. Whoever gets it looks before
	// doing anything else.
	Unknown bool
	Err     error
}

func (e *Error) Error() string {
	s := string(e.Code)
	if e.Path != "" {
		s = fmt.Sprintf("%q: %s", e.Path, s)
	}
	if e.Cause != "" {
		s += ": " + e.Cause
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// NewError is an error of a known code, with the class and remedy of the table.
func NewError(code Code, path, cause string, err error) *Error {
	info := InfoOf(code)
	return &Error{Code: code, Path: path, Cause: cause, Remedy: info.Remedy, Class: info.Class, Err: err}
}

// Unknown marks an error of a call that may have had its effect, and returns it.
func Unknown(e *Error) *Error {
	e.Unknown = true
	return e
}

// AsError turns any error into an *Error. What nobody has classified is a fault of our own, of
// which it is not known what had its effect: it is not the target's, and not repeated.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Unknown(NewError(CodeInternal, "", err.Error(), err))
}

// HasCode reports whether an *Error of this code is in the chain.
func HasCode(err error, code Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}

// IsUnknown reports whether the call that failed may have had its effect, by the *Error in the chain.
func IsUnknown(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Unknown
}

// IsClass reports whether an *Error of this class is in the chain.
func IsClass(err error, class Class) bool {
	var e *Error
	return errors.As(err, &e) && e.Class == class
}

// IsCanceled tells the end of our own context. A target that did not answer in time is
// none, though net says so of a dial, too.
func IsCanceled(err error) bool {
	if e := (*Error)(nil); errors.As(err, &e) {
		return false
	}
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
