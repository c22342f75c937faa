// Command rooms writes the table of packages into docs/architecture.md: their lines, what
// they may import, and what they are for, as internal/lint has them. It runs in the
// root of the tree.
package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/sledge-io/sledge/internal/lint"
)

func main() {
	if err := write(lint.RoomsPage); err != nil {
		fmt.Fprintln(os.Stderr, "rooms:", err)
		os.Exit(1)
	}
}

func write(name string) error {
	tree, err := lint.Load(".")
	if err != nil {
		return err
	}
	page, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	with, err := lint.WithRooms(page, tree)
	if err != nil || bytes.Equal(page, with) {
		return err
	}
	return os.WriteFile(name, with, 0o644)
}
