package importer

import (
	"context"

	"github.com/sledge-io/sledge/importer/target"
)

// present asks for a key by GET. HEAD has no body, so only GET tells a missing
// key from a missing bucket.
func present(ctx context.Context, calls *caller, target target.Reader, key string) error {
	return presentBy(ctx, calls, target, call{name: callGet, key: key})
}

func presentBy(ctx context.Context, calls *caller, target target.Reader, what call) error {
	return calls.idempotent(ctx, what, func(ctx context.Context) error {
		body, err := target.Get(ctx, what.key, "")
		if err != nil {
			return err
		}
		return body.Close()
	})
}
