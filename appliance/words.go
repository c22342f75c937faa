package appliance

import "fmt"

// countOf is "1 pack" or "3 packs", for texts.
func countOf[T int | uint64](n T, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}
