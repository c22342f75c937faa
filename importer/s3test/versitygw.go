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
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
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
	port   int
	cmd    *exec.Cmd
	exited chan struct{}
	output lockedBuffer
}

// Options configure New. The zero value is the documented default.
type Options struct {
	Folder     string // absolute; default a new temporary folder, which Close removes
	Bucket     string // default "sledge"
	Versioning bool
	CertFile   string // absolute; with KeyFile: HTTPS
	KeyFile    string
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
	s, err := New(Options{Folder: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// New starts a server and waits until it answers.
func New(o Options) (*Server, error) {
	binary, err := Binary()
	if err != nil {
		return nil, err
	}
	s := &Server{Region: "us-east-1", Bucket: o.Bucket, AccessKey: "sledge-test", SecretKey: "sledge-test-secret", binary: binary}
	if s.Bucket == "" {
		s.Bucket = "sledge"
	}
	if s.Folder = o.Folder; s.Folder == "" {
		if s.Folder, err = os.MkdirTemp("", "sledge-s3test-"); err != nil {
			return nil, err
		}
	}
	// Its posix back end changes into its root: every path must be absolute.
	if s.Folder, err = filepath.Abs(s.Folder); err != nil {
		return nil, err
	}
	for _, dir := range []string{filepath.Join("data", s.Bucket), "versions"} {
		if err := os.MkdirAll(filepath.Join(s.Folder, dir), 0o755); err != nil {
			return nil, err
		}
	}
	// Another program may take the port between our look and its start.
	for range 5 {
		if err = s.start(o); err == nil {
			return s, nil
		}
		s.Kill()
	}
	return nil, err
}

func (s *Server) start(o Options) error {
	if s.port == 0 {
		port, err := freePort()
		if err != nil {
			return err
		}
		s.port = port
	}
	address := fmt.Sprintf("127.0.0.1:%d", s.port)
	args := []string{"--port", address, "--access", s.AccessKey, "--secret", s.SecretKey, "--region", s.Region, "--quiet", "--keep-alive"}
	s.Endpoint = "http://" + address
	if o.CertFile != "" {
		args = append(args, "--cert", o.CertFile, "--key", o.KeyFile)
		s.Endpoint = "https://" + address
	}
	args = append(args, "posix")
	if o.Versioning {
		args = append(args, "--versioning-dir", filepath.Join(s.Folder, "versions"))
	}
	args = append(args, filepath.Join(s.Folder, "data"))
	s.cmd = exec.Command(s.binary, args...)
	s.cmd.Dir = s.Folder
	// Our own FIPS setting is not the server's: it makes MD5 ETags.
	s.cmd.Env = append(os.Environ(), "GODEBUG=")
	s.cmd.Stdout, s.cmd.Stderr = &s.output, &s.output
	s.cmd.SysProcAttr = dieWithParent()
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		cmd.Wait()
		close(exited)
	}(s.cmd, s.exited)
	return s.wait(address)
}

// wait returns when the server answers; any HTTP answer will do.
func (s *Server) wait(address string) error {
	client := &http.Client{Timeout: time.Second}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		select {
		case <-s.exited:
			s.port = 0
			return fmt.Errorf("versitygw ended at once: %s", s.output.String())
		default:
		}
		if s.Endpoint[:5] == "https" {
			if conn, err := net.Dial("tcp", address); err == nil {
				return conn.Close()
			}
			continue
		}
		if resp, err := client.Get(s.Endpoint); err == nil {
			return resp.Body.Close()
		}
	}
	return fmt.Errorf("versitygw does not answer at %s: %s", address, s.output.String())
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}

// BucketFolder is where the bucket's objects lie as files.
func (s *Server) BucketFolder() string { return filepath.Join(s.Folder, "data", s.Bucket) }

// Kill ends the server at once, as a power cut would.
func (s *Server) Kill() {
	if s.cmd == nil || s.cmd.Process == nil || s.exited == nil {
		return
	}
	s.cmd.Process.Signal(syscall.SIGKILL)
	<-s.exited
}

// Restart starts it again at the same endpoint after Kill.
func (s *Server) Restart() error {
	return s.start(Options{})
}

// Output is what the server has printed.
func (s *Server) Output() string { return s.output.String() }

// Close ends the server and, if New made the folder, removes it.
func (s *Server) Close() error {
	s.Kill()
	if filepath.Dir(s.Folder) == filepath.Clean(os.TempDir()) && bytes.HasPrefix([]byte(filepath.Base(s.Folder)), []byte("sledge-s3test-")) {
		return os.RemoveAll(s.Folder)
	}
	return nil
}

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
