package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/sledge-io/sledge/internal/fsck"
)

// seekingRead is what the verifier reads at once of disks that seek for each read.
const seekingRead = 2 << 20

// readSize is seekingRead if a disk rotates and the kernel reads less ahead of it
// than that; else 0, the verifier's own choice, which the processor's cache holds.
func readSize(disks []fsck.Disk) int64 {
	for _, d := range disks {
		var st unix.Stat_t
		if unix.Stat(d.Name, &st) != nil {
			continue
		}
		dev := fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev)))
		if seeks(dev) {
			return seekingRead
		}
	}
	return 0
}

// seeks reads a block device's queue settings from sysfs; a partition's lie one
// folder higher, behind a link. What has none (tmpfs, a network) does not seek.
func seeks(dev string) bool {
	for _, queue := range []string{dev + "/queue/", dev + "/../queue/"} {
		rotates, err := os.ReadFile(queue + "rotational")
		if err != nil {
			continue
		}
		ahead, err := os.ReadFile(queue + "read_ahead_kb")
		kib, _ := strconv.Atoi(strings.TrimSpace(string(ahead)))
		return strings.TrimSpace(string(rotates)) == "1" && err == nil && kib < seekingRead>>10
	}
	return false
}
