package simulator

import (
	"context"
	"errors"
	"fmt"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/seal"
)

// isFinding tells an error of an oracle from one of the program.
func isFinding(err error) bool {
	for _, finding := range []error{errForgotten, errUntold, errWrong, errDoubled, errNotBorne} {
		if errors.Is(err, finding) {
			return true
		}
	}
	return false
}

// errNotBorne is a finding: a load, or a seal, ended by what it has to bear.
var errNotBorne = errors.New("what has to be borne was not")

// excuse is an end other than nil that a session may have, and why.
type excuse struct {
	err error
	why string
}

var (
	canceled   = excuse{context.Canceled, "the operator has pressed Ctrl-C"}
	full       = excuse{appliance.ErrFull, "a disk has no room"}
	tooFew     = excuse{appliance.ErrTooFewDisks, "fewer disks work than a load needs"}
	setUp      = excuse{nil, "a device is set up with all its disks, so none of them may fail then"}
	powerIsOff = excuse{nil, "nobody sees how a command ends when the power is off"}
)

// spoilt are the ends of a seal that has met a spoilt disk.
var spoilt = []excuse{
	{seal.ErrDegraded, "packs lack shards"},
	{seal.ErrAbsent, "a disk is out of use"},
	{appliance.ErrDiskFailed, "a disk failed"},
	{appliance.ErrForeign, "a disk has lost its header"},
	{appliance.ErrRebuilding, "a disk has lost its wrap"},
}

// survived is the end of a session in which something went wrong. It must be nil, or
// have an excuse; then the device must open, and have all that was acknowledged.
func (l *life) survived(err error, excuses ...excuse) error {
	if err == nil {
		return l.check()
	}
	if isFinding(err) {
		return err
	}
	if silent := mustName(err); silent != nil {
		return silent
	}
	l.say("ended by: %.300v", err.Error())
	excuses = append(excuses, l.borne(len(l.hurt))...) // what a spoilt disk does not give back condemns it later
	if l.small {
		excuses = append(excuses, full)
	}
	for _, e := range excuses {
		if e.err == nil || errors.Is(err, e.err) {
			return l.check()
		}
	}
	return fmt.Errorf("%w: %w", errNotBorne, err)
}

// borne are the excuses of a load with so many disks that do not work: none, while
// enough of the others do. How many a load needs is the promise of the operations
// guide, not the program's own count.
func (l *life) borne(bad int) []excuse {
	g := l.cfg.Job.Geometry
	if bad > 0 && g.Disks-bad < max(g.K+1, g.Disks-g.M) {
		return []excuse{tooFew}
	}
	return nil
}

// sealSurvived is the end of a seal in which something went wrong. A seal wants all
// disks whole, so that a spoilt one is an excuse, whatever their number; room is none.
func (l *life) sealSurvived(err error, excuses []excuse) error {
	if err == nil || isFinding(err) {
		return err
	}
	if silent := mustName(err); silent != nil {
		return silent
	}
	if len(l.hurt) > 0 {
		excuses = append(excuses, spoilt...)
	}
	for _, e := range excuses {
		if e.err == nil || errors.Is(err, e.err) {
			return nil
		}
	}
	return fmt.Errorf("%w: %w", errNotBorne, err)
}
