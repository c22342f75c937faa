package main

import (
	"os"
	"path/filepath"

	"github.com/sledge-io/sledge/internal/s3test"
)

// builtTools is where "make tools" puts programs; fields leave the folder of the package.
var builtTools, _ = filepath.Abs("../../build/tools")

// realStore is a versitygw with the bucket of a field's job, and its credentials in the
// environment. to gives the flags that lead there.
func (f *field) realStore() (bucket string, to []string) {
	f.t.Helper()
	if os.Getenv("SLEDGE_TOOLS") == "" {
		f.t.Setenv("SLEDGE_TOOLS", builtTools)
	}
	s := s3test.Start(f.t)
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": s.AccessKey, "AWS_SECRET_ACCESS_KEY": s.SecretKey, "AWS_REGION": s.Region, "AWS_EC2_METADATA_DISABLED": "true"} {
		f.t.Setenv(name, value)
	}
	bucket = filepath.Join(s.Folder, "data", "bkt")
	if err := os.Mkdir(bucket, 0o700); err != nil {
		f.t.Fatal(err)
	}
	return bucket, []string{"--endpoint", s.Endpoint, "--path-style", "--halt-wait", "0"}
}
