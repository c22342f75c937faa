package importer

import (
	"context"
	"errors"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// unclassified tells a fault of our own that nobody knows, whoever has found out that it is one.
// It is no outcome of an object, and a write that ends by it may have had its effect.
func unclassified(err error) bool {
	if e := (*target.Error)(nil); errors.As(err, &e) {
		return e.Code == target.CodeInternal
	}
	return err != nil && !errors.Is(err, request.ErrStopped) && !errors.Is(err, errHeld) && !errors.Is(err, errStillHeld) && !target.IsCanceled(err)
}

// unclear reports whether a write that ended by an error may have had its effect.
func unclear(err error) bool { return target.IsUnknown(err) || unclassified(err) }

// afterUnclassified looks once what became of a write. Where it is not there, or no answer tells,
// the object has no outcome: why is all that is known.
func (r *run) afterUnclassified(ctx context.Context, t *transfer, why error) (record, error) {
	obj, err := r.head(context.WithoutCancel(ctx), t.action.Key)
	if err != nil {
		return record{}, why
	}
	return r.judge(ctx, t, obj)
}
