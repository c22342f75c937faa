// Package audit holds a store against the receipts of imports, and tells what it has found.
//
// Receipts are verified first, by the verifier, which is the caller's to call. Then every
// object that their lists name is looked for: in the store, or in a listing of it. A list that
// was verified is read again, and is an error if it has become another one in between.
//
//	r := &audit.Report{Devices: devices} → Sum → Compare → End
//
// Objects asks a store about each, a Listing compares with what the store, or an inventory,
// lists.
//
// Nothing is called clean that was not looked at. The package may import the format, the
// verifier, the words of receipts, and what a target is and how it is asked; it reaches neither
// what loads nor what runs imports, and is given the adapter. It only reads, and needs no key.
package audit
