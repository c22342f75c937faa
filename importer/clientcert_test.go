package importer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sledge-io/sledge/importer/target"
	"github.com/sledge-io/sledge/importer/target/s3"
	"github.com/sledge-io/sledge/internal/s3test"
)

// clientPair makes a certificate that signs itself, and its files.
func clientPair(t *testing.T, dir, name string) (cert *x509.Certificate, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), BasicConstraintsValid: true, IsCA: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ = x509.ParseCertificate(der)
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	writeFile(t, certFile, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	writeFile(t, keyFile, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	return cert, certFile, keyFile
}

// TestClientCertificate: a target that asks for a certificate gets it, renewed files are
// used, and without one, or with another one, the refusal is said for what it is.
func TestClientCertificate(t *testing.T) {
	dir := s3test.CleanAWS(t)
	trusted, certFile, keyFile := clientPair(t, dir, "client")
	_, otherCert, otherKey := clientPair(t, dir, "other")
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: x509.NewCertPool(), MaxVersion: tls.VersionTLS12} // of 1.3 a reset may come before the alert
	server.TLS.ClientCAs.AddCert(trusted)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	o := Options{Config: s3.Config{Bucket: "bucket", Endpoint: server.URL, PathStyle: true, Credentials: &s3.Credentials{AccessKey: "A", SecretKey: "SSSSSSSSSS"}, CABundle: filepath.Join(dir, "ca.pem")}}
	writeFile(t, o.CABundle, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})))
	refused := func(what string) {
		t.Helper()
		if _, err := newS3(t, o).Head(context.Background(), "k"); !target.HasCode(err, target.CodeCredentialsRefused) || !strings.Contains(err.Error(), "--client-cert") {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("no certificate")
	o.ClientCert, o.ClientKey = otherCert, otherKey
	refused("another certificate")
	for from, to := range map[string]string{certFile: otherCert, keyFile: otherKey} {
		content, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store := newS3(t, o)
	if _, err := store.Head(context.Background(), "k"); !target.IsNotFound(err) {
		t.Errorf("the right certificate: %v", err)
	}
	if err := os.Remove(keyFile); err != nil {
		t.Fatal(err)
	}
	o.ClientCert, o.ClientKey = certFile, keyFile
	for want, set := range map[string]func(*Options){
		"go together":         func(o *Options) { o.ClientKey = "" },
		"needs https://":      func(o *Options) { o.Endpoint = "http://store.test" },
		"client certificate:": func(*Options) {}, // its key is gone
	} {
		bad := o
		set(&bad)
		if err := bad.CheckConnection(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
