//go:build !linux

package vfs

import (
	"io/fs"
	"os"
)

func statBeneath(root *os.Root, name string) (fs.FileInfo, error) { return statEach(root, name) }

func createBeneath(root *os.Root, name string, perm fs.FileMode) (*os.File, error) {
	return createEach(root, name, perm)
}
