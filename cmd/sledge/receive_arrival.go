package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/internal/custody/event"
)

// arrivalFlags make receive sign the arrival into a custody log.
type arrivalFlags struct {
	log, custodian, damage string
	packages               uint64
	event                  eventFlags
}

func (f *arrivalFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.log, "custody", "", "sign the arrival into the custody log in this `DIR`")
	flags.StringVar(&f.custodian, "custodian", "", "your custodian's folder `DIR`, for --custody")
	flags.StringArrayVar(&f.event.seals, "seal", nil, "the `NUMBER` of a seal as it was found, for --custody; may be repeated")
	flags.StringVar(&f.damage, "damage", "", "what is damaged, for --custody")
	flags.Uint64Var(&f.packages, "packages", 0, "`NUMBER` of packages that came, for --custody")
	flags.StringVar(&f.event.condition, "condition", "", "in which condition they came, for --custody")
	flags.StringVar(&f.event.place, "place", "", "where they came to, for --custody")
	flags.StringArrayVar(&f.event.attach, "attach", nil, "a photo, by its SHA-256, for --custody: a `FILE`; may be repeated")
}

// receivedReport is a device that was checked in, and its arrival as it was signed.
type receivedReport struct {
	Device  report `json:"device,omitempty"`
	Arrival report `json:"arrival"`
}

func (r *receivedReport) Print(w io.Writer) {
	if r.Device != nil {
		r.Device.Print(w)
		fmt.Fprintln(w)
	}
	r.Arrival.Print(w)
}

// signArrival checks a device in, and signs its arrival whatever that has found: what came
// has come. The check's own error is the graver one.
func (a *app) signArrival(f *chainFlags, arrival *arrivalFlags, check func() (report, error)) (report, error) {
	if arrival.log == "" {
		if arrival.custodian != "" || arrival.damage != "" || len(arrival.event.seals) > 0 {
			return nil, usagef("--seal, --damage and --custodian need --custody: which log is signed?")
		}
		return check()
	}
	if arrival.custodian == "" {
		return nil, usagef("--custody needs --custodian: who has received it?")
	}
	trust := f.trust
	if trust == "" && f.site != "" {
		trust = f.site + "/signer.pub"
	}
	w, err := a.openCustody(&custodyFlags{log: arrival.log, custodian: arrival.custodian, trust: trust}, false)
	if err != nil {
		return nil, err
	}
	defer w.close()
	if err := w.mayWrite(event.Arrived); err != nil {
		return nil, err
	}
	device, found := check()
	if isUsage(found) {
		return device, found
	}
	e := w.event(event.Arrived)
	if err := arrival.set(e, device); err != nil {
		return device, errors.Join(found, err)
	}
	signed, err := w.arrive(e, w.wrongWith(device, found))
	if signed == nil {
		return device, errors.Join(found, err)
	}
	if found != nil && errors.Is(err, errException) {
		err = nil // it says the same
	}
	return &receivedReport{Device: device, Arrival: signed}, errors.Join(found, err)
}

func (f *arrivalFlags) set(e *event.Event, device report) error {
	err := f.event.apply(e)
	if f.damage != "" {
		err = errors.Join(err, e.Set("damage", f.damage))
	}
	if f.packages > 0 {
		err = errors.Join(err, e.Set("packages", f.packages))
	}
	if r, ok := device.(*receiveReport); ok {
		err = errors.Join(err, e.Set("bays_here", r.Here), e.Set("bays_missing", r.Missing))
	}
	return err
}

// wrongWith are the exceptions of a device that is not as it should be: other disks, or none
// that may be used.
func (w *custodyWork) wrongWith(device report, found error) (wrong []string) {
	r, ok := device.(*receiveReport)
	switch {
	case ok && (r.Job != w.scope.Job.String() || r.Device != w.scope.Device.String() || r.Generation != w.scope.Generation):
		wrong = append(wrong, fmt.Sprintf("refused: the disks are of device %s, generation %d, of job %s", r.Device, r.Generation, r.Job))
	case ok && len(r.Missing) > 0:
		wrong = append(wrong, "missing disk: "+namedBays(r.Missing))
	case !ok && found != nil:
		wrong = append(wrong, "refused: the disks were not accepted: "+found.Error())
	}
	return wrong
}
