package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/firmware"
)

type stateReport struct {
	Device string `json:"device"`
	State  string `json:"state"`
}

func (r *stateReport) print(w io.Writer) { fmt.Fprintf(w, "device %s is %s\n", r.Device, r.State) }

func (a *app) lockCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lock",
		Short: "forget the load key until the next unlock",
		Long: `Remove the load key from memory. What was loaded stays on the disks. "sledge unlock"
with the same code makes the device ready again. A reboot locks it, too.`,
		Example: `  sledge lock --device /var/lib/sledge`,
	}
	return a.verb(cmd, func(context.Context, []string) (report, error) {
		d, err := a.openDevice(true)
		if err != nil {
			return nil, err
		}
		defer d.close()
		store, err := firmware.OpenSecrets()
		if err != nil {
			return nil, err
		}
		// The key goes first: whatever happens then, it is not there any more.
		if err := store.Remove(d.ID()); err != nil {
			return nil, err
		}
		if err := a.apply(d, firmware.EventLock); err != nil {
			return nil, err
		}
		return &stateReport{d.ID().String(), string(d.State())}, nil
	})
}
