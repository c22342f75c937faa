// Command sign signs a release's folder, and checks the signatures of one. The sums get a C2SP
// note (SHA256SUMS.note), and all files an in-toto statement of SLSA provenance v1, as a Sigstore
// bundle that names no public log (provenance.intoto.sigstore.json). Both are of one Ed25519
// key, which the releaser keeps in a PEM file.
//
//	sign -key release.key -version v1.2.3 -commit 0123… DIR
//	sign -pub release.pub DIR
//	sign -vkey release.pub
package main

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"flag"
	"fmt"
	"os"
)

func main() {
	var r release
	key := flag.String("key", "", "sign with this private key")
	pub := flag.String("pub", "", "check the signatures of this public key")
	vkey := flag.String("vkey", "", "print this public key as note verifiers want it")
	flag.StringVar(&r.version, "version", "", "the release's version")
	flag.StringVar(&r.commit, "commit", "", "the commit that it was built from")
	flag.Parse()
	r.dir = flag.Arg(0)
	err := errors.New("give one of -key, -pub and -vkey")
	switch {
	case *key != "":
		err = withPrivate(*key, r.sign)
	case *pub != "":
		err = withPublic(*pub, r.check)
	case *vkey != "":
		err = withPublic(*vkey, func(key ed25519.PublicKey) error {
			fmt.Println(verifierKey(key))
			return nil
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sign:", err)
		os.Exit(1)
	}
}

func withPrivate(name string, do func(ed25519.PrivateKey) error) error {
	der, err := readPEM(name, "PRIVATE KEY")
	if err != nil {
		return err
	}
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	private, ok := key.(ed25519.PrivateKey)
	if !ok {
		return fmt.Errorf("%s: not an Ed25519 key", name)
	}
	return do(private)
}

func withPublic(name string, do func(ed25519.PublicKey) error) error {
	der, err := readPEM(name, "PUBLIC KEY")
	if err != nil {
		return err
	}
	key, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	public, ok := key.(ed25519.PublicKey)
	if !ok {
		return fmt.Errorf("%s: not an Ed25519 key", name)
	}
	return do(public)
}

func readPEM(name, kind string) ([]byte, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(text)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s: no PEM file with a %s", name, kind)
	}
	return block.Bytes, nil
}
