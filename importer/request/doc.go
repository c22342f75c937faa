// Package request makes calls to a target: each attempt under its own time, behind the gate
// of pauses, hours and halts, under the limits of concurrency and bandwidth, and again where
// that is safe. It tells what the target was seen to do on the way: that it lags, that it
// throttles, that it keeps small objects by default.
//
// It retries what Idempotent makes, within the budget of Settings; whoever uses Once retries
// himself. It knows no run, no journal and no object. It imports the target's words alone.
package request
