package request

import (
	"context"
	"io"

	"github.com/sledge-io/sledge/importer/target"
)

// Present asks for a key by GET. HEAD has no body, so only GET tells a missing
// key from a missing bucket.
func Present(ctx context.Context, calls *Caller, target target.Reader, key string) error {
	return PresentBy(ctx, calls, target, Call{Name: GetObject, Key: key})
}

func PresentBy(ctx context.Context, calls *Caller, target target.Reader, what Call) error {
	return calls.Idempotent(ctx, what, func(ctx context.Context) error {
		body, err := target.Get(ctx, what.Key, "")
		if err != nil {
			return err
		}
		return body.Close()
	})
}

// Read gets a version of an object of so many bytes, "" the latest, and gives its content to check.
func Read(ctx context.Context, calls *Caller, from target.Reader, key, version string, size int64, check func(io.Reader) error) error {
	return calls.Idempotent(ctx, Call{Name: GetObject, Key: key, Payload: size}, func(ctx context.Context) error {
		content, err := Get(ctx, from, key, version)
		if err != nil {
			return err
		}
		defer content.Close() // read only
		return check(content)
	})
}

// InWords asks by GET why HEAD was denied or found nothing: its answer has no body to
// tell wrong credentials from a lacking right, or a missing bucket from a missing key.
func InWords(ctx context.Context, calls *Caller, to target.Reader, key string, err error) error {
	if !target.HasCode(err, target.CodeAccessDenied) && !target.IsNotFound(err) {
		return err
	}
	if said := Present(ctx, calls, to, key); said != nil && !target.IsNotFound(said) {
		return said
	}
	return err
}
