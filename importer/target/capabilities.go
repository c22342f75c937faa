package target

import "context"

// Capabilities says what a Target can do beyond what every one must. Nothing is looked for by a
// type assertion: a Target that wraps another one forwards all of it, or does not compile.
// What is not said here is not used, and where it is needed the run is refused.
type Capabilities struct {
	List             bool // List; a journal in the target needs it
	ListUploads      bool // ListUploadsBelow
	DeleteSeen       bool // DeleteSeen; without it a delete rests on a fresh look alone
	DefaultRetention bool // DefaultRetention
	Renew            bool // Renew
	Endpoint         bool // Endpoint; without it the endpoint is that of the options
}

// Further are the methods of a Target's capabilities. One whose capability is not there is not
// called; Plain has all of them.
type Further interface {
	Capabilities() Capabilities

	// List gives one page of the objects below a prefix and the token of the next
	// page, "" after the last. One attempt, as Head.
	List(ctx context.Context, prefix, after string) (page []Listed, next string, err error)

	// ListUploadsBelow calls f for each unfinished upload below a prefix. MinIO knows the
	// prefix of an upload only where it is the whole key: nothing is found there.
	ListUploadsBelow(ctx context.Context, prefix string, f func(Upload) error) error

	// DeleteSeen removes an object only if it still has this ETag. A store may refuse the
	// condition, or ignore it.
	DeleteSeen(ctx context.Context, key, version, etag string) error

	// DefaultRetention tells what the bucket gives to each new object.
	DefaultRetention(ctx context.Context) (Retention, error)

	// Renew takes up what the environment, the shared files or SSO give now, while calls are
	// running, so that a run which waits for renewed credentials goes on by itself. An error
	// leaves everything as it was.
	Renew(ctx context.Context) error

	// Endpoint is where the requests go; "" is AWS.
	Endpoint() string
}

// Plain is embedded by a Target that has none of the capabilities.
type Plain struct{}

var _ Further = Plain{}

func (Plain) Capabilities() Capabilities { return Capabilities{} }

// Cannot is the answer of a method whose capability a target does not have.
func Cannot(what string) error {
	return NewError(CodeRefused, "", what+": this target has no such call", nil)
}

func (Plain) List(context.Context, string, string) ([]Listed, string, error) {
	return nil, "", Cannot("List")
}

func (Plain) ListUploadsBelow(context.Context, string, func(Upload) error) error {
	return Cannot("ListUploadsBelow")
}

func (Plain) DeleteSeen(context.Context, string, string, string) error { return Cannot("DeleteSeen") }

func (Plain) DefaultRetention(context.Context) (Retention, error) {
	return Retention{}, Cannot("DefaultRetention")
}

func (Plain) Renew(context.Context) error { return Cannot("Renew") }

func (Plain) Endpoint() string { return "" }
