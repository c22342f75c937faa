package sample

import "math"

// AtMost is the exact upper confidence bound of a finite population: the largest
// number of bad objects among all with which a sample of this size would still
// show so few bad ones with a probability over alpha. It is found by halving, as
// that probability falls with the number.
func AtMost(population, sample, bad uint64, alpha float64) uint64 {
	low, high := bad, population-(sample-bad) // what the sample itself has shown
	for low < high {
		middle := low + (high-low+1)/2
		if atMostProbability(bad, middle, population, sample) > alpha {
			low = middle
		} else {
			high = middle - 1
		}
	}
	return low
}

// atMostProbability is the hypergeometric P(X ≤ k) of a sample of n out of N with
// K bad ones. The terms are added from the k-th down, each from the one before by
// a ratio of small numbers, so nothing cancels; below the mode they fall quickly.
func atMostProbability(k, K, N, n uint64) float64 {
	if k >= K || k >= n {
		return 1
	}
	mean := float64(K) / float64(N) * float64(n)
	if float64(k) >= mean+1 {
		return 1 // the median is within one of the mean: surely over any alpha in use
	}
	least := uint64(0)
	if n > N-K {
		least = n - (N - K)
	}
	if k < least {
		return 0
	}
	sum, term := 1.0, 1.0
	for x := k; x > least; x-- {
		term *= float64(x) * float64(N-K-n+x) / (float64(K-x+1) * float64(n-x+1))
		sum += term
		if term < sum*1e-17 {
			break
		}
	}
	return sum * hypergeometric(k, K, N, n)
}

// hypergeometric is P(X = x), as a ratio of binomials of one probability, so that
// the large logarithms cancel before they are taken (C. Loader, "Fast and Accurate
// Computation of Binomial Probabilities", 2000).
func hypergeometric(x, K, N, n uint64) float64 {
	if n == N {
		if x == K {
			return 1
		}
		return 0
	}
	p := float64(n) / float64(N)
	q := float64(N-n) / float64(N)
	return math.Exp(logBinomial(x, K, p, q) + logBinomial(n-x, N-K, p, q) - logBinomial(n, N, p, q))
}

// logBinomial is the logarithm of the binomial probability of x out of n.
func logBinomial(x, n uint64, p, q float64) float64 {
	switch {
	case n == 0:
		return 0
	case x == 0:
		return float64(n) * math.Log1p(-p)
	case x == n:
		return float64(n) * math.Log(p)
	}
	fx, fn, fy := float64(x), float64(n), float64(n-x)
	return stirlingError(fn) - stirlingError(fx) - stirlingError(fy) - deviance(fx, fn*p) - deviance(fy, fn*q) +
		0.5*(math.Log(fn)-math.Log(2*math.Pi*fx)-math.Log(fy))
}

// deviance is x·log(x/m) + m − x without cancellation where x is near m.
func deviance(x, m float64) float64 {
	if d := x - m; math.Abs(d) < 0.1*(x+m) {
		v := d / (x + m)
		sum, power := d*v, 2*x*v
		for j := 1; j < 1000; j++ {
			power *= v * v
			next := sum + power/float64(2*j+1)
			if next == sum {
				break
			}
			sum = next
		}
		return sum
	}
	return x*math.Log(x/m) + m - x
}

// stirlingError is log(n!) − log of Stirling's formula.
func stirlingError(n float64) float64 {
	if n < 16 {
		exact, _ := math.Lgamma(n + 1)
		return exact - (n+0.5)*math.Log(n) + n - 0.5*math.Log(2*math.Pi)
	}
	n2 := n * n
	return (1.0/12 - (1.0/360-(1.0/1260-(1.0/1680-1.0/1188/n2)/n2)/n2)/n2) / n
}
