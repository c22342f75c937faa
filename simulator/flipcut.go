package simulator

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// flipCut has a file become a folder with much below it, and cuts the load when some of
// that is safe. The folder is then the path's entry already: nothing is held below what
// is no folder. Two workers and what the list has before the folder make the rest of
// the list overtake it, wherever it is not committed first.
func (l *life) flipCut(ctx context.Context, dice *rand.Rand) error {
	m, path := l.model, fmt.Sprintf("flips-%d", dice.IntN(1000))
	if m.now[path] != "" {
		return nil
	}
	m.write(path, randomBytes(dice, 100))
	if err := l.survived(l.loadOnce(ctx, l.set(nil))); err != nil {
		return err
	}
	const unit = 8 << 20 // what one worker takes at once
	pack := int(l.cfg.Job.Policy.PackSize)
	m.remove(path)
	m.write(path+"-before", randomBytes(dice, unit-1000))
	for n := range 3 {
		m.write(fmt.Sprintf("%s/below-%d", path, n), randomBytes(dice, pack/2+1000+dice.IntN(pack/2)))
	}
	l.cfg.Workers = 2
	l.met[FlipCut]++
	what := []Trouble{PowerCut, CtrlC, CtrlC, CtrlC}[dice.IntN(4)]
	if err := l.interrupt(ctx, what, 20+dice.Int64N(130), l.committing(), dice, nil); err != nil {
		return err
	}
	return l.survived(l.loadOnce(ctx, l.set(nil)))
}
