package main

import (
	"context"
	"fmt"
	"time"
)

// bestWorkers is about what s5cmd is fastest with: on two cores 64 to 512 differ
// little until the round trips are the limit.
func bestWorkers(trip time.Duration) int {
	if trip > 100*time.Millisecond {
		return 512
	}
	return 128
}

// farStore compares uploads to a versitygw that is so many milliseconds away.
func (b *bench) farStore(name, set string, ms int) *contest {
	trip := time.Duration(ms) * time.Millisecond
	return b.awayStore(name, set, b.startVersitygw, trip, "versitygw behind a proxy")
}

// closingStore is 50 ms away and closes each connection after its answer.
func (b *bench) closingStore(name, set string) *contest {
	return b.awayStore(name, set, b.startClosingVersitygw, 50*time.Millisecond, "versitygw that closes each connection, behind a proxy")
}

// narrowStore is 50 ms away and gives 25 MB/s to each connection.
func (b *bench) narrowStore() *contest {
	c := b.awayStore("store-50ms-25mb-large", "large", b.startVersitygw, 50*time.Millisecond, "versitygw behind a proxy, 25 MB/s a connection", "--rate", "25000000")
	near := b.awayStore("", "large", b.startVersitygw, 0, "versitygw behind a proxy")
	unhindered := near.side("import")
	unhindered.name = "import-near"
	c.sides = append(c.sides, unhindered)
	open, close := c.open, c.close
	c.open = func(ctx context.Context) error {
		if err := open(ctx); err != nil {
			return err
		}
		return near.open(ctx)
	}
	c.close = func() error {
		err := close()
		if nearErr := near.close(); err == nil {
			err = nearErr
		}
		return err
	}
	return c
}

// awayStore is a contest of uploads to a server through a proxy with these flags.
func (b *bench) awayStore(name, set string, start func(context.Context, string) (*server, error), trip time.Duration, what string, way ...string) *contest {
	what += ", round trip " + trip.String()
	way = append(way, "--round-trip", trip.String())
	m := tmpfs
	if set == "large" {
		m = disk
	}
	i := &imports{b: b, set: set, medium: m, profile: "versitygw"}
	c := i.contest(name, "versitygw", func(ctx context.Context, root string) (*server, error) {
		s, err := start(ctx, root)
		if err != nil {
			return nil, err
		}
		return s, b.putAway(ctx, s, way...)
	})
	c.what, c.most = "import into "+what, 3
	c.sides = []*side{
		i.side("import", nil, howImport+"; into "+what, i.sledge),
		i.side("s5cmd", []string{"s5cmd"}, "s5cmd cp, its defaults (256 workers, 5 parts of 50 MiB of an object at once); into "+what, i.s5cmdWith()),
		i.side("s5cmd-best", []string{"s5cmd"}, fmt.Sprintf("s5cmd --numworkers %d cp", bestWorkers(trip)), i.s5cmdWith("--numworkers", fmt.Sprint(bestWorkers(trip)))),
		i.side("aws", []string{"aws"}, "aws s3 cp --recursive, 16 requests at once, parts of 16 MiB", i.aws),
	}
	c.fullOnly("import", "s5cmd", "s5cmd-best", "aws")
	if name == "store-20ms-2000" {
		c.side("import").full, c.side("s5cmd").full = false, false
	}
	return c
}

// putAway lets clients reach a server by a proxy alone.
func (b *bench) putAway(ctx context.Context, s *server, way ...string) error {
	proxy, err := b.startServer(ctx, func(address string, _ *server) command {
		return command{args: append([]string{b.self, "slownet", "--listen", address, "--to", s.Address}, way...)}
	})
	if err != nil {
		s.Stop()
		return err
	}
	s.way, s.Endpoint = proxy, proxy.Endpoint
	return nil
}

// s5cmdWith is s5cmd with its defaults but for these flags.
func (i *imports) s5cmdWith(flags ...string) func(string) (command, error) {
	return func(bucket string) (command, error) {
		args := append([]string{findProgram("s5cmd"), "--endpoint-url", i.server.Endpoint, "--log", "error"}, flags...)
		return command{args: append(args, "cp", i.source()+"/", "s3://"+bucket+"/p/")}, nil
	}
}
