package importer

import (
	"context"
	"fmt"

	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// remove takes an object away, in a bucket with versions each of them: it is looked at first,
// as a bucket may have had versions before, and a start may have written nothing. What HEAD
// does not show is deleted where a delete hides nothing: it may be shown late.
func (m *mirror) remove(ctx context.Context, name string) error {
	return m.removeAfter(ctx, name, func(look func() error) error { return look() })
}

// removeListed is remove of what a list has shown: where HEAD does not find it, it is asked for a
// while. CodeJournalLeft is what the list shows still, and HEAD does not.
func (m *mirror) removeListed(ctx context.Context, name string) error {
	return m.removeAfter(ctx, name, func(look func() error) error {
		err := look()
		if !target.IsNotFound(err) || m.plain.Load() {
			return err
		}
		if err = m.calls.ShownLate(ctx, err, look); !target.IsNotFound(err) {
			return err
		}
		listed := m.each(ctx, name, func(found string) error {
			if found == name {
				return target.NewError(target.CodeJournalLeft, m.prefix+name, "the list has it, and HEAD does not find it", nil)
			}
			return nil
		})
		if listed != nil {
			return listed
		}
		return err
	})
}

// removeAfter removes what the first look, made by begin, and those after it show.
func (m *mirror) removeAfter(ctx context.Context, name string, begin func(look func() error) error) error {
	key := m.prefix + name
	for n := range maxMarkerVersions {
		var obj target.Object
		look := func() error {
			return m.calls.Idempotent(ctx, request.Call{Name: request.HeadObject, Key: key}, func(ctx context.Context) (err error) {
				obj, err = m.target.Head(ctx, key)
				return err
			})
		}
		var err error
		if n == 0 {
			err = begin(look)
		} else {
			err = look()
		}
		absent := target.IsNotFound(err)
		if absent && (n > 0 || !m.plain.Load()) {
			return nil
		}
		if err == nil || absent {
			err = m.calls.Idempotent(ctx, request.Call{Name: request.DeleteObject, Key: key}, func(ctx context.Context) error { return m.target.Delete(ctx, key, obj.VersionID) })
		}
		if err != nil || obj.VersionID == "" {
			return err
		}
	}
	return target.NewError(target.CodeJournalLeft, key, fmt.Sprintf("%d versions were deleted, and there are more", maxMarkerVersions), nil)
}
