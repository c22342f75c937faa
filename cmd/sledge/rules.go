package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/sledge-io/sledge/importer"
)

// ruleFlags are the rules of an import: a file, or one rule over everything.
type ruleFlags struct {
	file                                     string
	storageClass, sse, kmsKeyID, contentType string
	tags                                     []string
	strip, addPrefix, unicode                string
}

func (f *ruleFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "rules", "", "file of rules for keys, storage class, encryption, tags, locks, links and folders (JSON)")
	flags.StringVar(&f.storageClass, "storage-class", "", "storage class of all objects")
	flags.StringVar(&f.sse, "sse", "", "encryption of all objects by the store: AES256, aws:kms, aws:kms:dsse")
	flags.StringVar(&f.kmsKeyID, "kms-key-id", "", "the KMS key for --sse aws:kms")
	flags.StringArrayVar(&f.tags, "tag", nil, "KEY=VALUE for all objects; may be repeated")
	flags.StringVar(&f.contentType, "content-type", "", "media type of all objects, or auto: by extension")
	flags.StringVar(&f.strip, "strip", "", "folder to take off the front of paths, ending in a slash")
	flags.StringVar(&f.addPrefix, "add-prefix", "", "folder to put in front of what is left, ending in a slash")
	flags.StringVar(&f.unicode, "unicode", "", "keep (default) or nfc: composed keys")
}

// addDemanded defines those of what a bucket may demand of every object.
func (f *ruleFlags) addDemanded(flags *pflag.FlagSet) {
	flags.StringVar(&f.file, "rules", "", "file of the import's rules, whose encryption and tags the probe's objects get")
	flags.StringVar(&f.sse, "sse", "", "encryption of the import's objects: AES256, aws:kms, aws:kms:dsse")
	flags.StringVar(&f.kmsKeyID, "kms-key-id", "", "the KMS key for --sse aws:kms")
	flags.StringArrayVar(&f.tags, "tag", nil, "KEY=VALUE for the import's objects; may be repeated")
}

// read makes the rules. A file and flags together would leave open which wins.
func (f *ruleFlags) read() (importer.Rules, error) {
	short, err := f.short()
	if err != nil || f.file == "" {
		return short, err
	}
	if short.Canonical() != nil {
		return short, usagef("--rules goes without --storage-class, --sse, --kms-key-id, --tag, --content-type, --strip, --add-prefix and --unicode: say it in the file")
	}
	text, err := readFile(f.file, importer.MaxRules)
	if err != nil {
		return short, err
	}
	rules, err := importer.ParseRules(text)
	if err != nil {
		return rules, hint(&usageError{fmt.Errorf("%s: %w", f.file, err)}, "docs/operations.md, \"Rules\", has an example and every name")
	}
	return rules, nil
}

// short makes rules out of flags, by way of the text that a file would have.
func (f *ruleFlags) short() (importer.Rules, error) {
	rule := importer.ObjectRule{ContentType: f.contentType, StorageClass: f.storageClass, SSE: f.sse, KMSKeyID: f.kmsKeyID}
	for _, tag := range f.tags {
		key, value, ok := strings.Cut(tag, "=")
		if _, twice := rule.Tags[key]; !ok || twice {
			return importer.Rules{}, usagef("--tag %q: must be KEY=VALUE, each key once", tag)
		}
		if rule.Tags == nil {
			rule.Tags = map[string]string{}
		}
		rule.Tags[key] = value
	}
	rules := importer.Rules{Version: 1, Keys: importer.KeyRules{Strip: f.strip, Add: f.addPrefix, Unicode: f.unicode}}
	if len(rule.Tags) > 0 || f.contentType+f.storageClass+f.sse+f.kmsKeyID != "" {
		rules.Objects = []importer.ObjectRule{rule}
	}
	text, err := json.Marshal(rules)
	if err == nil {
		rules, err = importer.ParseRules(text)
	}
	if err != nil {
		return rules, &usageError{err}
	}
	return rules, nil
}
