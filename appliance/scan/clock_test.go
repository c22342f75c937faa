package scan

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sledge-io/sledge/internal/vfs"
)

var ext4 = vfs.Volume{FS: "ext4", ID: "uuid:a", Root: "ino:2", StableInodes: true, TrustHoles: true}

// TestSettled: how long a file that was just changed is waited for.
func TestSettled(t *testing.T) {
	fat := vfs.Volume{FS: "vfat", Coarse: 2 * time.Second}
	nfs := vfs.Volume{FS: "nfs4", StableInodes: true, Remote: true}
	synctest.Test(t, func(t *testing.T) {
		start := time.Now() // at a whole second
		time.Sleep(time.Hour + 500*time.Microsecond)
		for _, test := range []struct {
			name   string
			volume vfs.Volume
			age    time.Duration // of the change, by the clock that stamps
			ahead  time.Duration // of the server's clock
			whole  bool          // times without a fraction of a second
			want   time.Duration
		}{
			{"fine, young", ext4, time.Millisecond, 0, false, tick - time.Millisecond},
			{"fine, old", ext4, time.Second, 0, false, 0},
			{"before the clock was set", ext4, -time.Hour, 0, false, 0},
			{"FAT, young", fat, time.Second, 0, true, time.Second + tick},
			{"FAT, old", fat, 3 * time.Second, 0, true, 0},
			{"whole seconds, young", ext4, time.Second, 0, true, time.Second + tick},
			{"a server's, young", nfs, 0, 0, false, remoteTick},
			{"a server's, behind", nfs, 0, -time.Hour, false, remoteTick},
			{"a server's, ahead", nfs, 0, time.Hour, false, remoteTick},
			{"a server's, old", nfs, time.Hour, 0, false, remoteTick},
		} {
			c := clock{opened: start}
			changed := time.Now().Add(test.ahead - test.age)
			if test.whole {
				changed = start.Add(time.Hour - test.age)
				test.want = max(0, test.want-500*time.Microsecond)
			}
			stamp := changed.UnixNano()
			if got := c.unsettled(test.volume, 1, stamp, stamp, false); got != test.want {
				t.Errorf("%s: %v, want %v", test.name, got, test.want)
			}
			if got := c.unsettled(test.volume, 1, stamp, stamp, true); got != 0 {
				t.Errorf("%s, seen an hour ago: %v", test.name, got)
			}
			c.scanned()
			if got := c.unsettled(test.volume, 1, stamp, stamp, true); got != test.want {
				t.Errorf("%s, seen just now: %v, want %v", test.name, got, test.want)
			}
		}
	})
}

// TestServersOwnClock: a later time of the same server settles a file; one in our
// future does not, as a client may have set it.
func TestServersOwnClock(t *testing.T) {
	nfs := vfs.Volume{FS: "nfs4", Remote: true}
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour + 500*time.Microsecond)
		now := time.Now().UnixNano()
		c := clock{opened: time.Now()}
		c.note(nfs, 1, now-int64(time.Minute))
		for _, test := range []struct {
			dev   uint64
			stamp int64
			want  time.Duration
		}{
			{1, now - int64(time.Hour), 0},
			{1, now - int64(time.Minute), remoteTick},
			{1, now, remoteTick},
			{2, now - int64(time.Hour), remoteTick}, // another server
		} {
			if got := c.unsettled(nfs, test.dev, test.stamp, test.stamp, false); got != test.want {
				t.Errorf("%+v: %v", test, got)
			}
		}
		c.note(nfs, 1, now+int64(time.Hour))
		if got := c.unsettled(nfs, 1, now, now, false); got != remoteTick {
			t.Errorf("beside a time in the future: %v", got)
		}
	})
}

// TestSettledAt is the rule for one clock.
func TestSettledAt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Hour + 500*time.Microsecond)
		c := clock{opened: time.Now()}
		for _, test := range []struct {
			after, coarse time.Duration
			want          bool
		}{
			{0, 0, false}, {tick - 1, 0, false}, {tick, 0, true}, {-time.Second, 0, true},
			{time.Second, 2 * time.Second, false}, {2 * time.Second, 2 * time.Second, false}, {2*time.Second + tick, 2 * time.Second, true},
		} {
			ctime := time.Now().Add(-test.after).UnixNano()
			if got := c.unsettled(vfs.Volume{Coarse: test.coarse}, 1, ctime, ctime, false) == 0; got != test.want {
				t.Errorf("%+v: %v", test, got)
			}
		}
	})
}

// TestYoungFilesWaitOnce: a thousand files of one tick cost one wait.
func TestYoungFilesWaitOnce(t *testing.T) {
	fat := vfs.Volume{FS: "vfat", Coarse: 2 * time.Second}
	synctest.Test(t, func(t *testing.T) {
		tree := vfs.NewMemTree(func() time.Time { return time.Now().Truncate(2 * time.Second) })
		tree.SetVolume(fat)
		s := open(tree, "/", "")
		for i := range 1000 {
			tree.WriteFile(fmt.Sprint(i), []byte("x"))
		}
		dir := s.Dirs()
		begun := time.Now()
		for i := range 1000 {
			f, err := dir.Open(context.Background(), fmt.Sprint(i))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := dir.Begin(context.Background(), f, &Item{}, false); err != nil {
				t.Fatal(err)
			}
		}
		if waited := time.Since(begun); waited == 0 || waited > 2*time.Second+2*tick {
			t.Errorf("waited %v", waited)
		}
	})
}

// TestNeverSettles: a file that is touched in every tick is not taken, and the
// wait for it ends with the load.
func TestNeverSettles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tree := vfs.NewMemTree(nil)
		tree.SetVolume(vfs.Volume{FS: "vfat", Coarse: 2 * time.Second})
		tree.WriteFile("f", []byte("x"))
		tree.OnCall(func(c vfs.TreeCall) error {
			if c.Op == vfs.OpStat {
				tree.WriteFile("f", []byte("x"))
			}
			return nil
		})
		dir := open(tree, "/", "").Dirs()
		f, err := dir.Open(context.Background(), "f")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := dir.Begin(context.Background(), f, &Item{}, false); !errors.Is(err, ErrChanged) {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		var dev DeviceError
		if _, err := dir.Begin(ctx, f, &Item{}, false); !errors.As(err, &dev) {
			t.Errorf("canceled: %v", err)
		}
	})
}
