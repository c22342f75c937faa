// Package lease says whose a run is where a lock cannot: a process that is frozen, or on a host
// that hangs, keeps its lock. Leases are slots of ascending numbers, in a folder or in a target;
// each is made by one process only, and whoever has the highest is the holder.
//
//	leases/00000001   {"host":"dc1-a","pid":4711,"at":"2026-03-01T08:00:00Z"}
//	leases/00000002   {"host":"dc1-b","pid":97,"at":"2026-03-01T09:30:00Z"}
//
// Nothing that is proven depends on how soon a holder sees that it was replaced. What it still
// sends to the target is on condition that the key does not exist, and with the manifest's
// checksums; what it still writes to its journal nobody reads.
//
// It makes no request and knows no run: where slots are is said by Slots.
package lease
