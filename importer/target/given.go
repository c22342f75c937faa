package target

import (
	"errors"
	"mime"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// The canned ACLs of S3, first those that let nobody read but the object's and the
// bucket's owner.
var (
	privateACLs = []string{"private", "bucket-owner-read", "bucket-owner-full-control"}
	sharingACLs = []string{"authenticated-read", "aws-exec-read", "public-read", "public-read-write"}
)

// s3Classes are examples of storage classes, which other stores may call otherwise.
var s3Classes = []string{"STANDARD", "INTELLIGENT_TIERING", "STANDARD_IA", "ONEZONE_IA", "GLACIER_IR", "GLACIER", "DEEP_ARCHIVE"}

func privateACL(acl string) bool { return slices.Contains(privateACLs, acl) }

var (
	metadataName   = regexp.MustCompile(`^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$`)
	encodingTokens = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+(, ?[A-Za-z0-9!#$%&'*+.^_`|~-]+)*$")
	languageTags   = regexp.MustCompile(`^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*(, ?[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*)*$`)
)

// None reports whether nothing is set.
func (g Given) None() bool { return reflect.ValueOf(g).IsZero() }

// Check holds each attribute to what a store can take.
func (g Given) Check() error {
	return errors.Join(g.checkContentType(), checkHeader("cache_control", g.CacheControl), g.checkClass(), g.checkSSE(), g.checkTags(),
		g.checkEncoding(), g.checkDisposition(), g.checkLanguage(), g.checkACL(), g.checkMetadata())
}

func (g Given) checkContentType() error {
	if g.ContentType == "" || g.ContentType == ContentTypeAuto {
		return nil
	}
	if _, _, err := mime.ParseMediaType(g.ContentType); err != nil || !strings.Contains(g.ContentType, "/") {
		return misgiven("content_type", "%q: is no media type", g.ContentType)
	}
	return checkHeader("content_type", g.ContentType)
}

// checkClass takes any word: each store has classes of its own.
func (g Given) checkClass() error {
	if strings.Contains(g.StorageClass, " ") {
		return misgiven("storage_class", "%q: has a space; it is one word of the store, such as %s", g.StorageClass, strings.Join(s3Classes, ", "))
	}
	return checkHeader("storage_class", g.StorageClass)
}

func (g Given) checkSSE() error {
	if err := OneOf(g.SSE, sseS3, sseKMS, sseDSSE); err != nil {
		return misgiven("sse", "%w", err)
	}
	kms := g.SSE == sseKMS || g.SSE == sseDSSE
	if g.KMSKeyID != "" && !kms {
		return misgiven("kms_key_id", "needs sse %s or %s beside it", sseKMS, sseDSSE)
	}
	if g.KMSContext != nil && !kms {
		return misgiven("kms_context", "needs sse %s or %s beside it", sseKMS, sseDSSE)
	}
	if g.BucketKey && g.SSE != sseKMS {
		return misgiven("bucket_key", "needs sse %s beside it", sseKMS) // S3 has none for dsse
	}
	if g.KMSContext != nil && len(g.KMSContext) == 0 {
		return misgiven("kms_context", "is empty")
	}
	if n := len(Attributes{Given: g}.Context()); n > maxContext {
		return misgiven("kms_context", "of %d bytes, at most %d", n, maxContext)
	}
	return checkHeader("kms_key_id", g.KMSKeyID)
}

// checkHeader holds a value to what a header carries unchanged.
func checkHeader(name, value string) error {
	odd := func(c rune) bool { return c < 0x20 || c > 0x7e }
	if len(value) > maxHeader || strings.ContainsFunc(value, odd) || strings.TrimSpace(value) != value {
		return misgiven(name, "%q: must be printable ASCII of at most %d bytes, without a space at either end", value, maxHeader)
	}
	return nil
}

func (g Given) checkTags() error {
	if g.Tags == nil {
		return nil
	}
	if len(g.Tags) == 0 || len(g.Tags) > maxTags {
		return misgiven("tags", "has %d: must be 1 to %d", len(g.Tags), maxTags)
	}
	for name, value := range g.Tags {
		if name == "" || utf8.RuneCountInString(name) > maxTagKey || utf8.RuneCountInString(value) > maxTagValue {
			return misgiven("tags", "%q: a key has 1 to %d characters, a value at most %d", name, maxTagKey, maxTagValue)
		}
		if strings.HasPrefix(strings.ToLower(name), "aws:") {
			return misgiven("tags", "%q: aws: is reserved", name)
		}
		if strings.ContainsFunc(name+value, notInTag) {
			return misgiven("tags", "%q: may hold letters, digits, spaces and + - = . _ : / @", name)
		}
	}
	return nil
}

func notInTag(c rune) bool {
	return !unicode.IsLetter(c) && !unicode.IsNumber(c) && !unicode.IsMark(c) && !strings.ContainsRune(" +-=._:/@", c)
}

func (g Given) checkEncoding() error {
	if g.ContentEncoding == "" {
		return nil
	}
	if !encodingTokens.MatchString(g.ContentEncoding) || strings.Contains(strings.ToLower(g.ContentEncoding), "aws-chunked") {
		return misgiven("content_encoding", "%q: must be how the files are encoded, such as gzip", g.ContentEncoding)
	}
	return checkHeader("content_encoding", g.ContentEncoding)
}

func (g Given) checkDisposition() error {
	if g.ContentDisposition == "" {
		return nil
	}
	if _, _, err := mime.ParseMediaType(g.ContentDisposition); err != nil {
		return misgiven("content_disposition", "%q: must be such as inline or attachment; filename=\"a.txt\"", g.ContentDisposition)
	}
	return checkHeader("content_disposition", g.ContentDisposition)
}

func (g Given) checkLanguage() error {
	if g.ContentLanguage == "" || languageTags.MatchString(g.ContentLanguage) && len(g.ContentLanguage) <= maxHeader {
		return nil
	}
	return misgiven("content_language", "%q: must be such as de or en-GB, fr", g.ContentLanguage)
}

func (g Given) checkACL() error {
	if err := OneOf(g.ACL, slices.Concat(privateACLs, sharingACLs)...); err != nil {
		return misgiven("acl", "%w", err)
	}
	return nil
}

func (g Given) checkMetadata() error {
	if g.Metadata != nil && len(g.Metadata) == 0 {
		return misgiven("metadata", "is empty")
	}
	for name, value := range g.Metadata {
		switch {
		case !metadataName.MatchString(name):
			return misgiven("metadata", "%q: a name has 1 to 64 of a-z, 0-9, dot, hyphen and underscore, begins and ends with a letter or digit", name)
		case strings.HasPrefix(name, "x-amz-"):
			return misgiven("metadata", "%q: the name goes without x-amz-meta-", name)
		case describes(name):
			return misgiven("metadata", "%q: the import itself writes it", name)
		case value == "":
			return misgiven("metadata", "%q: is empty", name)
		}
		if err := checkHeader("metadata", value); err != nil {
			return misgiven("metadata", "%s=%w", name, errors.Unwrap(err))
		}
	}
	return nil
}

// Size is what the metadata takes of the target's room for it.
func (g Given) Size() (n int) {
	for name, value := range g.Metadata {
		n += len(name) + len(value)
	}
	return n
}
