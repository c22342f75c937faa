// Package importer loads a verified manifest's entries into an S3 bucket and
// proves every one of them from the store's own answers.
//
// The path of the data:
//
//	Source.Entries ─→ plan ─→ pool of workers ─→ Target (S3) ─→ HEAD, compare ─→ journal
//	Source.Open ─→ part body (one segment in memory) ─┘                              │
//	Source.Entries, a second time ─→ join with the journal ─→ receipts ←─────────────┘
//
// Several lanes walk the manifest page by page; what is left in one pass is tried
// again in the next. Every call goes through a gate (paused, halted, outside of its
// hours), limits that learn from "slow down", and a budget of retries.
//
// Before the first object the target is probed: a store counts as checking only
// if it refused a wrong SHA-256 on both PUT and UploadPart in this run. Nothing
// is ever overwritten: objects are written on condition that the key does not
// exist. Every call has three outcomes: done, not done, unknown; an unknown one
// is settled by HEAD (size, checksum, our entry id), never by a status code.
//
// What a crash leaves: objects that are whole (a single PUT or Complete is
// atomic), multipart uploads whose id is in the journal, and at most one upload
// per worker whose Create was not answered, which the journal's intent names.
// The same call with the same state folder goes on, part by part.
//
//	target, err := importer.NewS3(ctx, opts)
//	…
//	state, err := importer.OpenState("/srv/import/7f3a") // held against a second process; TakeOver takes it
//	…
//	opts.StateDir = state
//	result, err := importer.Run(ctx, source, target, opts)
//	…
//	fmt.Println(result.ExitClass()) // only ExitComplete may become exit code 0
//
// The SDK is named in target/s3 and, for its upload manager, in manager.go alone.
package importer
