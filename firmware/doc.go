// Package firmware holds what a device is, apart from its disks: its key, its
// state, the job it obeys, and the unlocked secret between two commands.
//
// A device is in one of six states. Every verb asks for a change by an [Event];
// the table in [next] is the whole rule.
//
//	  (none)
//	    │ Provision
//	    ↓
//	Provisioned
//	    │ AdoptJob
//	    ↓              Unlock                LoadStart
//	 Locked ─────────────────────→ Unlocked ───────────→ Loading
//	  ↑ │ ↑   Lock, Reboot            │ ↑      LoadEnd      │
//	  │ │ ├───────────────────────────┤ └───────────────────┤
//	  │ │ └───────────────────────────│─────────────────────┘ Lock, Reboot
//	  │ │ SealDone                    │ SealDone
//	  │ ↓                             │
//	  │ Sealed ←──────────────────────┘
//	  └─┘ AdoptJob, of another job
//
//	any state ── Tamper ─→ Tampered, which nothing leaves
//
// Not drawn: AdoptJob in Locked (a newer job file), ExtendJob in Locked, Unlocked and
// Loading (the same job with another expiry), Unlock in Unlocked and Loading,
// LoadStart in Loading (a load that was killed goes on), LoadEnd in Unlocked,
// SealDone in Sealed, and Lock and Reboot where there is no secret, change nothing.
// SealDone needs a checkpoint on record; from Locked it ends a seal that lost power,
// from Loading one that leaves out what no load has finished.
//
// What comes after Sealed (in transit, received, imported, accepted, erased) is
// in signed statements, never a state: nothing that stands on a device can
// refuse an import.
//
// # The state folder
//
//	device.key       Ed25519 private key, PKCS#8 PEM, 0600
//	device.pub       its public half, for the data centre
//	state.json       the state, signed by the device key (context "device state")
//	state.counter    the number of the last state.json, signed (context "device counter")
//	jobs/<sha256>.dsse  job files that were adopted
//	labels/<job>.label  labels of what was sealed
//	labels/<job>.counts what that seal had to confess
//	provisioning     while the device is being made
//	tampered         if it exists: why the state is not believed any more
//	reinstated/<sha256>.dsse      statements that gave the device back
//	reinstated/<sha256>.tampered  the marks that they took away
//	lock, lock.next  locked by the command that is at work, and by one that waits
//
// A state that was edited, or put back to an earlier copy, is not believed: it
// stays as evidence, and the file tampered makes every verb refuse. Putting back
// all files of the folder to one earlier moment is not noticed by a software
// key; that takes a TPM's counter.
//
//	dev, err := firmware.Open(folder)
//	…
//	err = dev.Apply(firmware.Event{Kind: firmware.EventLoadStart, Time: now})
package firmware
