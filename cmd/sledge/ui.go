package main

// The rules of the command's text:
//
//   - Results go to stdout, everything else to stderr. With --json stdout has one
//     JSON object and stderr has JSON lines.
//   - An error is one line, "error: " and the fact, lower case, with its place;
//     then "hint: " lines that say what to do next. Hints and exit codes are in
//     [diagnose] and nowhere else.
//   - Exit code 0 means done and proven, never "done, but".
//   - Control characters in names are escaped, so that a file name cannot drive
//     the operator's terminal.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"github.com/sledge-io/sledge/appliance"
	"github.com/sledge-io/sledge/crypto"
	"github.com/sledge-io/sledge/firmware"
	"github.com/sledge-io/sledge/internal/durable"
	"github.com/sledge-io/sledge/internal/fsck"
	"github.com/sledge-io/sledge/internal/importreport"
	"github.com/sledge-io/sledge/internal/site"
	"github.com/sledge-io/sledge/manifest"
)

// Exit codes, listed in docs/exit-codes.md (a test compares them).
const (
	exitDone        = 0
	exitUnexpected  = 1
	exitUsage       = 2
	exitKey         = 3
	exitJob         = 4
	exitState       = 5
	exitDisks       = 6
	exitLost        = 7
	exitDamage      = 8
	exitUnproven    = 9
	exitRefused     = 10
	exitSource      = 11
	exitTarget      = 12
	exitObjects     = 13
	exitConflict    = 14
	exitFull        = 15
	exitDiskFailed  = 16
	exitWrap        = 17
	exitBusy        = 18
	exitNotFound    = 19
	exitVersion     = 20
	exitTampered    = 21
	exitExtras      = 22
	exitUnwaived    = 23
	exitInterrupted = 130
)

// exitClasses names the codes, for --json and the documentation.
var exitClasses = []struct {
	code          int
	name, meaning string
}{
	{exitDone, "done", "done, and everything that was asked for is proven"},
	{exitUnexpected, "unexpected", "an error that has no class of its own; the text says what failed"},
	{exitUsage, "usage", "the command line is wrong; nothing was done"},
	{exitKey, "key", "an unlock code is mistyped or wrong, or a key does not open this data"},
	{exitJob, "job", "the job file is damaged, altered, unsigned, of another site, older, or expired"},
	{exitState, "state", "the device's state does not allow this"},
	{exitDisks, "disks", "disks are missing, not mounted, not fit, of another job, device or generation, or there twice"},
	{exitLost, "lost", "data is lost: more than m shards of a stripe; the entries are named"},
	{exitDamage, "damage", "damage was found; it was or can be repaired, nothing is lost"},
	{exitUnproven, "unproven", "consistent, but the origin is not proven: no trusted key was given"},
	{exitRefused, "refused", "a signature, commitment or label does not fit, or a signed log breaks the format: forged, altered, put back, or made by a faulty loader; do not use"},
	{exitSource, "source", "source entries were skipped, vanished or changed, or an older version of them was kept, and the rest is done; or the source has gone, and the same load goes on"},
	{exitTarget, "target", "the target or the import's state folder needs the operator; the same command goes on"},
	{exitObjects, "objects", "some objects are not in the target, or not proven; the rest is done"},
	{exitConflict, "conflict", "a key or file exists with other content; it was not touched"},
	{exitFull, "full", "a disk has no space left"},
	{exitDiskFailed, "disk-failed", "a disk failed while it was written, or does not answer"},
	{exitWrap, "wrap", "the site has not confirmed that it can open the load key"},
	{exitBusy, "busy", "another sledge command is at work on this device"},
	{exitNotFound, "not-found", "no such file, entry or pack"},
	{exitVersion, "version", "made by a newer sledge"},
	{exitTampered, "tampered", "the device's state is not believed any more"},
	{exitExtras, "extras", "everything is in the target, and below the prefix are objects that no receipt names"},
	{exitUnwaived, "unwaived", "something is neither proven nor waived by name; nothing was signed"},
	{exitInterrupted, "interrupted", "interrupted; the same command goes on"},
}

