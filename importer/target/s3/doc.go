// Package s3 is a target.Target by the AWS SDK: one attempt a call, the configuration as the
// SDK's default chain has it, and every answer in the words of package target.
//
// It is the only place that makes requests by the SDK. It never retries: what an error means
// for an object is decided by its caller. It knows nothing of runs, journals or manifests.
package s3
