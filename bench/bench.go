package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// bench is one run of the benchmark.
type bench struct {
	opts   options
	out    io.Writer
	space  *space
	procs  processes
	sledge string // program
	self   string // this program
	sets   map[string]*dataset
	bounds *bounds
	warmth warmth
	began  time.Time
}

func measureAll(ctx context.Context, o options, out io.Writer) (err error) {
	b := &bench{opts: o, out: out, sets: datasets(o.quick), began: time.Now()}
	contests := b.contests()
	rows := selectRows(allRows(), o.rows)
	if len(rows) == 0 {
		return errors.New("no row has such a name (--list lists them)")
	}
	wanted := wantedSides(rows, contests, o)
	rows = complete(rows, wanted)
	if err := b.checkPrograms(); err != nil {
		return err
	}
	if o.docs != "" {
		if _, _, err := splitDocs(o.docs); err != nil {
			return err
		}
	}
	if err := checkRoom(contests, wanted, b.sets, o); err != nil {
		return err
	}
	if b.space, err = openSpace(o.work, o.tmpfs, o.keep); err != nil {
		return err
	}
	defer func() {
		b.warmth.close()
		err = errors.Join(err, b.space.close())
	}()
	b.procs.log = filepath.Join(b.space.scratch(), "run.log")
	b.bounds = newBounds(b)
	b.say("%s", thisMachine(o.work))
	for _, c := range contests {
		if len(wanted[c.name]) == 0 {
			continue
		}
		if dropMissing(c, b); c.over() {
			continue
		}
		if err := c.play(ctx, b, wanted[c.name]); err != nil {
			return err
		}
	}
	r := newReport(b, contests, rows)
	if wantsBounds(rows) {
		if r.Primitives, err = b.bounds.table(ctx); err != nil {
			return err
		}
		r.Formulas = b.bounds.formulas()
	}
	return r.write(out, o)
}

// checkPrograms finds sledge, and this program to start itself again.
func (b *bench) checkPrograms() (err error) {
	if b.self, err = os.Executable(); err != nil {
		return err
	}
	b.sledge = os.Getenv("SLEDGE_BIN")
	if b.sledge == "" {
		b.sledge = filepath.Join("build", "bin", "sledge")
	}
	if b.sledge, err = filepath.Abs(b.sledge); err != nil {
		return err
	}
	if _, err := os.Stat(b.sledge); err != nil {
		return fmt.Errorf("%w (make build)", err)
	}
	return nil
}

// dropMissing names the sides whose programs are not here.
func dropMissing(c *contest, b *bench) {
	for _, s := range c.sides {
		if c.fuse {
			s.skipped = noFUSE()
		}
		for _, name := range append(c.needs, s.needs...) {
			if findProgram(name) == "" {
				s.skipped = "no program " + name
				b.say("%s: %s is left out: there is no program %s", c.name, s.name, name)
				break
			}
		}
	}
}

// run measures a pipeline under a time that even a slow machine needs not.
func (b *bench) run(ctx context.Context, pipeline ...command) (usage, error) {
	return b.procs.run(ctx, 10*time.Minute, pipeline...)
}

// child runs this program in another mode and decodes its answer.
func (b *bench) child(ctx context.Context, answer any, args ...string) error {
	out := filepath.Join(b.space.scratch(), "answer.json")
	if _, err := b.run(ctx, command{args: append([]string{b.self}, args...), stdout: out}); err != nil {
		return err
	}
	text, err := os.ReadFile(out)
	if err != nil || answer == nil {
		return err
	}
	return json.NewDecoder(bytes.NewReader(text)).Decode(answer)
}

// target makes what a run writes to: a fresh folder, on a disk with room.
func (b *bench) target(m medium, name string, set *dataset) (string, error) {
	if err := b.space.makeRoom(4*set.Bytes + 1<<30); err != nil {
		return "", err
	}
	return b.space.fresh(m, name)
}

// ready is called last before a measured run: memory for what it writes is warm,
// the source is in the page cache, and nothing is left to be written back.
func (b *bench) ready(ctx context.Context, m medium, set *dataset) error {
	err := b.touch(ctx, set.Bytes*3/2+b.margin()/4)
	if err == nil {
		err = readAgain(set.dir)
	}
	if m == disk {
		syncDisk()
	}
	return err
}

// margin is memory for the programs themselves, four of them at most at a time.
func (b *bench) margin() int64 {
	if b.opts.quick {
		return 256 * mib
	}
	return 1 << 30
}

func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.out, "%6.1f s  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// tell is a line for each run, so that a long benchmark shows where it is.
func (b *bench) tell(c *contest, s *side, round int, x sample) {
	what := fmt.Sprintf("round %d", round)
	if round == 0 {
		what = "warm-up"
	}
	if x.Bound > 0 {
		b.say("%s %s: %s, bound %.0f", c.name, s.name, what, x.Bound)
		return
	}
	b.say("%s %s: %s, %.2f s, %.0f MB/s, %.0f files/s, cpu %.2f s, %.0f MiB", c.name, s.name, what, x.Wall, x.in(mbps), x.in(filesps), x.cpu(), float64(x.RSS)/mib)
}

func firstLine(err error) string {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return line
}