// gravity is the order of the codes where one must stand for several devices, worst
// first: what must not be used, what was not done, what can go on, what is left.
var gravity = []int{
	exitTampered, exitRefused, exitLost, exitUnexpected, exitVersion, exitKey, exitJob, exitUsage, exitState, exitDisks, exitDiskFailed, exitWrap,
	exitNotFound, exitBusy, exitFull, exitInterrupted, exitTarget, exitConflict, exitObjects, exitExtras, exitUnwaived, exitUnproven, exitDamage,
	exitSource, exitDone,
}

// graver tells whether an error is worse than another one.
func graver(err, than error) bool {
	code, _ := diagnose(err)
	other, _ := diagnose(than)
	return slices.Index(gravity, code) < slices.Index(gravity, other)
}

func className(code int) string {
	for _, c := range exitClasses {
		if c.code == code {
			return c.name
		}
	}
	return "unexpected"
}

// Outcomes that only the command knows.
var (
	errJobFile       = errors.New("job file")
	errExpired       = errors.New("job has expired")
	errWrongCode     = errors.New("wrong unlock code")
	errUnproven      = errors.New("origin is not proven")
	errOtherTarget   = errors.New("another target than the job's")
	errNoDevice      = errors.New("no device named")
	errNoDisks       = errors.New("no disks named")
	errSameDisk      = errors.New("one folder, named twice")
	errStateFolder   = errors.New("state folder cannot be used")
	errNotFolder     = errors.New("not a folder")
	errFileExists    = errors.New("exists already and is not overwritten")
	errDegraded      = errors.New("a disk failed, the load went on without it")
	errLessParity    = errors.New("packs were written with less parity")
	errSkipped       = errors.New("source entries could not be read")
	errSealedWithout = errors.New("sealed")
	errRemarks       = errors.New("loaded with remarks: the device has the last good version, and a later look failed or was doubtful")
	errFewFiles      = errors.New("too few files may be open at once")
	errDamage        = errors.New("damage that can be repaired")
	errLost          = errors.New("data lost")
	errRefused       = errors.New("not to be used")
	errTarget        = errors.New("the import stopped")
	errObjects       = errors.New("objects are not in the target or not proven")
	errExtras        = errors.New("objects that no receipt names are below the prefix")
	errConflict      = errors.New("exists with other content")
	errExtract       = errors.New("not everything was extracted")
	errUndigested    = errors.New("not in the list, for want of a SHA-256 of the whole file")
	errUnwaived      = errors.New("neither proven nor waived")
	errNoRun         = errors.New("no such import run")
	errMissing       = errors.New("devices of the job are missing")
	errInternal      = errors.New("a fault of sledge itself")
)

// jobFileError is an error of reading a job file, whose text says so already.
type jobFileError struct{ error }

func (e *jobFileError) Unwrap() []error { return []error{errJobFile, e.error} }

// usageError is a mistake on the command line.
type usageError struct{ error }

func (e *usageError) Unwrap() error { return e.error }

func usagef(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

// hinted is an error with a hint that only its place knows. The exit code is
// still diagnose's.
type hinted struct {
	error
	hints []string
}

func (e *hinted) Unwrap() error { return e.error }

// hint gives an error its hint. Without an error there is none.
func hint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, []string{fmt.Sprintf(format, args...)}}
}

// helpHint becomes the help of the verb that was called.
const helpHint = "see the command's --help"

// isLoss tells whether an error says that what was told as safe is lost, or may be. A
// command is never so interrupted, full or without its source that this matters less.
func isLoss(err error) bool {
	return errors.Is(err, appliance.ErrLost) || errors.Is(err, appliance.ErrDoubted) || errors.Is(err, errLost)
}

// lossHints are the hints of a loss, by what came with it.
func lossHints(err error) []string {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case is(appliance.ErrReadBack) && is(appliance.ErrLost):
		return []string{"keep the source, and do not use the disks named above: they do not hold what they take, as disks of counterfeit capacity; load again onto others"}
	case is(appliance.ErrFull):
		return []string{"keep the source: the disks do not give back all that was loaded, and this device has no room to load it again",
			"load it onto another device; or make room by a larger disk (sledge rebuild --replace NEW), and load it again"}
	case is(appliance.ErrDoubted) && !is(appliance.ErrLost):
		return []string{"keep the source, take out the disks named above and load it again: what is on them does not count as safe",
			"or read the disks once more: sledge scrub --read-back"}
	}
	return []string{"bring every disk of the device, also damaged ones: any k good blocks of a stripe are enough",
		"before the seal: keep the source and load it again, that takes what is lost; then seal"}
}

