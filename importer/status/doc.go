// Package status holds what an import tells whoever looks into its state folder, and what it
// hears from there: status.json, history.jsonl and control.json, each in the run's folder.
//
// A [Counter] gathers the numbers of a run at work, [Rates] makes one pace of them, and a
// [Status] is what stands in the file. Command, report and metrics read the same types, so that
// two screens never say two things of one run.
//
// The package knows no run, no target and no device. What it writes is worth nothing after a
// crash: nothing here decides what an import does next, but for an operator's word ([Control]).
package status
