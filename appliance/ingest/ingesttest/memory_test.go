package ingesttest

import "testing"

func TestMemory(t *testing.T) {
	Test(t, func(testing.TB) Device { return NewMemory() })
}
