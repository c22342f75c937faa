package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/statefolder"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

func (a *app) deviceReinstate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "reinstate reinstate.dsse",
		Short: "unblock a device that was wrongly taken for tampered, by the data centre's statement",
		Long: `Take the statement of "sledge job reinstate", which the data centre made for this
device as it is. The device is locked then; what it must never forget stays. The
statement is good once, and stands in the device's history.`,
		Example: `  sledge device show                       # tell the data centre the id and the evidence
  sledge device reinstate reinstate.dsse`,
	}
	return a.verb(cmd, func(_ context.Context, args []string) (report, error) { return a.reinstate(args[0]) })
}

func (a *app) reinstate(name string) (report, error) {
	folder, err := a.openState()
	if err != nil {
		return nil, err
	}
	defer vfs.Close(folder)
	file, err := files.Read(name, manifest.MaxStatement)
	if err != nil {
		return nil, err
	}
	lock, err := a.lockFolder(folder)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	branded, err := firmware.Open(folder)
	if err == nil || !errors.Is(err, firmware.ErrTampered) {
		return nil, statefolder.Unusable(a.device, fmt.Errorf("device %s: %w", a.device, orNothing(err)))
	}
	if branded.Signer() == nil {
		return nil, fmt.Errorf("device %s: %w: %s", a.device, firmware.ErrNoWayBack, branded.Reason())
	}
	st, err := manifest.OpenReinstatement(file, branded.Signer())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, &jobFileError{err})
	}
	store, err := firmware.OpenSecrets(branded.Record())
	if err != nil {
		return nil, err
	}
	if err := store.Remove(branded.ID()); err != nil {
		return nil, err
	}
	d, err := firmware.Reinstate(folder, firmware.Reinstatement{Device: firmware.ID(st.Device), Evidence: st.Evidence, Reason: st.Reason, File: file, Time: a.now()})
	if err != nil {
		return nil, statefolder.Unusable(a.device, fmt.Errorf("device %s: %w", a.device, err))
	}
	return a.describeDevice(d)
}

// orNothing is for a device that needs no statement.
func orNothing(err error) error {
	if err == nil {
		err = fmt.Errorf("it is not tampered with, there is nothing to give back: %w", firmware.ErrForbidden)
	}
	return err
}
