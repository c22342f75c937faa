package target

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

var (
	bucketPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	accessPoint   = regexp.MustCompile(`^arn:aws[a-z-]*:s3:[a-z0-9-]+:[0-9]{12}:accesspoint/[a-z0-9][a-z0-9-]{1,48}[a-z0-9]$`)
)

// CheckBucket refuses what no bucket of S3 can be called (user guide, bucket
// naming rules), and what is called so and is no bucket that an import can go to.
func CheckBucket(name string) error {
	switch {
	case strings.HasSuffix(name, "--x-s3"), strings.HasSuffix(name, "--xa-s3"):
		return fmt.Errorf("bucket %q: directory buckets (S3 Express One Zone) are not supported: import into a general purpose bucket, and copy the objects from there", name)
	case IsARN(name):
		return checkARN(name)
	case !bucketPattern.MatchString(name):
		return fmt.Errorf("bucket %q: a name has 3 to 63 of a-z, 0-9, dot and hyphen, and begins and ends with a letter or digit", name)
	}
	return nil
}

// IsARN tells an access point from a bucket: no bucket has a colon in its name.
func IsARN(bucket string) bool { return strings.HasPrefix(bucket, "arn:") }

func checkARN(name string) error {
	const form = "arn:aws:s3:REGION:ACCOUNT:accesspoint/NAME"
	switch fields := strings.Split(name, ":"); {
	case accessPoint.MatchString(name):
		return nil
	case len(fields) == 6 && fields[2] == "s3" && fields[3] == "" && strings.HasSuffix(name, ".mrap"):
		return fmt.Errorf("target %q: multi-region access points are not supported: name one of its buckets, or an access point in one region (%s)", name, form)
	case len(fields) > 3 && fields[2] != "s3":
		return fmt.Errorf("target %q: of ARNs only S3's access points are supported (%s), not %s", name, form, fields[2])
	}
	return fmt.Errorf("target %q: must be a bucket or the ARN of an access point, %s", name, form)
}

// ParseTarget reads s3://bucket/prefix/ as the job file writes it. Instead of the bucket
// it may have an access point's ARN. Its name follows a slash: AWS takes a colon, too, and a
// target has one text, which job, receipts and acceptance are compared by.
func ParseTarget(url string) (bucket, prefix string, err error) {
	bucket, prefix, ok := CutTarget(url)
	if !ok || bucket == "" {
		return "", "", fmt.Errorf("target %q is not s3://bucket/prefix/", url)
	}
	if err := CheckBucket(bucket); err != nil {
		return "", "", fmt.Errorf("target %q: %w", url, err)
	}
	if prefix != "" && !strings.HasSuffix(prefix, "/") {
		prefix += "/"
	}
	return bucket, prefix, CheckPrefix(prefix)
}

// URL is the one text of a target, in the job, in receipts and in acceptances.
func URL(bucket, prefix string) string { return "s3://" + bucket + "/" + prefix }

// CutTarget takes the address of an object or a prefix apart, unchecked.
func CutTarget(url string) (bucket, key string, ok bool) {
	rest, ok := strings.CutPrefix(url, "s3://")
	bucket, key, _ = strings.Cut(rest, "/")
	if IsARN(bucket) && strings.HasSuffix(bucket, ":accesspoint") {
		name, below, _ := strings.Cut(key, "/")
		return bucket + "/" + name, below, ok
	}
	return bucket, key, ok
}

// CheckPrefix refuses a prefix that does not end in a slash, or that no path could begin with.
func CheckPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if !strings.HasSuffix(prefix, "/") || strings.HasPrefix(prefix, "/") || !utf8.ValidString(prefix) {
		return fmt.Errorf("prefix %q: must be UTF-8 and end in a slash, not begin with one", prefix)
	}
	for part := range strings.SplitSeq(strings.TrimSuffix(prefix, "/"), "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("prefix %q has an empty or dot component", prefix)
		}
	}
	return nil
}
