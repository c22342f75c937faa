package event

import "slices"

// signers are the roles that sign events of a kind; "custodian" is the one of the moment,
// whatever his role in the job. Kinds that are absent are the custodian's.
var signers = map[Kind][]string{
	Provisioned: {"device"}, Unlocked: {"device"}, Locked: {"device"}, LoadSession: {"device"}, DiskReplaced: {"device"},
	Checked: {"device"}, Sealed: {"device"}, FirmwareUpdated: {"device"},
	ImportRun: {"importer"}, Accepted: {"acceptor"},
	HoldPlaced: {"custodian", "signer", "acceptor"}, HoldReleased: {"signer", "acceptor"},
	EraseAuthorised: {"acceptor", "signer"}, EraseResult: {"eraser"}, EraseCertified: {"validator"},
	Closed: {"custodian", "signer"},
}

// MaySign tells whether a role signs events of this kind; holder says that it is the custodian
// of the moment. What it refuses, every verifier refuses, and with it the whole log.
func (k Kind) MaySign(role string, holder bool) bool {
	roles := signers[k]
	if roles == nil {
		return holder
	}
	return slices.Contains(roles, role) && role != "custodian" || holder && slices.Contains(roles, "custodian")
}

// Signers names the roles that sign events of this kind.
func (k Kind) Signers() []string {
	if roles := signers[k]; roles != nil {
		return slices.Clone(roles)
	}
	return []string{"custodian"}
}
