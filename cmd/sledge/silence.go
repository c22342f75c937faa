package main

import (
	"time"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/importer/request"
)

// probeQuiet is how long a probe says nothing of its steps: most are over by then.
const probeQuiet = 5 * time.Second

// watchSilence has a target that does not answer named while it is waited for.
func (a *app) watchSilence(o *importer.Options) {
	o.Silent = func(s request.Silence) { a.note("the target has not answered %s for %s", s.Call, s.For) }
}

// watchProbe tells the steps of a probe that takes its time, too.
func (a *app) watchProbe(o *importer.Options) {
	a.watchSilence(o)
	began := a.now()
	o.Step = func(what string) {
		if a.now().Sub(began) >= probeQuiet {
			a.note("probing the target: %s", what)
		}
	}
}
