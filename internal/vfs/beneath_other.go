//go:build !linux

package vfs

import (
	"io/fs"
	"os"
)

func openPlace(root *os.Root) (*os.File, error) { return root.Open(".") }

func statBeneath(root *os.Root, name string) (fs.FileInfo, error) { return statEach(root, name) }

func createBeneath(root *os.Root, name string, perm fs.FileMode) (*os.File, error) {
	return createEach(root, name, perm)
}
