package probe

import (
	"bytes"
	"context"
	"strings"

	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/importer/plan"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// ofLock reports whether a refusal speaks of locks, or of something that the store does
// not have.
func ofLock(err error) bool {
	cause := strings.ToLower(target.AsError(err).Cause)
	for _, word := range []string{"notimplemented", "lock", "retention", "retain", "legal"} {
		if strings.Contains(cause, word) {
			return true
		}
	}
	return false
}

// try makes one write of a kind with these attributes, and takes it back.
func (p *Prober) try(ctx context.Context, kind string, a target.Attributes) error {
	key, content := p.prefix+"put", []byte("sledge probe of attributes")
	write := func(a target.Attributes) error {
		return p.as(ctx, kind, func(ctx context.Context) error { return p.write(ctx, kind, key, content, a) })
	}
	err := p.calls.Briefly(a, write)
	if err != nil && !target.IsUnknown(err) {
		return err
	}
	if gone := p.Remove(ctx, key); request.Forbidden(gone) {
		p.keep(key)
	} else if err == nil {
		err = gone
	}
	return err
}

// write makes one attempt of it.
func (p *Prober) write(ctx context.Context, kind, key string, content []byte, a target.Attributes) error {
	if kind == request.CreateMultipartUpload {
		id, err := p.target.CreateUpload(ctx, target.CreateRequest{Key: key, Attributes: a})
		p.begun(key, id, err)
		return err
	}
	stored, err := p.target.Put(ctx, target.PutRequest{Key: key, Body: bytes.NewReader(content), Size: int64(len(content)), SHA256: crypto.SumSHA256(content), Attributes: a})
	if err == nil {
		p.wrote(key, stored)
	}
	return err
}

// tries is try, and notes an error that tells nothing about the attributes.
func (p *Prober) tries(ctx context.Context, kind string, a target.Attributes) error {
	err := p.try(ctx, kind, a)
	p.doubt = p.doubt || err != nil && !request.OfAttributes(err) && !request.OfObject(err)
	return err
}

// blame turns the refusal of a write into that of the attributes that it was made with,
// if others alone are taken: each is tried by itself. An error that is no refusal, of one
// of these, leaves in doubt what cannot be told without it.
func (p *Prober) blame(ctx context.Context, kind string, asked, others target.Attributes, err error) error {
	if !request.OfAttributes(err) || p.tries(ctx, kind, others) != nil {
		return err
	}
	var names, all []string
	for _, one := range asked.Singles() {
		with := one.Attributes.Over(others)
		if with.Text() == others.Text() {
			continue
		}
		all = append(all, one.Name)
		if request.OfAttributes(p.tries(ctx, kind, with)) {
			names = append(names, one.Name)
		}
	}
	if len(names) == 0 && !p.doubt {
		names = all // together
	}
	if len(names) == 0 {
		return err
	}
	return attributeRefused(names, err)
}

func attributeRefused(names []string, err error) error {
	e := target.NewError(target.CodeAttributeRefused, "", strings.Join(names, ", ")+": "+target.AsError(err).Cause, err)
	e.Remedy = plan.RemedyRefused(names)
	return e
}

// sets tries what the rules may ask for, each set by one request.
func (p *Prober) sets(ctx context.Context, sets []target.Attributes) error {
	for _, a := range sets {
		p.doubt = false
		err := p.try(ctx, request.PutObject, a)
		if err == nil {
			continue
		}
		if why := p.blame(ctx, request.PutObject, a, p.own, err); why != err {
			return why
		}
		var names []string
		for _, one := range a.Singles() {
			names = append(names, one.Name)
		}
		e := *target.AsError(err)
		e.Cause = "with " + strings.Join(names, ", ") + ": " + e.Cause
		return &e
	}
	return nil
}

// WhyRefused tells whether a write of a kind was refused for its attributes, and returns that
// refusal; else the error as it is. sound is false where other errors have kept it from telling.
func (p *Prober) WhyRefused(ctx context.Context, kind string, a target.Attributes, err error) (why error, sound bool) {
	asked, why := a.Removable(), err
	if failed := p.tries(ctx, kind, asked); failed != nil {
		why = p.blame(ctx, kind, asked, p.own, failed)
	} else if (a.LockMode != "" || a.LegalHold) && ofLock(err) {
		why = attributeRefused([]string{target.AttributeLock}, err)
	}
	if target.HasCode(why, target.CodeAttributeRefused) {
		return why, false
	}
	return err, !p.doubt
}