// diagnose is the one place that turns an error into an exit code and hints.
// More particular errors come first.
func diagnose(err error) (code int, hints []string) {
	is := func(target error) bool { return errors.Is(err, target) }
	var usage *usageError
	var own *hinted
	if errors.As(err, &own) {
		hints = own.hints
	}
	add := func(code int, more ...string) (int, []string) {
		if own != nil {
			return code, hints // the place knows better
		}
		return code, more
	}
	switch {
	case err == nil:
		return exitDone, nil
	case is(errOutput):
		return add(exitUnexpected, "the command did its work, but what it tells did not arrive whole: look at where its output goes")
	case isLoss(err) && !is(firmware.ErrTampered): // of such a device nothing is believed
		return add(exitLost, lossHints(err)...)
	case isInterrupted(err):
		return add(exitInterrupted, "run the same command again: it goes on where it stopped")
	case is(errInternal):
		return add(exitUnexpected, "report it with this text, and with the lines of --log; what is done is safe, and the same command tries the rest again")
	case errors.As(err, &usage):
		return add(exitUsage, helpHint)
	case is(errFewFiles), is(syscall.EMFILE), is(syscall.ENFILE):
		return add(exitUnexpected, "let this process open more files, then run the same command again: ulimit -n 65536 (as root, or in /etc/security/limits.conf; in a systemd unit LimitNOFILE=65536)")
	case is(errNoDevice):
		return add(exitUsage, "name the device's state folder with --device DIR or SLEDGE_DEVICE")
	case is(errNoDisks):
		return add(exitUsage, "name the disks with --disk '/mnt/bay*', one --disk each, or SLEDGE_DISKS")
	case is(errFileExists):
		return add(exitUsage, "name another file, or move the old one away")
	case is(firmware.ErrNoWayBack):
		return add(exitTampered, "stop using this device and tell the data centre; keep the state folder as evidence",
			"disks that were sealed can still be verified and imported: this device's state is not asked for that",
			"to go on with the hardware, provision a new device: sledge device init with another --device DIR, then a new job")
	case is(errStateFolder) && is(syscall.EROFS):
		return add(exitUnexpected, "its file system is mounted read-only: mount it read-write, or look in the kernel's log (dmesg) for why it became so")
	case is(errStateFolder):
		return add(exitUnexpected, "run the command as the user who made the folder, or give the folder and its files to this user (chown)")
	case is(firmware.ErrTampered):
		return add(exitTampered, "stop using this device and tell the data centre; keep the state folder as evidence",
			"if it was no tampering, the data centre can say so: tell it what sledge device show prints, and give its statement to sledge device reinstate",
			"disks that were sealed can still be verified and imported: this device's state is not asked for that",
			"to go on with the hardware, provision a new device: sledge device init with another --device DIR, then a new job")
	case is(firmware.ErrHalfDevice):
		return add(exitState, "this folder was restored or cleared by halves: a job may pin its key; make the device in another folder (--device DIR)",
			"if the key was never given to a data centre, put it aside: sledge device init --new-key")
	case is(firmware.ErrDoubt):
		return add(exitTampered, "nothing was marked: the next command that changes the device decides; if the text comes again, tell the data centre")
	case is(crypto.ErrCodeTyping):
		return add(exitKey, "type the code again as it is on the code sheet; the device counts no attempts")
	case is(errWrongCode):
		return add(exitKey, "this code belongs to another job: compare job and device with the code sheet; if both are the same, type the code again")
	case is(errExpired), is(appliance.ErrExpired):
		return add(exitJob, "check the device's clock; if it is right, ask the data centre to extend the job (sledge job extend), and give the device the new file: sledge unlock --job NEW.dsse",
			"what is on the disks is not locked in: it can be sealed, and sealed disks can be imported at any time")
	case is(firmware.ErrRollback):
		return add(exitJob, "use the newest job file that the data centre sent")
	case is(errJobFile):
		return add(exitJob, "ask the data centre to send job.dsse again; the device obeys only the site that it was provisioned with (sledge device show)")
	case is(firmware.ErrNotProvisioned):
		return add(exitState, "make a device here first: sledge device init --trust signer.pub", "or name another folder with --device DIR")
	case is(firmware.ErrProvisioned):
		return add(exitState, "use the device that is here, or name another folder with --device DIR")
	case is(firmware.ErrSecretElsewhere):
		return add(exitState, "run the command in the session that unlocked the device, or unlock it here again first: sledge unlock",
			"a restart of the machine removes every copy of the load key from memory")
	case is(firmware.ErrNoSecret):
		return add(exitState, "unlock the device: sledge unlock")
	case is(firmware.ErrForbidden):
		return add(exitState, "see what the device is waiting for: sledge status")
	case is(firmware.ErrSecondCheckpoint):
		return add(exitRefused, "the disks are not what this device sealed before: do not seal, tell the data centre")
	case is(firmware.ErrUnsafeSecret):
		return add(exitState, "set XDG_RUNTIME_DIR to a tmpfs that is yours alone, or mount /dev/shm", "remove a foreign file there and run the command again")
	case is(firmware.ErrConcurrent), is(firmware.ErrBusy), is(appliance.ErrBusy):
		return add(exitBusy, "wait for the other command, or stop it, then run this one again")
	case is(appliance.ErrFolderBusy):
		return add(exitBusy, "wait until that command has ended, or stop it, then run this one again; or extract into another folder")
	case is(appliance.ErrUnsynced):
		return add(exitUnexpected, "look at the space and the health of the disk that is extracted to, and in the kernel's log (dmesg)",
			"then run the same command again: it compares what is there as the disk holds it, and writes the rest; or extract to another disk")
	case is(site.ErrExists):
		return add(exitUsage, "use this site, or name another folder")
	case is(crypto.ErrNotInFIPS):
		return add(exitUsage, "make the job with --fips, or run without GODEBUG=fips140=only")
	case is(site.ErrInvalid):
		return add(exitUsage, "correct it and run the command again")
	case is(site.ErrNoSite):
		return add(exitUsage, "name the site's folder, or make one: sledge site init DIR --name NAME")
	case is(site.ErrNotEmpty):
		return add(exitUsage, "name a new folder, or an empty one: --out FOLDER")
	case is(site.ErrReduced):
		return add(exitUsage, "run it where the site's whole key folder is, and name that one: --site DIR",
			"the import of another job needs a folder of its own, made there: sledge site export --for import --job JOB --out FOLDER")
	case is(site.ErrUnknownJob), is(site.ErrForeignJob):
		return add(exitJob, "use the key folder of the site that made this job")
	case is(appliance.ErrReadBack) && is(appliance.ErrTooFewDisks):
		return add(exitDisks, "do not use the disks named above: they do not hold what they take, as disks of counterfeit capacity; load again onto others")
	case is(errReadBackDisk):
		return add(exitDiskFailed, "replace the disk: sledge rebuild --replace DIR")
	case is(errDegraded):
		return add(exitDiskFailed, "what is told as loaded is safe; rebuild makes the lost shards again",
			"take the failed disk out, leave it out of --disk, and give an empty one: sledge rebuild --replace NEW")
	case is(errLessParity):
		return add(exitDiskFailed, "what is told as loaded is safe; rebuild makes the missing shards: on the disk that is missing, or on an empty one: sledge rebuild --replace NEW")
	case is(durable.ErrDiskFailed):
		return add(exitDiskFailed, "take the failed disk out, leave it out of --disk, and give an empty one: sledge rebuild --replace NEW")
	case is(errSealedWithout):
		return add(exitSource, "they are named in the manifest, in every list and in the import's report; tell the data centre, and keep the source")
	case is(errRemarks) && !is(errSkipped):
		return add(exitSource, "look at the entries named above; mend them and run the same load again",
			"or go on: the last good version is kept, and the reason is named in every report")
	case is(errSkipped):
		return add(exitSource, "look at the entries named above; mend them and run the same load again, it takes what is new",
			"or seal: they stay named in the manifest and in every report")
	case is(appliance.ErrSourceGone):
		return add(exitSource, "connect the source again and run the same load again: it goes on, nothing was left out")
	case is(appliance.ErrFindings):
		return add(exitSource, "rename or remove what is named above and run the command again", "or load with --accept-findings: those entries can be extracted later, but not imported as they are")
	case is(appliance.ErrFull):
		return add(exitFull, "what is told as loaded is safe; seal this device and load the rest onto another one: sledge seal --incomplete")
	case is(appliance.ErrEmptySource):
		return add(exitSource, "is the source mounted? mount it and run the same load again", "if it is meant to be empty: --allow-empty")
	case is(appliance.ErrOtherMedium):
		return add(exitSource, "if it is another source, load it under a name of its own: --as NAME; what was loaded before stays as it is",
			"only if it is the same source, on a new disk or file system: --replace; what is as before is not stored again, and its files take the place of those of the same names")
	case is(appliance.ErrReplaces):
		return add(exitSource, "if this is the same source, load it with --replace: its files take the place of those on the device",
			"if it is another one, load it under a name of its own: --as NAME")
	case is(appliance.ErrUnfinished):
		return add(exitState, unfinishedHints(err)...)
	case is(appliance.ErrTaken):
		return add(exitSource, takenHints(err, nil)...)
	case is(appliance.ErrSealBegun):
		return add(exitState, "run the same sledge seal again: it goes on from there")
	case is(appliance.ErrSealed):
		return add(exitState, "the device is final, nothing can be added any more: ship the disks, and send the label (sledge seal gives it again); for new data the data centre makes a new job")
	case is(appliance.ErrOlderJob):
		return add(exitJob, "give the device the newest job file that the data centre sent: sledge unlock --job FILE",
			"if its state folder was restored from a backup, tell the data centre")
	case is(appliance.ErrNeedsAnswer):
		return add(exitWrap, "write the wrap check and send FILE to the data centre: sledge status --wrap-check FILE",
			"then seal with the answer that they tell: sledge seal --wrap-answer XXXXX-XXXXX",
			"or seal with --wrap-unchecked: the statement will say so")
	case is(appliance.ErrNoPack):
		return add(exitWrap, "load something, or seal with --wrap-unchecked: the statement will say so")
	case is(appliance.ErrIncomplete):
		return add(exitState, incompleteHints(err)...)
	case is(appliance.ErrUnread):
		return add(exitDamage, "read them back: sledge scrub --read-back", "or seal with --unverified: the statement will say so")
	case is(appliance.ErrDegraded):
		return add(exitDamage, "make the lost shards again on an empty disk: sledge rebuild --replace NEW", "or seal with --degraded: the statement will say so")
	case is(appliance.ErrRollback):
		return add(exitRefused, "these disks are not in the state that left the site: do not import; compare the label with the sender's copy")
	case is(appliance.ErrForked):
		return add(exitRefused, "do not import; ask whoever sent the device", "the disks of the state that the label names can be read alone: leave the disks named above out of --disk")
	case is(appliance.ErrNoAnswer):
		return add(exitDiskFailed, "if it still does not answer: leave it out of --disk, and make it anew with sledge rebuild --replace DIR")
	case is(appliance.ErrNotMounted):
		return add(exitDisks, "mount the disk and run the same command again, or go on without it: leave it out of --disk")
	case is(appliance.ErrShared):
		return add(exitDisks, "give each bay a disk of its own; or accept that one failure takes several bays: --allow-shared, which the seal statement repeats")
	case is(appliance.ErrFilesystem):
		return add(exitDisks, "make an ext4, xfs or btrfs file system on the disk; or take it as it is: --allow-filesystem "+appliance.Unfit(err)+", which the seal statement repeats")
	case is(appliance.ErrForeign):
		return add(exitDisks, "take the disk named above out; use each disk of this device once")
	case !is(errTarget) && (is(syscall.ENOSPC) || is(syscall.EDQUOT)): // of an import's state folder: as with little room
		return add(exitFull, "make room, then run the same command again")
	case is(appliance.ErrAbsent):
		return add(exitDisks, "connect the disk and run the same sledge seal again, or make it anew on an empty one: sledge rebuild --replace NEW",
			"or seal without it: --absent BAY; its copy of the load key lives on, and the statement says so")
	case is(appliance.ErrWhichBay):
		return add(exitUsage, "name the bay: --bay N, one after another")
	case is(appliance.ErrBayHere):
		return add(exitUsage, "leave the bad disk out of --disk: its bay is then the one that is missing")
	case is(appliance.ErrNoBay):
		return add(exitUsage, "name a bay that the device has; which disk is in which bay: sledge status")
	case is(appliance.ErrManyDisks):
		return add(exitDisks, "name the disks of this device only, one for each bay")
	case is(appliance.ErrNotSealed):
		return add(exitState, "load and seal it first; what is on an unsealed device is checked with sledge scrub")
	case is(appliance.ErrNoUnlock):
		return add(exitDisks, "give the other disks of the device too, if there are any: each has it; nothing was changed", "if none has it: this device cannot open them any more, only the data centre's key can; send them there and keep the source")
	case is(appliance.ErrRebuilding):
		return add(exitDisks, "let the rebuild run to its end: the same sledge rebuild again, onto this disk; or go on without the disk: leave it out of --disk")
	case is(appliance.ErrStale):
		return add(exitDamage, "make its lost shards again: leave it out of --disk, and sledge rebuild --replace DIR onto an empty disk", "or bring the disk that was loaded, if this is an older copy of it")
	case is(appliance.ErrReadOnly):
		return add(exitDiskFailed, "mount it read-write, or look in the kernel's log (dmesg) for why it became so, and if the disk is bad make it anew: sledge rebuild --replace DIR",
			"what is told as loaded is safe")
	case is(appliance.ErrDiskFailed):
		return add(exitDiskFailed, "check the disk's cable and power, or replace the disk: sledge rebuild --replace DIR; then run the same command again",
			"what is told as loaded is safe")
	case is(appliance.ErrReadBack):
		return add(exitDamage, "leave the disk named above out of --disk, and make its shards again on an empty one: sledge rebuild --replace NEW")
	case is(appliance.ErrRebuildHelps):
		return add(exitDisks, "bring the missing disk, in any bay and at any mount point; or, if it is gone for good, make it anew on an empty one: sledge rebuild --replace NEW")
	case is(appliance.ErrTooFewDisks):
		return add(exitDisks, "bring the missing disks, in any order and at any mount point")
	case is(appliance.ErrPrefix):
		return add(exitUsage, "give a path without \"..\", \".\" and empty parts: --as NAME, or --as NAME/NAME")
	case is(errNothingUnfinished):
		return add(exitNotFound, "see what is unfinished: sledge status")
	case is(appliance.ErrNotFound):
		return add(exitNotFound, "see what is there: sledge list")
	case is(fsck.ErrVersion):
		return exitVersion, []string{"use the newest sledge"}
	case is(errRefused), is(appliance.ErrRefused):
		return add(exitRefused, "do not import; ask whoever sent the device")
	case is(errDamage):
		return add(exitDamage, "nothing is lost: import as it is, or make the shards again on an empty disk: sledge rebuild --replace NEW")
	case is(appliance.ErrInTheWay), is(errConflict):
		return add(exitConflict, "move what is there away, then run the same command again; or give these entries other keys (--rules) in an import with a new --run-id")
	case is(errTarget):
		return add(exitTarget, "mend what is named above, then run the same command again: it goes on")
	case is(errObjects):
		return add(exitObjects, "look at the objects named above; the same command tries them again")
	case is(errExtras):
		return add(exitExtras, "find out who wrote the objects named above; --differences FILE has them all")
	case is(errUndigested), is(errOtherTarget):
		return add(exitObjects)
	case is(errExtract):
		return add(exitObjects, "look at the entries named above, mend the cause and run the same command again")
	case is(errNoRun), is(importreport.ErrNoReceipts), is(importreport.ErrNothing):
		return add(exitNotFound)
	case is(errUnwaived):
		return add(exitUnwaived, "mend what is named above: the same sledge import run tries again what failed",
			"or waive it by its name: --waive PATH (of a kind that rules left out: --waive-left-out KIND), or --waivers FILE with the lines of --list FILE that you accept")
	case is(errMissing):
		return add(exitDisks, "bring their disks, or import the others without them: --allow-missing DEVICE, for each")
	case is(errSameDisk):
		return add(exitDisks, "name every disk once")
	case is(errUnproven):
		return add(exitUnproven, "give the job signer's public key, which you have by another channel: --trust signer.pub")
	case is(manifest.ErrUnsupportedVersion):
		return add(exitVersion, "use the newest sledge")
	case is(crypto.ErrKey):
		return add(exitKey, "use the key of this job: jobs/<job id>/site.key of the site, or an identity of its recovery recipients")
	case is(manifest.ErrUnverified), is(crypto.ErrSignature):
		return add(exitRefused, "do not use this; ask whoever sent it for the right file")
	case is(fs.ErrNotExist):
		return add(exitNotFound, "check the name")
	case is(manifest.ErrCorrupt), is(crypto.ErrCorrupt):
		return add(exitRefused, "get another copy of the file")
	}
	return add(exitUnexpected)
}

