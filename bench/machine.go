package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// machine is what the figures were measured on, and what was measured.
type machine struct {
	CPU        string    `json:"cpu"`
	Cores      int       `json:"cores"`
	Memory     int64     `json:"memory_bytes"`
	Kernel     string    `json:"kernel"`
	FileSystem string    `json:"disk_file_system"`
	Go         string    `json:"go"`
	Commit     string    `json:"commit"`
	Dirty      bool      `json:"dirty"`
	Time       time.Time `json:"time"`
}

func thisMachine(work string) machine {
	m := machine{CPU: field("/proc/cpuinfo", "model name"), Cores: runtime.NumCPU(), Memory: memory("MemTotal"), Go: runtime.Version(), Time: time.Now().UTC().Truncate(time.Second)}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Release[:])
	}
	m.FileSystem = fileSystem(work)
	if out, err := exec.Command("git", "rev-parse", "HEAD").Output(); err == nil {
		m.Commit = strings.TrimSpace(string(out))
	}
	if out, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); err == nil {
		m.Dirty = len(out) > 0
	}
	return m
}

func (m machine) String() string {
	dirty := ""
	if m.Dirty {
		dirty = " with changes"
	}
	return fmt.Sprintf("%s, %d cores, %.0f GiB, Linux %s, %s, %s, commit %.12s%s, %s", m.CPU, m.Cores, float64(m.Memory)/(1<<30), m.Kernel, m.FileSystem, m.Go, m.Commit, dirty, m.Time.Format(time.RFC3339))
}

func fileSystem(dir string) string {
	var s unix.Statfs_t
	if unix.Statfs(dir, &s) != nil {
		return "unknown file system"
	}
	switch s.Type {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	}
	return fmt.Sprintf("file system %#x", s.Type)
}

// memory is a line of /proc/meminfo in bytes.
func memory(name string) int64 {
	n, _ := strconv.ParseInt(strings.TrimSuffix(field("/proc/meminfo", name), " kB"), 10, 64)
	return n << 10
}

// field is the first value of a name in a file of "name: value" lines.
func field(file, name string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// programs are the tools at hand: ours in build/tools first, then those of the
// system.
func findProgram(name string) string {
	dir := os.Getenv("SLEDGE_TOOLS")
	if dir == "" {
		dir = filepath.Join("build", "tools")
	}
	if full, err := filepath.Abs(filepath.Join(dir, name)); err == nil {
		if info, err := os.Stat(full); err == nil && info.Mode().IsRegular() {
			return full
		}
	}
	full, err := exec.LookPath(name)
	if err != nil {
		return ""
	}
	return full
}

// toolVersion is what scripts/tools.sh has noted of a program that it built.
func toolVersion(name string) string {
	text, err := os.ReadFile(findProgram(name) + ".version")
	if err != nil {
		return "of this machine"
	}
	version, _, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
	return version
}
