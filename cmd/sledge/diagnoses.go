package main

import (
	"errors"
	"io/fs"
	"slices"
	"syscall"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/appliance/disk"
	"github.com/sledge-io/sledge/appliance/extract"
	"github.com/sledge-io/sledge/appliance/known"
	"github.com/sledge-io/sledge/appliance/rebuild"
	"github.com/sledge-io/sledge/appliance/scan"
	"github.com/sledge-io/sledge/appliance/seal"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/custody/codes"
	"github.com/sledge-io/sledge/internal/custody/log"
	"github.com/sledge-io/sledge/internal/custody/witness"
	"github.com/sledge-io/sledge/internal/delivery"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/files"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/fsck/custody"
	"github.com/sledge-io/sledge/internal/importreport"
	"github.com/sledge-io/sledge/internal/keyless"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/internal/statefolder"
	"github.com/sledge-io/sledge/internal/vfs"
	"github.com/sledge-io/sledge/manifest"
)

// diagnosis is a kind of error, the exit code that it ends with, and what helps.
type diagnosis struct {
	is    func(err error) bool
	code  int
	hints func(err error) []string // nil: none
}

// diagnoses are asked from the first to the last: more particular errors come first.
// A table that is made anew for each error cannot be changed by anyone.
func diagnoses() []diagnosis {
	return []diagnosis{
		{is(errOutput), exitUnexpected, advise("the command did its work, but what it tells did not arrive whole: look at where its output goes")},
		{both(isLoss, isNot(firmware.ErrTampered)), exitLost, lossHints}, // of such a device nothing is believed
		{isInterrupted, exitInterrupted, advise("run the same command again: it goes on where it stopped")},
		{is(errInternal), exitUnexpected, advise("report it with this text, and with the lines of --log; what is done is safe, and the same command tries the rest again")},
		{isUsage, exitUsage, advise(helpHint)},
		{is(errFewFiles, syscall.EMFILE, syscall.ENFILE), exitUnexpected, advise("let this process open more files, then run the same command again: ulimit -n 65536 (as root, or in /etc/security/limits.conf; in a systemd unit LimitNOFILE=65536)")},
		{is(errNoDevice), exitUsage, advise("name the device's state folder with --device DIR or SLEDGE_DEVICE")},
		{is(errNoDisks), exitUsage, advise("name the disks with --disk '/mnt/bay*', one --disk each, or SLEDGE_DISKS")},
		{is(files.ErrExists), exitUsage, advise("name another file, or move the old one away")},
		{is(firmware.ErrNoWayBack), exitTampered, advise("stop using this device and tell the data centre; keep the state folder as evidence",
			"disks that were sealed can still be verified and imported: this device's state is not asked for that",
			"to go on with the hardware, provision a new device: sledge device init with another --device DIR, then a new job")},
		{both(is(statefolder.ErrUnusable), is(syscall.EROFS)), exitUnexpected, advise("its file system is mounted read-only: mount it read-write, or look in the kernel's log (dmesg) for why it became so")},
		{is(statefolder.ErrUnusable), exitUnexpected, advise("run the command as the user who made the folder, or give the folder and its files to this user (chown)")},
		{is(firmware.ErrTampered), exitTampered, advise("stop using this device and tell the data centre; keep the state folder as evidence",
			"if it was no tampering, the data centre can say so: tell it what sledge device show prints, and give its statement to sledge device reinstate",
			"disks that were sealed can still be verified and imported: this device's state is not asked for that",
			"to go on with the hardware, provision a new device: sledge device init with another --device DIR, then a new job")},
		{is(firmware.ErrHalfDevice), exitState, advise("this folder was restored or cleared by halves: a job may pin its key; make the device in another folder (--device DIR)",
			"if the key was never given to a data centre, put it aside: sledge device init --new-key")},
		{is(firmware.ErrDoubt), exitTampered, advise("nothing was marked: the next command that changes the device decides; if the text comes again, tell the data centre")},
		{is(crypto.ErrCodeTyping), exitKey, advise("type the code again as it is on the code sheet; the device counts no attempts")},
		{is(errWrongCode), exitKey, advise("this code belongs to another job: compare job and device with the code sheet; if both are the same, type the code again")},
		{is(errExpired, appliance.ErrExpired), exitJob, advise("check the device's clock; if it is right, ask the data centre to extend the job (sledge job extend), and give the device the new file: sledge unlock --job NEW.dsse",
			"what is on the disks is not locked in: it can be sealed, and sealed disks can be imported at any time")},
		{is(firmware.ErrRollback), exitJob, advise("use the newest job file that the data centre sent")},
		{is(errJobFile), exitJob, advise("ask the data centre to send job.dsse again; the device obeys only the site that it was provisioned with (sledge device show)")},
		{is(firmware.ErrNotProvisioned), exitState, advise("make a device here first: sledge device init --trust signer.pub", "or name another folder with --device DIR")},
		{is(firmware.ErrProvisioned), exitState, advise("use the device that is here, or name another folder with --device DIR")},
		{is(firmware.ErrSecretElsewhere), exitState, advise("run the command in the session that unlocked the device, or unlock it here again first: sledge unlock",
			"a restart of the machine removes every copy of the load key from memory")},
		{is(firmware.ErrNoSecret), exitState, advise("unlock the device: sledge unlock")},
		{is(firmware.ErrForbidden), exitState, advise("see what the device is waiting for: sledge status")},
		{is(firmware.ErrSecondCheckpoint), exitRefused, advise("the disks are not what this device sealed before: do not seal, tell the data centre")},
		{is(firmware.ErrUnsafeSecret), exitState, advise("set XDG_RUNTIME_DIR to a tmpfs that is yours alone, or mount /dev/shm", "remove a foreign file there and run the command again")},
		{is(firmware.ErrConcurrent, firmware.ErrBusy, appliance.ErrBusy, statefolder.ErrSilent), exitBusy, advise("wait for the other command, or stop it, then run this one again")},
		{is(extract.ErrFolderBusy), exitBusy, advise("wait until that command has ended, or stop it, then run this one again; or extract into another folder")},
		{is(extract.ErrUnsynced), exitUnexpected, advise("look at the space and the health of the disk that is extracted to, and in the kernel's log (dmesg)",
			"then run the same command again: it compares what is there as the disk holds it, and writes the rest; or extract to another disk")},
		{is(site.ErrExists), exitUsage, advise("use this site, or name another folder")},
		{is(crypto.ErrNotInFIPS), exitUsage, advise("make the job with --fips, or run without GODEBUG=fips140=only")},
		{is(site.ErrInvalid), exitUsage, advise("correct it and run the command again")},
		{is(site.ErrNoSite), exitUsage, advise("name the site's folder, or make one: sledge site init DIR --name NAME")},
		{is(site.ErrNotEmpty), exitUsage, advise("name a new folder, or an empty one: --out FOLDER")},
		{is(site.ErrReduced), exitUsage, advise("run it where the site's whole key folder is, and name that one: --site DIR",
			"the import of another job needs a folder of its own, made there: sledge site export --for import --job JOB --out FOLDER")},
		{is(site.ErrUnknownJob, site.ErrForeignJob), exitJob, advise("use the key folder of the site that made this job")},
		{both(is(disk.ErrReadBack), is(appliance.ErrTooFewDisks)), exitDisks, advise("do not use the disks named above: they do not hold what they take, as disks of counterfeit capacity; load again onto others")},
		{is(errReadBackDisk), exitDiskFailed, advise("replace the disk: sledge rebuild --replace DIR")},
		{is(errDegraded), exitDiskFailed, advise("what is told as loaded is safe; rebuild makes the lost shards again",
			"take the failed disk out, leave it out of --disk, and give an empty one: sledge rebuild --replace NEW")},
		{is(errLessParity), exitDiskFailed, advise("what is told as loaded is safe; rebuild makes the missing shards: on the disk that is missing, or on an empty one: sledge rebuild --replace NEW")},
		{is(durable.ErrDiskFailed), exitDiskFailed, advise("take the failed disk out, leave it out of --disk, and give an empty one: sledge rebuild --replace NEW")},
		{is(errSealedWithout), exitSource, advise("they are named in the manifest, in every list and in the import's report; tell the data centre, and keep the source")},
		{both(is(errRemarks), isNot(errSkipped)), exitSource, advise("look at the entries named above; mend them and run the same load again",
			"or go on: the last good version is kept, and the reason is named in every report")},
		{is(errSkipped), exitSource, advise("look at the entries named above; mend them and run the same load again, it takes what is new",
			"or seal: they stay named in the manifest and in every report")},
		{is(scan.ErrSourceGone), exitSource, advise("connect the source again and run the same load again: it goes on, nothing was left out")},
		{is(appliance.ErrFindings), exitSource, advise("rename or remove what is named above and run the command again", "or load with --accept-findings: those entries can be extracted later, but not imported as they are")},
		{is(appliance.ErrFull), exitFull, advise("what is told as loaded is safe; seal this device and load the rest onto another one: sledge seal --incomplete")},
		{is(scan.ErrEmptySource), exitSource, advise("is the source mounted? mount it and run the same load again", "if it is meant to be empty: --allow-empty")},
		{is(appliance.ErrOtherMedium), exitSource, advise("if it is another source, load it under a name of its own: --as NAME; what was loaded before stays as it is",
			"only if it is the same source, on a new disk or file system: --replace; what is as before is not stored again, and its files take the place of those of the same names")},
		{is(appliance.ErrReplaces), exitSource, advise("if this is the same source, load it with --replace: its files take the place of those on the device",
			"if it is another one, load it under a name of its own: --as NAME")},
		{is(appliance.ErrUnfinished), exitState, unfinishedHints},
		{is(appliance.ErrOtherFilters), exitState, advise("run it again with the filters that are named above", "or give its rest up, and load with the new filters: sledge load DIR --abandon")},
		{is(scan.ErrLeftOut), exitSource, advise("look at the filters: what would be left is nothing; a folder with a mark of --exclude-if-present in itself needs another mark")},
		{is(errHook), exitSource, advise("look at what the command said above; after a load that is whole only the snapshot is left to be given back")},
		{is(appliance.ErrTooManyGone), exitSource, advise("is all of the source mounted? look at what is gone: sledge load DIR --dry-run -v", "if it is meant to be gone, allow as much: --max-delete 50%")},
		{is(known.ErrTaken), exitSource, func(err error) []string { return takenHints(err, nil) }},
		{is(appliance.ErrSealBegun), exitState, advise("run the same sledge seal again: it goes on from there")},
		{is(appliance.ErrSealed), exitState, advise("the device is final, nothing can be added any more: ship the disks, and send the label (sledge seal gives it again); for new data the data centre makes a new job")},
		{is(appliance.ErrOlderJob), exitJob, advise("give the device the newest job file that the data centre sent: sledge unlock --job FILE",
			"if its state folder was restored from a backup, tell the data centre")},
		{is(seal.ErrNeedsAnswer), exitWrap, advise("write the wrap check and send FILE to the data centre: sledge status --wrap-check FILE",
			"then seal with the answer that they tell: sledge seal --wrap-answer XXXXX-XXXXX",
			"or seal with --wrap-unchecked: the statement will say so")},
		{is(appliance.ErrNoPack), exitWrap, advise("load something, or seal with --wrap-unchecked: the statement will say so")},
		{is(seal.ErrIncomplete), exitState, incompleteHints},
		{is(disk.ErrUnread), exitDamage, advise("read them back: sledge scrub --read-back", "or seal with --unverified: the statement will say so")},
		{is(seal.ErrDegraded), exitDamage, advise("make the lost shards again on an empty disk: sledge rebuild --replace NEW", "or seal with --degraded: the statement will say so")},
		{is(appliance.ErrRollback), exitRefused, advise("these disks are not in the state that left the site: do not import; compare the label with the sender's copy")},
		{is(appliance.ErrForked), exitRefused, advise("do not import; ask whoever sent the device", "the disks of the state that the label names can be read alone: leave the disks named above out of --disk")},
		{is(appliance.ErrNoAnswer), exitDiskFailed, advise("if it still does not answer: leave it out of --disk, and make it anew with sledge rebuild --replace DIR")},
		{is(appliance.ErrNotMounted), exitDisks, advise("mount the disk and run the same command again, or go on without it: leave it out of --disk")},
		{is(appliance.ErrShared), exitDisks, advise("give each bay a disk of its own; or accept that one failure takes several bays: --allow-shared, which the seal statement repeats")},
		{is(appliance.ErrFilesystem), exitDisks, func(err error) []string {
			return []string{"make an ext4, xfs or btrfs file system on the disk; or take it as it is: --allow-filesystem " + appliance.Unfit(err) + ", which the seal statement repeats"}
		}},
		{is(appliance.ErrForeign, delivery.ErrOtherJob), exitDisks, advise("take the disk named above out; use each disk of this device once")},
		{both(isNot(errTarget), is(syscall.ENOSPC, syscall.EDQUOT)), exitFull, advise("make room, then run the same command again")}, // of an import's state folder: as with little room
		{is(seal.ErrAbsent), exitDisks, advise("connect the disk and run the same sledge seal again, or make it anew on an empty one: sledge rebuild --replace NEW",
			"or seal without it: --absent BAY; its copy of the load key lives on, and the statement says so")},
		{is(rebuild.ErrWhichBay), exitUsage, advise("name the bay: --bay N, one after another")},
		{is(disk.ErrBayHere), exitUsage, advise("leave the bad disk out of --disk: its bay is then the one that is missing")},
		{is(disk.ErrNoBay), exitUsage, advise("name a bay that the device has; which disk is in which bay: sledge status")},
		{is(appliance.ErrManyDisks), exitDisks, advise("name the disks of this device only, one for each bay")},
		{is(appliance.ErrNotSealed), exitState, advise("load and seal it first; what is on an unsealed device is checked with sledge scrub")},
		{is(appliance.ErrNoUnlock), exitDisks, advise("give the other disks of the device too, if there are any: each has it; nothing was changed", "if none has it: this device cannot open them any more, only the data centre's key can; send them there and keep the source")},
		{is(appliance.ErrRebuilding), exitDisks, advise("let the rebuild run to its end: the same sledge rebuild again, onto this disk; or go on without the disk: leave it out of --disk")},
		{is(appliance.ErrOldJobOfDisk), exitDamage, advise("name all disks, this one too: the next sledge load or sledge seal gives it the newer job file")},
		{is(appliance.ErrStale), exitDamage, advise("make its lost shards again: leave it out of --disk, and sledge rebuild --replace DIR onto an empty disk", "or bring the disk that was loaded, if this is an older copy of it")},
		{is(appliance.ErrReadOnly), exitDiskFailed, advise("mount it read-write, or look in the kernel's log (dmesg) for why it became so, and if the disk is bad make it anew: sledge rebuild --replace DIR",
			"what is told as loaded is safe")},
		{is(appliance.ErrDiskFailed), exitDiskFailed, advise("check the disk's cable and power, or replace the disk: sledge rebuild --replace DIR; then run the same command again",
			"what is told as loaded is safe")},
		{is(disk.ErrReadBack), exitDamage, advise("leave the disk named above out of --disk, and make its shards again on an empty one: sledge rebuild --replace NEW")},
		{is(appliance.ErrRebuildHelps), exitDisks, advise("bring the missing disk, in any bay and at any mount point; or, if it is gone for good, make it anew on an empty one: sledge rebuild --replace NEW")},
		{is(appliance.ErrTooFewDisks, keyless.ErrTooFewDisks), exitDisks, advise("bring the missing disks, in any order and at any mount point")},
		{is(scan.ErrPrefix), exitUsage, advise("give a path without \"..\", \".\" and empty parts: --as NAME, or --as NAME/NAME")},
		{is(errNothingUnfinished), exitNotFound, advise("see what is unfinished: sledge status")},
		{is(appliance.ErrNotFound), exitNotFound, advise("see what is there: sledge list")},
		{is(fsck.ErrVersion), exitVersion, advise("use the newest sledge")},
		{is(errRefused, appliance.ErrRefused), exitRefused, advise("do not import; ask whoever sent the device")},
		{is(errDamage), exitDamage, advise("nothing is lost: import as it is, or make the shards again on an empty disk: sledge rebuild --replace NEW")},
		{is(extract.ErrInTheWay), exitConflict, advise("move what is there away, then run the same command again; or extract into another folder")},
		{is(errConflict), exitConflict, advise("move what is there away, then run the same command again; or give these entries other keys (--rules) in an import with a new --run-id")},
		{is(errTarget), exitTarget, advise("mend what is named above, then run the same command again: it goes on")},
		{is(errLeftOver), exitTarget, advise("mend what is named above, then run the same command again: it removes the rest")},
		{is(errObjects), exitObjects, advise("look at the objects named above; the same command tries them again")},
		{is(errExtras), exitExtras, advise("find out who wrote the objects named above; --differences FILE has them all")},
		{is(errUndigested, errOtherTarget), exitObjects, nil},
		{is(errExtract), exitObjects, advise("look at the entries named above, mend the cause and run the same command again")},
		{is(statefolder.ErrNoRun, importreport.ErrNoReceipts, importreport.ErrNothing), exitNotFound, nil},
		{is(errUnwaived), exitUnwaived, advise("mend what is not proven, or waive it: docs/import.md, \"Acceptance\"")}, // see waiverHints
		{is(errMissing), exitDisks, advise("bring their disks, or import the others without them: --allow-missing DEVICE, for each")},
		{is(errSameDisk), exitDisks, advise("name every disk once")},
		{is(errUnproven), exitUnproven, advise("give the job signer's public key, which you have by another channel: --trust signer.pub")},
		{is(manifest.ErrUnsupportedVersion), exitVersion, advise("use the newest sledge")},
		{is(crypto.ErrKey), exitKey, advise("use the key of this job: jobs/<job id>/site.key of the site, or an identity of its recovery recipients")},
		{is(manifest.ErrUnverified, crypto.ErrSignature), exitRefused, advise("do not use this; ask whoever sent it for the right file")},
		{is(keyless.ErrInPart), exitInPart, advise("bring what is missing, and run the same command again; the report says of each check what it needs")},
		{is(keyless.ErrNothing), exitNotFound, advise("name the folder with the disks, labels, receipts and statements that you were given")},
		{is(fs.ErrNotExist), exitNotFound, advise("check the name")},
		{is(witness.ErrUnknown), exitRefused, advise("do not sign: compare device and job with the papers, and ask the giver")},
		{is(witness.ErrProof), exitRefused, advise("do not sign, and keep both: what you have cosigned is in your folder (seen/), what was handed over is here; tell the data centre")},
		{is(witness.ErrMemory), exitRefused, advise("do not sign: bring your folder back from its copy, or tell the data centre, which makes a custodian of a new key")},
		{is(witness.ErrMalformed, codes.ErrParts), exitUsage, advise("take the file instead of the codes, or read every code again")},
		{isBehind, exitBehind, advise("tell the giver the size that is named above: sledge custody handover --again --old SIZE")},
		{is(errNotCustodian), exitState, advise("see whose turn it is: sledge custody show DIR --trust signer.pub")},
		{is(custody.ErrNoLog), exitNotFound, advise("name the folder of a custody log; a device makes its own: sledge custody add provisioned")},
		{is(log.ErrExists), exitUsage, advise("name another folder")},
		{is(vfs.ErrLocked), exitBusy, advise("wait for the other command, then run this one again")},
		{is(errException), exitException, advise("look at the packages, take a photo, and keep the seals; the import refuses nothing for it")},
		{is(errGap), exitGap, advise("ask who had the device in that time; the log's other statements hold")},
		{is(errAlone), exitAlone, advise("give a checkpoint that came another way: --seen FILE (a QR code that was kept, a copy), or --custodian DIR for your own memory")},
		{is(manifest.ErrCorrupt, crypto.ErrCorrupt), exitRefused, advise("get another copy of the file")},
		{is(errUnrecorded), exitUnrecorded, advise("mend the place of the log, then write the event: sledge custody add EVENT; what the command did is safe and need not be done again")},
	}
}

// is reports whether an error is one of several.
func is(targets ...error) func(error) bool {
	return func(err error) bool {
		return slices.ContainsFunc(targets, func(target error) bool { return errors.Is(err, target) })
	}
}

func isNot(target error) func(error) bool {
	return func(err error) bool { return !errors.Is(err, target) }
}

func both(all ...func(error) bool) func(error) bool {
	return func(err error) bool {
		return !slices.ContainsFunc(all, func(f func(error) bool) bool { return !f(err) })
	}
}

// isBehind tells a hand-over that begins elsewhere than at what was cosigned.
func isBehind(err error) bool {
	var conflict *witness.ConflictError
	return errors.As(err, &conflict)
}

func isUsage(err error) bool {
	var usage *usageError
	return errors.As(err, &usage)
}

// advise gives the same hints for every error.
func advise(hints ...string) func(error) []string {
	return func(error) []string { return slices.Clone(hints) }
}
