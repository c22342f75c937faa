package sample

import (
	"math"
	"math/big"
	"strings"
	"testing"
)

// exactAtMost is P(X ≤ k) in whole numbers.
func exactAtMost(k, bad, population, sample int64) float64 {
	sum := new(big.Int)
	for x := max(0, sample-(population-bad)); x <= min(k, bad, sample); x++ {
		ways := new(big.Int).Binomial(bad, x)
		sum.Add(sum, ways.Mul(ways, new(big.Int).Binomial(population-bad, sample-x)))
	}
	p, _ := new(big.Rat).SetFrac(sum, new(big.Int).Binomial(population, sample)).Float64()
	return p
}

// TestAtMostExact goes over every small population.
func TestAtMostExact(t *testing.T) {
	const alpha = 0.01
	for population := int64(1); population <= 24; population++ {
		for sample := int64(1); sample <= population; sample++ {
			for found := int64(0); found <= sample; found++ {
				want := found
				for bad := found; bad <= population-(sample-found); bad++ {
					if exactAtMost(found, bad, population, sample) > alpha {
						want = bad
					}
				}
				if got := AtMost(uint64(population), uint64(sample), uint64(found), alpha); got != uint64(want) {
					t.Fatalf("%d of %d, %d bad: at most %d, want %d", sample, population, found, got, want)
				}
			}
		}
	}
}

// TestAtMostLarge holds the bound of large populations against exact arithmetic:
// the bound is still likely enough, one more is not.
func TestAtMostLarge(t *testing.T) {
	for _, test := range []struct{ population, sample, bad uint64 }{
		{2_000_000, 1000, 0}, {2_000_000, 1000, 3}, {1_000_000_000, 1000, 0}, {1_000_000_000, 2000, 1},
		{1_000_000_000, 300, 17}, {100_000, 1000, 500}, {5000, 4999, 0}, {5000, 2500, 2},
	} {
		got := AtMost(test.population, test.sample, test.bad, 0.01)
		exact := func(bad uint64) float64 { return productAtMost(test.bad, bad, test.population, test.sample) }
		if p := exact(got); !(p > 0.01) {
			t.Errorf("%+v: %d is too many: %g", test, got, p)
		}
		if got < test.population-(test.sample-test.bad) {
			if p := exact(got + 1); p > 0.01 {
				t.Errorf("%+v: %d is too few: %g", test, got, p)
			}
		}
	}
}

// productAtMost is P(X ≤ k) by products of fractions of 300 bits, for samples of
// some thousands out of any population.
func productAtMost(k, bad, population, sample uint64) float64 {
	num := func(n uint64) *big.Float { return new(big.Float).SetPrec(300).SetUint64(n) }
	sum := num(0)
	for x := uint64(0); x <= k; x++ {
		if sample-x > population-bad {
			continue
		}
		// C(sample,x) · bad…(bad-x+1) · good…(good-sample+x+1) / population…(population-sample+1)
		term := new(big.Float).SetPrec(300).SetInt(new(big.Int).Binomial(int64(sample), int64(x)))
		for i := range sample {
			factor := num(population - bad - (i - x))
			if i < x {
				factor = num(bad - i)
			}
			term.Mul(term, factor)
			term.Quo(term, num(population-i))
		}
		sum.Add(sum, term)
	}
	p, _ := sum.Float64()
	return p
}

// TestAtMostHuge: 10^9 objects and samples of every size give an answer at once,
// and more evidence never says less.
func TestAtMostHuge(t *testing.T) {
	const population = 1_000_000_000
	last := uint64(math.MaxUint64)
	for sample := uint64(1); sample < population; sample *= 3 {
		got := AtMost(population, sample, 0, 0.01)
		if got > last {
			t.Errorf("a sample of %d says at most %d, a smaller one %d", sample, got, last)
		}
		last = got
		if more := AtMost(population, sample, sample/2, 0.01); more < got || more < population/sample*(sample/2)/2 {
			t.Errorf("a sample of %d, half of it bad: at most %d", sample, more)
		}
	}
	if got := AtMost(population, population, 7, 0.01); got != 7 {
		t.Errorf("all were looked at: at most %d, want 7", got)
	}
}

func TestSampleReport(t *testing.T) {
	r := NewReport(2_000_000, 1000, 0, "s")
	if text := r.String(); !strings.HasPrefix(text, "1,000 of 2,000,000 objects, none differs: with 99 % confidence at most 9,1") || !strings.Contains(text, "(0.460 %)") {
		t.Errorf("%s", text)
	}
	if text := NewReport(5, 5, 1, "s").String(); text != "5 of 5 objects, 1 not the same" {
		t.Errorf("%s", text)
	}
}

func TestSampleSize(t *testing.T) {
	for text, want := range map[string]uint64{"10": 10, "1000": 200, "1%": 2, "0.1%": 1, "100%": 200, "0.0001 %": 1, "0": 0, "-1": 0, "0%": 0, "101%": 0, "NaN%": 0, "x": 0, "%": 0} {
		s, err := ParseSize(text)
		if got := s.Of(200); got != want || (err == nil) != (want > 0) {
			t.Errorf("%q of 200: %d, %v", text, got, err)
		}
	}
}

// TestSampler: the size is exact, a seed repeats, and every object is as likely
// as any other: the count of each stays within five standard deviations.
func TestSampler(t *testing.T) {
	const population, size, rounds = 50, 7, 20000
	pick := func(seed string) (all []bool) {
		s := NewSampler(population, size, seed)
		for range population {
			taken, err := s.Take()
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, taken)
		}
		if _, err := s.Take(); err == nil {
			t.Error("one object too many was accepted")
		}
		return all
	}
	var counts [population]int
	for round := range rounds {
		n := 0
		seed := strings.Repeat("s", round%7) + string(rune('a'+round%26)) + string(rune(0x4e00+round))
		for i, taken := range pick(seed) {
			if taken {
				counts[i]++
				n++
			}
		}
		if n != size {
			t.Fatalf("%d objects were picked, want %d", n, size)
		}
	}
	p := float64(size) / population
	for i, n := range counts {
		if off := math.Abs(float64(n)-p*rounds) / math.Sqrt(rounds*p*(1-p)); off > 5 {
			t.Errorf("object %d was picked %d times, %.1f standard deviations off", i, n, off)
		}
	}
	a, b := pick("x"), pick("x")
	for i := range a {
		if a[i] != b[i] {
			t.Fatal("a seed picks other objects the second time")
		}
	}
}
