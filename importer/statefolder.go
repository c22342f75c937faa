package importer

import "github.com/sledge-io/sledge/internal/vfs"

// StateFolder is a run's state folder, with what keeps a process from it that was replaced. Whoever
// wraps one has to forward both; a folder that no other process can take over is Alone.
type StateFolder interface {
	vfs.FS

	// Held is CodeTakenOver once another process has taken the folder over. It is asked
	// before every write to the journal or the target, so it must be quick.
	Held() error

	// Taken is the number of the copy that this is, of a folder that was taken over from a
	// process which did not let go of it; 0 if it is none.
	Taken() uint64
}

// Alone is a state folder that no other process can take over, such as one in memory. For a
// real folder take OpenState.
func Alone(disk vfs.FS) StateFolder { return alone{disk} }

type alone struct{ vfs.FS }

func (alone) Held() error { return nil }

func (alone) Taken() uint64 { return 0 }

// heldBy asks a state folder whether it is still ours; a dry run has none.
func heldBy(state StateFolder) func() error {
	if state == nil {
		return func() error { return nil }
	}
	return state.Held
}
