package main

import "github.com/sledge-io/sledge/firmware"

// nextExpired is the next step after the job's date, as far as the state alone says it;
// empty where it is the one before that date.
func (a *app) nextExpired(state firmware.State) string {
	look := "sledge status"
	if len(a.diskPatterns()) == 0 {
		look += " --disk '/mnt/bay*'"
	}
	look += " (it names the steps to the seal); or " + nextExtend
	switch state {
	case firmware.Locked:
		return "sledge unlock, then " + look
	case firmware.Unlocked, firmware.Loading:
		return look
	}
	return ""
}

const nextExtend = "ask the data centre to extend the job, then sledge unlock --job NEW.dsse"

// stepsExpired is the way to the seal of a device whose job has expired, in the order in
// which the steps can be taken: the seal wants the answer to the wrap check.
func (a *app) stepsExpired(s *diskStatus, unfinished bool) (next string, then []string) {
	seal := "sledge seal"
	if unfinished {
		seal += " --incomplete"
	}
	switch {
	case s.Packs > 0:
		return a.commands("sledge status --wrap-check FILE (send FILE to the data centre, which tells an answer); or " + nextExtend),
			[]string{a.commands(seal + " --wrap-answer XXXXX-XXXXX (their answer)")}
	case unfinished || s.Entries+s.Skipped+s.Lost > 0 || s.Uncounted != "":
		return a.commands(seal + " --wrap-unchecked (no pack is there to check); or " + nextExtend), nil
	}
	return a.commands(nextExtend), nil // there is nothing to seal
}
