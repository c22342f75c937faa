package status

import (
	"time"

	"github.com/sledge-io/sledge/importer/request"
)

// Pace is how fast a run is. Every screen shows this one: the run's own line,
// status.json, and what is made of it.
type Pace struct {
	BytesPerSecond   float64 // of the last minute; what earlier starts did does not count
	EntriesPerSecond float64
	Left             time.Duration // in whole seconds; zero where it is not known
}

// Rates are those of about the last minute.
type Rates struct {
	points []ratePoint
}

type ratePoint struct {
	at      time.Time
	bytes   int64
	entries uint64
}

const rateWindow = time.Minute

func (s *Rates) Add(now time.Time, p Progress) {
	s.points = append(s.points, ratePoint{now, p.Bytes - p.EarlierBytes, p.Entries - p.EarlierEntries})
	for len(s.points) > 2 && now.Sub(s.points[1].at) >= rateWindow {
		s.points = s.points[1:]
	}
}

func (s *Rates) now() (bytes, entries float64) {
	if len(s.points) < 2 {
		return 0, 0
	}
	first, last := s.points[0], s.points[len(s.points)-1]
	seconds := last.at.Sub(first.at).Seconds()
	if seconds <= 0 {
		return 0, 0
	}
	return max(0, float64(last.bytes-first.bytes)/seconds), max(0, (float64(last.entries)-float64(first.entries))/seconds)
}

// Pace is the run's pace at p. Of one that pauses or waits nobody knows when it goes on.
func (s *Rates) Pace(p Progress) (out Pace) {
	out.BytesPerSecond, out.EntriesPerSecond = s.now()
	if p.State == request.StateRunning {
		out.Left = TimeLeft(p.TotalBytes-p.Bytes, int64(p.TotalEntries)-int64(p.Entries), out.BytesPerSecond, out.EntriesPerSecond)
	}
	return out
}

// TimeLeft is the longer of what the bytes and the entries that are left take at their
// rates a second, as both can be the bottleneck. It is in whole seconds, and zero where
// it is not known: bytes are left and none comes. Entries may stand still while bytes come.
func TimeLeft(bytes, entries int64, byteRate, entryRate float64) time.Duration {
	var seconds float64
	if bytes > 0 {
		if byteRate <= 0 {
			return 0
		}
		seconds = float64(bytes) / byteRate
	}
	if entries > 0 && entryRate > 0 {
		seconds = max(seconds, float64(entries)/entryRate)
	}
	const longest = 1000 * 24 * time.Hour
	return time.Duration(min(longest.Seconds(), seconds) * float64(time.Second)).Round(time.Second)
}
