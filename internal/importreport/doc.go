// Package importreport makes one account of an import from what its run left in
// its state folder, for people, programs and spreadsheets.
//
//	state folder ─ status.json, history.jsonl ─┐
//	             └ receipts/ objects.list, … ──┴→ Read → Report → text, JSON, HTML
//	               receipts/ objects.list ─────────────→ Entries → CSV
//
// It asks no store and no disk. What it tells of a run that has ended comes from
// the receipts, which are signed, and the list is held against the signed
// checkpoint while it is read; what it tells of speed, halts and retries is the
// run's own word. It says which is which. Whether the store holds what the
// receipts say is the work of "verify import", not of a report.
//
// The list may have 10^7 lines: it is read once, line by line, and what is kept of
// it is bounded.
//
//	device, err := importreport.Read(ctx, folder, importreport.Options{})
//	report, err := importreport.New(device)
//	err = report.HTML(w)
package importreport
