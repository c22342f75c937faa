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

func (r *stateReport) Print(w io.Writer) { fmt.Fprintf(w, "device %s is %s\n", r.Device, r.State) }

func (a *app) lockCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lock",
		Short: "remove the load key from memory until the next unlock",
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
		// The key goes first: whatever happens then, it is not there any more.
		if err := a.forget(d); err != nil {
			return nil, err
		}
		if err := a.apply(d, firmware.EventLock); err != nil {
			return nil, err
		}
		return &stateReport{d.ID().String(), string(d.State())}, a.recordLock(d)
	})
}

// forget removes the load key from memory, wherever a session of this start of the
// machine has put it, or says that it cannot.
func (a *app) forget(d *device) error {
	store, err := firmware.OpenSecrets(d.Record())
	if err != nil {
		return err
	}
	if err := d.ForgetSecret(store); err != nil {
		return err
	}
	return store.Sweep(d.ID())
}