// report is what a verb has to tell on stdout.
type report interface {
	print(w io.Writer)
}

// answer is the JSON object of a verb's end.
type answer struct {
	Verb   string   `json:"verb"`
	OK     bool     `json:"ok"`
	Exit   int      `json:"exit"`
	Class  string   `json:"class"`
	Error  string   `json:"error,omitempty"`
	Hints  []string `json:"hints,omitempty"`
	Result report   `json:"result,omitempty"`
}

// end tells how a verb ended and sets the exit code.
func (a *app) end(verb string, r report, err error) {
	code, hints := diagnose(err)
	for i, h := range hints {
		if h == helpHint {
			h = "see " + verb + " --help"
		}
		hints[i] = a.commands(h)
	}
	a.code = code
	if a.json {
		text := ""
		if err != nil {
			text = inWords(err)
		}
		e := json.NewEncoder(jsonText{a.out})
		e.SetEscapeHTML(false)
		if err := e.Encode(answer{verb, code == 0, code, className(code), text, hints, r}); err != nil && !errors.Is(err, errOutput) {
			a.code = max(code, exitUnexpected) // no JSON of it can be made
		}
		return
	}
	if r != nil && !(a.quiet && err == nil) {
		r.print(terminal{a.out})
	}
	if err != nil {
		a.told = err
		a.tellError(err, hints)
	}
}

