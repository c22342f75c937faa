package s3test

import (
	"path/filepath"
	"testing"
)

// CleanAWS takes everything of AWS out of the test's environment, and returns the folder in which
// the shared files "credentials" and "config" are then looked for: both are missing.
func CleanAWS(t *testing.T) (folder string) {
	folder = t.TempDir()
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE"} {
		t.Setenv(name, "")
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(folder, "credentials"))
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(folder, "config"))
	return folder
}
