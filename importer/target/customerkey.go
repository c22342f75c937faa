package target

import (
	"crypto/fips140"
	"crypto/md5"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// CustomerKey is a key of SSE-C. It prints as its MD5.
type CustomerKey struct {
	Text string // base64, as requests have it
	Md5  string // base64, as requests and answers have it
}

// MaxCustomerKey bounds the file of a key.
const MaxCustomerKey = 128

// ReadCustomerKey reads 32 bytes, or their base64 or hexadecimal text.
func ReadCustomerKey(file []byte) (*CustomerKey, error) {
	key := file
	if text := strings.TrimSpace(string(file)); len(file) != 32 {
		var err error
		if key, err = base64.StdEncoding.Strict().DecodeString(text); err != nil || len(key) != 32 {
			key, err = hex.DecodeString(text)
		}
		if err != nil || len(key) != 32 {
			return nil, errors.New("must hold a key of 32 bytes, as it is, in base64 or in hexadecimal: make one with openssl rand -base64 32") // no word of what it holds
		}
	}
	k := &CustomerKey{Text: base64.StdEncoding.EncodeToString(key)}
	fips140.WithoutEnforcement(func() { // it protects nothing: S3 takes it for a checksum of the way
		sum := md5.Sum(key)
		k.Md5 = base64.StdEncoding.EncodeToString(sum[:])
	})
	return k, nil
}

// MD5 names the key, as a store shows it; "" without one.
func (k *CustomerKey) MD5() string {
	if k == nil {
		return ""
	}
	return k.Md5
}

// Format keeps the key out of every text, whatever the verb.
func (k *CustomerKey) Format(s fmt.State, _ rune) { fmt.Fprintf(s, "SSE-C key, MD5 %s", k.MD5()) }

// MarshalJSON keeps it out of every file.
func (k *CustomerKey) MarshalJSON() ([]byte, error) { return []byte(`"` + k.MD5() + `"`), nil }
