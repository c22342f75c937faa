package importer

import (
	"context"
	"errors"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/request"
	"github.com/sledge-io/sledge/importer/target"
)

// examine probes the target. A cancel writes nothing, so it goes on without a probe where
// nothing can be written: on a full target, or without s3:PutObject. What is lost is how the
// target calls us, by which uploads that no answer told of are found.
func (c *canceler) examine(ctx context.Context) (err error) {
	r := c.run
	r.probe, err = r.prober().Probe(ctx, nil)
	r.nameLeft(r.probe)
	if err == nil || errors.Is(err, request.ErrStopped) || target.IsCanceled(err) || target.HasCode(err, target.CodeTakenOver) {
		return err
	}
	// A target that does not answer a read either is one that nothing can be removed from.
	readErr := request.Present(ctx, r.calls, r.target, r.opts.Prefix+probe.Prefix+"cancel")
	if readErr != nil && !target.IsNotFound(readErr) && !request.Forbidden(readErr) {
		return err
	}
	r.probe, c.out.NoProbe = probe.Report{}, err.Error()
	return nil
}

// unsearched names what a run with a prefix of its own would look for at its end, and this
// cancel could not. Those that the journal knows are aborted all the same.
func (c *canceler) unsearched(why string) {
	if why != "" {
		c.run.problem(target.NewError(target.CodeOrphanUpload, c.run.opts.Prefix, "uploads below the prefix that no answer told of were not looked for: "+why, nil))
	}
}
