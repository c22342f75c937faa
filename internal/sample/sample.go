package sample

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Size is how many objects a sample has: a number, or a share of all.
type Size struct {
	Count   uint64
	Percent float64
}

// ParseSize reads "1000" or "0.5%".
func ParseSize(text string) (Size, error) {
	if share, ok := strings.CutSuffix(text, "%"); ok {
		p, err := strconv.ParseFloat(strings.TrimSpace(share), 64)
		if err != nil || !(p > 0 && p <= 100) {
			return Size{}, fmt.Errorf("a sample of %q is not between 0 and 100 %%", text)
		}
		return Size{Percent: p}, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil || n == 0 {
		return Size{}, fmt.Errorf("a sample of %q is not a number of objects", text)
	}
	return Size{Count: n}, nil
}

// Of is the size in objects; a share is rounded up.
func (s Size) Of(population uint64) uint64 {
	if s.Percent > 0 {
		return min(population, uint64(math.Ceil(float64(population)*s.Percent/100)))
	}
	return min(population, s.Count)
}

// Sampler picks a uniformly random sample while the objects pass by once, each set
// of that many objects being as likely as any other (Knuth, TAOCP 3.4.2, algorithm
// S). It remembers nothing of the objects, so it may go over several lists. It is
// used by one goroutine.
type Sampler struct {
	left, wanted uint64
	random       *rand.Rand
}

// NewSampler picks size of population objects. The same seed picks the same ones.
func NewSampler(population, size uint64, seed string) *Sampler {
	return &Sampler{population, min(size, population), rand.New(rand.NewChaCha8(sha256.Sum256([]byte(seed))))}
}

// Take tells whether the next object belongs to the sample.
func (s *Sampler) Take() (bool, error) {
	if s.left == 0 {
		return false, errors.New("objects.list: more objects than the receipts count")
	}
	taken := s.random.Uint64N(s.left) < s.wanted
	s.left--
	if taken {
		s.wanted--
	}
	return taken, nil
}

// Report is what a sample says about all objects.
type Report struct {
	Population uint64  `json:"population"`
	Size       uint64  `json:"size"`
	Seed       string  `json:"seed"`
	Bad        uint64  `json:"bad"` // of the sample: missing, different or not compared
	Confidence float64 `json:"confidence"`
	AtMost     uint64  `json:"at_most"` // of the population, with that confidence
}

// Confidence is how sure a sample's statement is: in at most one of a
// hundred samples it is wrong, whatever the store holds.
const Confidence = 0.99

// NewReport draws the conclusion from a sample.
func NewReport(population, size, bad uint64, seed string) Report {
	return Report{population, size, seed, bad, Confidence, AtMost(population, size, bad, 1-Confidence)}
}

// String is the conclusion in words.
func (r Report) String() string {
	found := "none differs"
	if r.Bad > 0 {
		found = Grouped(r.Bad) + " not the same"
	}
	text := fmt.Sprintf("%s of %s objects, %s", Grouped(r.Size), Grouped(r.Population), found)
	if r.Size == r.Population {
		return text
	}
	// The share is rounded up, so that the words promise no more than the number.
	share := math.Ceil(float64(r.AtMost)/float64(r.Population)*1e5) / 1e3
	return fmt.Sprintf("%s: with %g %% confidence at most %s of all (%.3f %%) differ", text, 100*r.Confidence, Grouped(r.AtMost), share)
}

// Grouped writes a number with a comma every three digits.
func Grouped(n uint64) string {
	text := strconv.FormatUint(n, 10)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