// inWords is an error as its reader knows things: who stops a command, by Ctrl-C or
// from another terminal, has not canceled a context.
func inWords(err error) string {
	if !isInterrupted(err) {
		return err.Error()
	}
	return strings.ReplaceAll(err.Error(), context.Canceled.Error(), "stopped, as was asked")
}

// errorLines takes gathered errors apart, one a line, and bounds their number.
func errorLines(err error) []string {
	const most = 20
	lines := strings.Split(strings.TrimRight(namesShown(err, inWords(err)), "\n"), "\n")
	if len(lines) > most {
		lines = append(lines[:most:most], fmt.Sprintf("and %d more", len(lines)-most))
	}
	return lines
}

// note tells the operator something that is no error. JSON mode has it as an event.
func (a *app) note(format string, args ...any) { a.event("note", fmt.Sprintf(format, args...)) }

// warn tells the operator what he should know before he relies on the result.
func (a *app) warn(format string, args ...any) { a.event("warning", fmt.Sprintf(format, args...)) }

func (a *app) event(kind, text string) {
	if a.errTTY && !a.json && !(a.quiet && kind == "note") {
		fmt.Fprint(a.err, clearLine) // of progress, which comes again
	}
	switch {
	case a.json:
		a.jsonLine(map[string]any{"event": kind, "text": text})
	case kind == "warning":
		fmt.Fprintf(a.err, "warning: %s\n", shown(text))
	case !a.quiet:
		fmt.Fprintf(a.err, "%s\n", shown(text))
	}
}

func (a *app) jsonLine(v any) {
	if b, err := json.Marshal(v); err == nil {
		fmt.Fprintf(a.err, "%s\n", plainJSON(b))
	}
}
