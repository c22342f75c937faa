package main

import (
	"errors"
	"io"

	"github.com/sledge-io/sledge/appliance"
)

// mediumReport is by what a source was told from the one that was loaded before.
type mediumReport struct {
	*appliance.MediumError
	verbose bool
}

func (r *mediumReport) Print(w io.Writer) {
	printIf(w, r.verbose, "now         %s\nloaded      %s\n", escape(r.Now.String()), escape(r.Was.String()))
}

// refusedLoad is what a load that was refused has to tell besides its error.
func refusedLoad(err error, verbose bool) report {
	var medium *appliance.MediumError
	if errors.As(err, &medium) {
		return &mediumReport{medium, verbose}
	}
	return nil
}
