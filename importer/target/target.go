package target

import (
	"context"
	"io"
	"time"
)

// Object is what a store says about an object.
type Object struct {
	Size         int64
	ETag         string
	VersionID    string
	SHA256       string // base64, of a multipart object with or without "-N"; "" if the store has none
	CRC64NVME    string // base64
	ChecksumType string // COMPOSITE, FULL_OBJECT or ""
	Metadata     map[string]string
	Shown        Shown
}

// Reader reads from a store: all that VerifyObjects needs.
type Reader interface {
	// Head describes the current version of a key, with checksums. A key that
	// does not exist is an error for which IsNotFound is true.
	Head(ctx context.Context, key string) (Object, error)

	// Get gives an object's bytes; version "" is the current one.
	Get(ctx context.Context, key, version string) (io.ReadCloser, error)
}

// Target is a bucket. Its methods make one attempt each, never retry, and may be
// called at once from many goroutines. They return nil only after the store's
// own positive answer. Other errors than the context's are *Error, and Unknown
// is set wherever the call may have had its effect.
type Target interface {
	Reader
	Further

	// Put stores an object by one request.
	Put(ctx context.Context, in PutRequest) (Stored, error)

	// CreateUpload begins a multipart upload with composite SHA-256 checksums.
	CreateUpload(ctx context.Context, in CreateRequest) (uploadID string, err error)

	// UploadPart stores one part.
	UploadPart(ctx context.Context, in PartRequest) (etag string, err error)

	// CompleteUpload makes the object out of the parts.
	CompleteUpload(ctx context.Context, in CompleteRequest) (Stored, error)

	// AbortUpload forgets an upload; one that the store does not know is no error.
	AbortUpload(ctx context.Context, key, uploadID string) error

	// ListParts calls f for each part that the store holds, ascending.
	ListParts(ctx context.Context, key, uploadID string, f func(Part) error) error

	// ListUploads calls f for each unfinished upload of exactly this key.
	ListUploads(ctx context.Context, key string, f func(Upload) error) error

	// Delete removes an object, or a version of it. The importer calls it for objects of
	// its own alone: a probe's, its journal's and its marker's, and a cancel's.
	Delete(ctx context.Context, key, version string) error
}

// PutRequest is one object in one request. Exactly Size bytes of Body are sent.
type PutRequest struct {
	Key        string
	Body       io.ReadSeeker
	Size       int64
	SHA256     [32]byte // of the body, sent as its checksum and as the signed payload hash
	Metadata   map[string]string
	Attributes Attributes
	IfAbsent   bool // on condition that the key does not exist
}

// CreateRequest begins an upload.
type CreateRequest struct {
	Key        string
	Metadata   map[string]string
	Attributes Attributes
}

// PartRequest is one part of an upload.
type PartRequest struct {
	Key      string
	UploadID string
	Number   int // from 1
	Body     io.ReadSeeker
	Size     int64
	SHA256   [32]byte
}

// CompleteRequest finishes an upload of parts 1…len(Parts).
type CompleteRequest struct {
	Key       string
	UploadID  string
	Parts     []Part
	Size      int64
	Composite string // base64 "-N"
	IfAbsent  bool
}

// Part is one stored part.
type Part struct {
	Number int
	Size   int64
	ETag   string
	SHA256 string // base64; "" if the store does not say
}

// Stored is a store's answer to a write, in the words of Object.
type Stored struct {
	ETag         string
	VersionID    string
	SHA256       string
	ChecksumType string
}

// Stored is what an answer to a write that tells all of it would have told.
func (o Object) Stored() Stored { return Stored{o.ETag, o.VersionID, o.SHA256, o.ChecksumType} }

// Upload is one unfinished upload.
type Upload struct {
	Key       string
	ID        string
	Initiated time.Time
	Initiator string // the store's id of who began it; "" if it does not say
}

// IsNotFound tells a key that does not exist from other errors.
func IsNotFound(err error) bool { return HasCode(err, CodeNotFound) }

// NotFound is a Target's answer to Head and Get for a key that does not exist.
func NotFound(key string) *Error {
	return &Error{Code: CodeNotFound, Path: key, Class: FatalObject}
}

// KeyExists is a Target's answer to a conditional write whose key exists.
func KeyExists(key string) *Error {
	return &Error{Code: CodeKeyExists, Path: key, Class: FatalObject}
}

// Restart is a Target's answer to a conditional Complete that met another
// writer: the upload has to begin anew.
func Restart(key string) *Error {
	return &Error{Code: CodeRestart, Path: key, Class: Retryable}
}

// NullVersion is the version id of what a bucket stores while it keeps no versions. A later
// object of the key has the same.
const NullVersion = "null"

// sameObject reports whether a later look has shown the same object.
func (o Object) SameObject(later Object) bool {
	return o.ETag == later.ETag && o.VersionID == later.VersionID && o.Size == later.Size
}

// isVersion reports whether the object's version id is its own for good.
func (o Object) IsVersion() bool { return o.VersionID != "" && o.VersionID != NullVersion }
