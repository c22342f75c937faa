package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/importer"
	"github.com/sledge-io/sledge/manifest"
)

// TestTargetFlags: a way to the target that cannot be gone is a mistake of usage, before a
// disk is opened or a request made; a key is read from its file and not repeated.
func TestTargetFlags(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "none"))
	file := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	secret := strings.Repeat("0b", 32)
	key, short := file("key", secret+"\n"), file("short", secret[2:])
	options := func(args string) (importer.Options, error) {
		var f targetFlags
		flags := pflag.NewFlagSet("", pflag.ContinueOnError)
		f.add(flags, "the job's")
		if err := flags.Parse(strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		return f.options(&manifest.Job{Target: manifest.JobTarget{URL: "s3://bucket/p/", Profile: "aws"}})
	}
	o, err := options("--sse-c-key " + key + " --target s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/cold-in/q")
	if err != nil || o.CustomerKey.MD5() != "rGIghPwLMUGxDFCmIYHCJg==" || o.TargetURL() != "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/cold-in/q/" {
		t.Errorf("%v, %v, %v", o.TargetURL(), o.CustomerKey, err)
	}
	for args, want := range map[string]string{
		"--sse-c-key " + short: "must hold a key of 32 bytes",
		"--sse-c-key " + key + " --endpoint http://s3.example.org": "http:// would show it",
		"--client-cert " + key:                          "go together",
		"--client-cert " + key + " --client-key " + key: "client certificate:",
		"--target s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/cold-in/ --path-style":    "cannot be addressed in the path",
		"--target s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/cold-in/ --profile minio": "cannot be addressed in the path",
		"--target s3://data--usw2-az1--x-s3/p/":                                                "import into a general purpose bucket",
	} {
		var usage *usageError
		if _, err := options(args); !errors.As(err, &usage) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "0b0b") {
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}
