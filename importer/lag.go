package importer

import "context"

// A target that lags behind shows by HEAD what was there before the last write: a cache
// answers, or another copy. Writes and reads then contradict each other for a while.

// contradicts is what is left to say when waiting has not helped.
const contradicts = "the target says that the key exists (412), and that it does not (404): its reads lag behind its writes, or something else writes the key"

// awaitLag waits before an object is looked at again, unless this is the first look after
// the first write; done ends the object.
func (r *run) awaitLag(attempt int) (done bool, err error) {
	if attempt > 0 && !r.calls.rest(attempt-1) {
		return true, errStopped
	}
	return false, nil
}

// headWritten looks at an object of the probe that the target has taken, more than once
// where it is not there yet.
func (p *prober) headWritten(ctx context.Context, name string) (Object, error) {
	for attempt := 0; ; attempt++ {
		obj, err := p.head(ctx, name)
		if !IsNotFound(err) || attempt == maxRounds || !p.calls.rest(attempt) {
			return obj, err
		}
	}
}

// lagsBehind reports whether a name that HEAD does not find is listed as it was written.
// A target that keeps it under another name lists that one.
func (p *prober) lagsBehind(ctx context.Context, name string) bool {
	listed, err := p.listNames(ctx)
	for _, key := range listed {
		if err == nil && key == p.prefix+name {
			return true
		}
	}
	return false
}

// steady looks at a key that was written, and asks GET where HEAD does not find it. Where
// GET does, HEAD lags behind and is waited for.
func steady(ctx context.Context, calls *caller, target Reader, key string, head func(context.Context) (Object, error)) (Object, error) {
	for attempt := 0; ; attempt++ {
		obj, err := head(ctx)
		if !IsNotFound(err) || attempt == maxRounds || present(ctx, calls, target, key) != nil || !calls.rest(attempt) {
			return obj, err
		}
	}
}
