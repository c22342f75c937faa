package main

import (
	"fmt"
	"strings"
)

// bayNumbers lists bays as "0, 3, 4".
func bayNumbers(bays []int) string {
	texts := make([]string, len(bays))
	for i, n := range bays {
		texts[i] = fmt.Sprint(n)
	}
	return strings.Join(texts, ", ")
}

// namedBays lists bays as "bay 3" or "bays 0, 3".
func namedBays(bays []int) string {
	if len(bays) == 1 {
		return "bay " + bayNumbers(bays)
	}
	return "bays " + bayNumbers(bays)
}
