// Package acceptance signs that a site takes a job's import as done: everything is proven,
// or waived by its name.
//
// What is proven is the verdict of the independent verifier over the receipts and the
// manifest. What it does not prove is listed, and nothing is signed until each of these
// things is waived. The signed statement is verified before it is given.
//
// It may import the format, the verifier, and what belongs together (delivery). It asks no
// store, opens no device, and imports neither what loads nor what uploads. Keys, disks and the
// site's folder come from the caller.
package acceptance
