package audit

import (
	"context"
	"errors"
	"io"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// ReadObject reads a small object, as a commit marker is, by one GET under the options' times and
// retries. Of one longer than most, most+1 bytes are returned.
func ReadObject(ctx context.Context, store target.Reader, o ObjectOptions, key string, most int64) (text []byte, err error) {
	calls := o.withDefaults().caller(ctx)
	err = calls.Idempotent(ctx, request.Call{Name: request.GetObject, Key: key, Payload: most}, func(ctx context.Context) error {
		body, err := request.Get(ctx, store, key, "")
		if err != nil {
			return err
		}
		text, err = io.ReadAll(io.LimitReader(body, most+1))
		if err = errors.Join(err, body.Close()); err != nil {
			return target.Unknown(target.NewError(target.CodeConnectionLost, key, err.Error(), err))
		}
		return nil
	})
	if errors.Is(err, request.ErrStopped) {
		err = ctx.Err()
	}
	return text, err
}
