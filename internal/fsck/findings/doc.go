// Package findings gathers what a check finds, from all its workers, and makes the
// report of it. Their number is bounded. Facts of one kind at one place become one.
//
//	list := findings.New()
//	list.Add(findings.Lost, "stripe-lost", findings.InPack(p), "", "lost")
//	list.Finish(report)
package findings
