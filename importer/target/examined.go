package target

import "context"

// Examined is a Target that ProbeTarget can ask for more than an import needs.
// Like a Target's, its methods make one attempt each.
type Examined interface {
	Target

	// PutAs stores an object with what a probe wants to see judged.
	PutAs(ctx context.Context, in PutAs) error

	// CreateCRC begins an upload with one CRC64NVME of the whole object.
	CreateCRC(ctx context.Context, key string, a Attributes) (uploadID string, err error)

	// FinishCRC sends its only part and completes it with these checksums.
	FinishCRC(ctx context.Context, key, uploadID string, content []byte, part, whole string) error

	// Attributes is what GetObjectAttributes says of an object and its parts.
	Attributes(ctx context.Context, key string) (Object, []Part, error)

	// ObjectLock describes the bucket's object lock; "" is none.
	ObjectLock(ctx context.Context) (string, error)

	// ListSome lists up to 100 keys that begin with a prefix.
	ListSome(ctx context.Context, prefix string) ([]string, error)
}

// PutAs is an object of a probe.
type PutAs struct {
	Key          string
	Content      []byte
	Payload      *[32]byte // x-amz-content-sha256, right or wrong; nil: the content's
	CRC64NVME    string    // base64, right or wrong; "": none is sent
	Metadata     map[string]string
	StorageClass string     // "": none is sent
	Attributes   Attributes // of which encryption, tags and lock are sent
}
