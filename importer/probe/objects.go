package probe

import (
	"bytes"
	"context"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/content"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

func (p *Prober) put(ctx context.Context, name, content string, sum [32]byte, ifAbsent bool) (stored target.Stored, err error) {
	kind, _, _ := strings.Cut(name, "/") // the rest may be odd
	err = p.calls.Briefly(p.own, func(own target.Attributes) error {
		return p.as(ctx, request.PutObject, func(ctx context.Context) (err error) {
			stored, err = p.target.Put(ctx, target.PutRequest{
				Key: p.prefix + name, Body: bytes.NewReader([]byte(content)), Size: int64(len(content)), SHA256: sum,
				Metadata: map[string]string{plan.MetaEntry: kind}, Attributes: own, IfAbsent: ifAbsent,
			})
			return err
		})
	})
	if err == nil {
		p.wrote(p.prefix+name, stored)
	}
	return stored, err
}

// readsBack tells whether objects may be read, as a run reads them: by their version, where
// the bucket has versions. Whether the bytes are right is judged object by object.
func (p *Prober) readsBack(ctx context.Context, name, version, source string) (bool, error) {
	x := content.Expected{Size: int64(len(source)), Parts: [][32]byte{crypto.SumSHA256([]byte(source))}}
	read := func() error { return request.Read(ctx, p.calls, p.target, p.prefix+name, version, x.Size, x.Check) }
	err := read()
	if target.IsNotFound(err) {
		err = p.calls.ShownLate(ctx, err, read)
	}
	switch {
	case request.Forbidden(err), target.HasCode(err, target.CodeArchived):
		return false, nil
	case target.HasCode(err, target.CodeStoredWrong):
		return true, nil
	}
	return err == nil, err
}

func (p *Prober) head(ctx context.Context, name string) (obj target.Object, err error) {
	err = p.as(ctx, request.HeadObject, func(ctx context.Context) (err error) {
		obj, err = p.target.Head(ctx, p.prefix+name)
		return err
	})
	if err == nil {
		p.saw(p.prefix+name, obj.VersionID)
	}
	return obj, err
}

// shown is head of an object that was just written: the target may show it late.
func (p *Prober) shown(ctx context.Context, name string) (obj target.Object, err error) {
	if obj, err = p.head(ctx, name); !target.IsNotFound(err) {
		return obj, err
	}
	err = p.calls.ShownLate(ctx, err, func() (err error) {
		obj, err = p.head(ctx, name)
		return err
	})
	return obj, err
}
