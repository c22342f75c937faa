package lease

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/sledge-io/sledge/importer/target"
)

// Holder says who took a lease, and when.
type Holder struct {
	Host string    `json:"host,omitempty"`
	PID  int       `json:"pid,omitempty"`
	At   time.Time `json:"at"`
}

func (h Holder) String() string {
	if h.At.IsZero() {
		return "another process"
	}
	return fmt.Sprintf("process %d on %s, since %s", h.PID, h.Host, h.At.UTC().Format(time.RFC3339))
}

// This is this process, now.
func This() Holder {
	host, _ := os.Hostname()
	return Holder{Host: host, PID: os.Getpid(), At: time.Now().UTC()}
}

// Lease is what a slot says. ID, in a target, is that of the state folder which has the lease, and
// Nonce that of the folder's start: copies of one folder (rsync, a restored snapshot) differ in it.
type Lease struct {
	Holder
	ID       string `json:"id,omitempty"`
	Nonce    string `json:"nonce,omitempty"`
	Canceled bool   `json:"canceled,omitempty"` // the run is given up: only another one goes on
}

// Slots are the places of leases, by their numbers, from 1 on.
type Slots interface {
	// Create makes a slot, durably, unless it is there: then Taken is true of its error.
	Create(ctx context.Context, number uint64, l Lease) error

	// Read returns what a slot says; of its error Absent is true where there is none. A slot that
	// nobody can read counts all the same: it is a Lease without a holder.
	Read(ctx context.Context, number uint64) (Lease, error)

	// Highest is the number of the last slot; 0 if there is none.
	Highest(ctx context.Context) (uint64, error)
}

// Taken reports whether a slot was not made because it is there.
func Taken(err error) bool {
	return errors.Is(err, fs.ErrExist) || target.HasCode(err, target.CodeKeyExists)
}

// Absent reports whether a slot was not read because it is not there.
func Absent(err error) bool { return errors.Is(err, fs.ErrNotExist) || target.IsNotFound(err) }

// Tries is how many processes may take the next number before us.
const Tries = 1000

// Take makes the slot behind the highest, or one behind those that others make meanwhile.
func Take(ctx context.Context, s Slots, l Lease) (number uint64, err error) {
	highest, err := s.Highest(ctx)
	if err != nil {
		return 0, err
	}
	for number := highest + 1; number <= highest+Tries; number++ {
		if err := s.Create(ctx, number, l); err == nil || !Taken(err) {
			return number, err
		}
	}
	return 0, fmt.Errorf("%s: the next %d numbers are taken", Folder, Tries)
}

// Last is the highest lease, as far as it can be read; zero if there is none.
func Last(ctx context.Context, s Slots) Lease {
	n, err := s.Highest(ctx)
	if err != nil || n == 0 {
		return Lease{}
	}
	l, err := s.Read(ctx, n)
	if err != nil {
		return Lease{}
	}
	return l
}

// A Lost says that a lease is not ours any more.
type Lost struct {
	By   Holder
	Gone bool // our own slot is not there, and no next one: it was removed, and nobody is known to hold
}

func (l *Lost) Error() string {
	if l.Gone {
		return "the lease was removed"
	}
	return "the holder is " + l.By.String()
}

// Next looks whether somebody has the lease behind ours: that is a Lost. ours tells a slot that we
// have written ourselves, which is no answer: we take it at this moment.
func Next(ctx context.Context, s Slots, number uint64, ours func(Lease) bool) error {
	next, err := s.Read(ctx, number+1)
	switch {
	case Absent(err):
		return nil
	case err != nil:
		return err
	case ours(next):
		return target.NewError(target.CodeServerError, "", "the run's next lease is its own", nil)
	}
	return &Lost{By: next.Holder}
}

// Own looks whether our own lease is there, as we wrote it. Any error but a Lost tells that whose
// it is, is not known.
func Own(ctx context.Context, s Slots, number uint64, ours func(Lease) bool) error {
	own, err := s.Read(ctx, number)
	switch {
	case Absent(err):
		return &Lost{Gone: true}
	case err != nil:
		return err
	case !ours(own):
		return &Lost{By: own.Holder} // of a copy of this folder
	}
	return nil
}

// Look looks at both.
func Look(ctx context.Context, s Slots, number uint64, ours func(Lease) bool) error {
	if err := Next(ctx, s, number, ours); err != nil {
		return err
	}
	return Own(ctx, s, number, ours)
}

// FileName is the name of a number: it has eight digits at least.
func FileName(number uint64) string { return fmt.Sprintf("%08d", number) }

// Number reads a name of at least eight digits.
func Number(name string) (n uint64, ok bool) {
	if len(name) < 8 || len(name) > 18 {
		return 0, false
	}
	n, err := strconv.ParseUint(name, 10, 64)
	return n, err == nil
}
