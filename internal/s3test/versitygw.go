// Package s3test starts a versitygw, the S3 server of the tests and the demo, as
// a program of its own:
//
//	server := s3test.Start(t)             // skips the test by name without the binary
//	options.Endpoint = server.Endpoint    // http://127.0.0.1:PORT
//
// It verifies SHA-256 on PUT, UploadPart and Complete, keeps composites and has
// conditional writes. The binary is looked for in $SLEDGE_TOOLS, then in
// build/tools of the module; scripts/tools.sh builds it.
package s3test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/sledge-io/sledge/internal/daemon"
)

// Server is a running versitygw with one bucket.
type Server struct {
	Endpoint  string
	Region    string
	Bucket    string
	AccessKey string
	SecretKey string
	Folder    string // everything it keeps; the bucket is Folder/data/Bucket

	binary string
	daemon *daemon.Daemon
	output lockedBuffer
}

// ErrNoBinary tells that the versitygw program was not found.
var ErrNoBinary = errors.New("versitygw not found: run scripts/tools.sh versitygw, or set SLEDGE_TOOLS")

// Binary returns the path of the versitygw program.
func Binary() (string, error) {
	folders := []string{}
	if dir := os.Getenv("SLEDGE_TOOLS"); dir != "" {
		folders = append(folders, dir)
	}
	if root, err := moduleRoot(); err == nil {
		folders = append(folders, filepath.Join(root, "build", "tools"))
	}
	for _, dir := range folders {
		name, err := filepath.Abs(filepath.Join(dir, "versitygw"))
		if err != nil {
			return "", err
		}
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return name, nil
		}
	}
	return "", ErrNoBinary
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", ErrNoBinary
		}
		dir = up
	}
	return "", err
}

// Start starts a server for a test and stops it with the test. Without the
// binary the test is skipped.
func Start(t testing.TB) *Server {
	t.Helper()
	if _, err := Binary(); err != nil {
		t.Skip(err)
	}
	s, err := New(t.TempDir(), "sledge")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Kill)
	return s
}

// New starts a server over an empty folder and waits until it answers.
func New(folder, bucket string) (*Server, error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	s := &Server{Region: "us-east-1", Bucket: bucket, AccessKey: "sledge-test", SecretKey: "sledge-test-secret", binary: binary}
	// Its posix back end changes into its root: every path must be absolute.
	if s.Folder, err = filepath.Abs(folder); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(s.BucketFolder(), 0o755); err != nil {
		return nil, err
	}
	s.daemon, err = daemon.Start(context.Background(), s.command)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, s.Output())
	}
	s.Endpoint = s.daemon.Endpoint
	return s, nil
}

func (s *Server) command(address string) (*exec.Cmd, error) {
	cmd := exec.Command(s.binary, "--port", address, "--access", s.AccessKey, "--secret", s.SecretKey, "--region", s.Region,
		"--quiet", "--keep-alive", "posix", filepath.Join(s.Folder, "data"))
	cmd.Dir = s.Folder
	// Our own FIPS setting is not the server's: it makes MD5 ETags.
	cmd.Env = append(os.Environ(), "GODEBUG=")
	cmd.Stdout, cmd.Stderr = &s.output, &s.output
	return cmd, nil
}

// BucketFolder is where the bucket's objects lie as files.
func (s *Server) BucketFolder() string { return filepath.Join(s.Folder, "data", s.Bucket) }

// Kill ends the server at once, as a power cut would.
func (s *Server) Kill() { s.daemon.Kill() }

// Restart starts it again at the same endpoint after Kill.
func (s *Server) Restart() error {
	d, err := daemon.StartAt(context.Background(), s.daemon.Address, s.command)
	if err == nil {
		s.daemon = d
	}
	return err
}

// Output is what the server has printed.
func (s *Server) Output() string { return s.output.String() }

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.buf.Len() > 1<<20 {
		b.buf.Reset() // tests look at the last words only
	}
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
