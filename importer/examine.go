package importer

import (
	"context"

	"github.com/sledge-io/sledge/importer/probe"
	"github.com/sledge-io/sledge/importer/target"
)

// ProbeTarget tries everything that an import with these options could use; see Examine.
// classes are the storage classes to try, nil those of the profile.
func ProbeTarget(ctx context.Context, to target.Examined, o Options, id string, classes []string) (*probe.TargetReport, error) {
	o.RunID, o.DryRun = id, true // it needs no state
	if o = o.withDefaults(); o.validate() != nil {
		return nil, o.validate()
	}
	profile, err := o.TargetProfile()
	if err != nil {
		return nil, err
	}
	if classes == nil {
		classes = profile.StorageClasses
	}
	few := o
	few.Retries = min(o.Retries, 3)
	return probe.Examine(ctx, to, probe.Examining{Wish: o.wish(), Prefix: o.Prefix, ID: id, URL: o.TargetURL(), Profile: profile.Name,
		Classes: classes, Calls: few.calls(), Step: o.Step})
}

// wish is what an import with these options asks of its target.
func (o Options) wish() probe.Wish {
	return probe.Wish{Rules: o.Rules, MinProof: o.MinProof, ReadBack: o.ReadBack, AllowUnconditional: o.AllowUnconditional, JournalInTarget: o.JournalInTarget}
}
