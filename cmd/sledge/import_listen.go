package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/sledge-io/sledge/importer/request"
)

// listener hears whether another terminal asks for the end of a device's import (import cancel)
// after that has ended, while the command is at work on other devices. Whoever asks gets the
// state folder.
type listener struct {
	stop  context.CancelFunc // nil: nobody listens
	over  sync.WaitGroup
	letGo atomic.Bool
}

// listen begins to listen. What is asked for lets go of the state folder at once.
func (d *importDevice) listen(ctx context.Context) {
	if d.ended == nil || d.ended.o.StateDir == nil || d.isLetGo() {
		return
	}
	ctx, d.listener.stop = context.WithCancel(ctx)
	d.listener.over.Go(func() {
		if !d.ended.result.AwaitStop(ctx) {
			return
		}
		d.ended.o.Log.Log(ctx, request.LevelNotice, "another terminal has asked for the end: the state folder is let go")
		d.ended.close()
		d.listener.letGo.Store(true)
	})
}

// isLetGo reports whether the state folder is not held any more.
func (d *importDevice) isLetGo() bool { return d.listener.letGo.Load() }

// hush ends the listening, and reports whether the state folder is still held.
func (d *importDevice) hush() bool {
	if d.listener.stop != nil {
		d.listener.stop()
		d.listener.over.Wait()
		d.listener.stop = nil
	}
	return !d.isLetGo()
}

// hush ends the listening to all devices. One whose folder was let go is not whole: whoever
// asked for that may have canceled it.
func (r *importAllReport) hush(devices []*importDevice) {
	for _, d := range devices {
		if d.hush() {
			continue
		}
		r.Union.Complete = false
		if d.ended.rep.Ended = request.StateStopped; isInterrupted(d.err) {
			continue // during its run
		}
		err := hint(fmt.Errorf("its import had ended, and another terminal asked for the end before that of this command: %w", context.Canceled),
			"\"sledge import status\" tells whether it was canceled; if not, run the same command again")
		d.ended.end, d.err = err, worst([]error{err, d.err})
	}
}

// cleanUp removes what the bucket keeps for a minute, of all devices at once.
func cleanUp(ctx context.Context, devices []*importDevice) {
	var work sync.WaitGroup
	for _, d := range devices {
		if d.ended == nil || d.ended.o.StateDir == nil {
			continue
		}
		work.Go(func() {
			if !d.hush() {
				return
			}
			if err := d.ended.result.CleanUp(ctx); err != nil {
				d.err = worst([]error{asTargetError(err), d.err})
			}
			d.listen(ctx)
		})
	}
	work.Wait()
}
