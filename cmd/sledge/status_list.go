package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/internal/terminal"
)

// holdingLine is one entry of "sledge status --list --json".
type holdingLine struct {
	State string `json:"state"` // safe, remark, skipped, lost, not loaded
	Kind  string `json:"kind,omitempty"`
	name
	Size   int64  `json:"size"`
	Reason string `json:"reason,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// listHoldings writes a line for each entry that the device holds, or has still to
// load. With JSON each line is an object. With zero each has the exact path and ends
// with a zero byte.
func (a *app) listHoldings(ctx context.Context, d *appliance.Device, zero bool) error {
	out := bufio.NewWriterSize(a.out, 64<<10)
	err := d.Holdings(ctx, func(h appliance.Holding) error {
		if a.json {
			b, err := json.Marshal(holdingLine{string(h.State), h.Kind.String(), nameOf(h.Path), h.Size, escape(h.Reason), escape(h.Detail)})
			if err == nil {
				_, err = fmt.Fprintf(out, "%s\n", terminal.PlainJSON(b))
			}
			return err
		}
		line := fmt.Sprintf("%-10s %12d ", h.State, h.Size)
		if zero {
			_, err := fmt.Fprintf(out, "%s%s\x00", line, h.Path)
			return err
		}
		line += escape(h.Path)
		if h.Reason != "" {
			line += " (" + escape(reasonText(h.Reason, h.Detail)) + ")"
		}
		_, err := fmt.Fprintln(out, line)
		return err
	})
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	return err
}
