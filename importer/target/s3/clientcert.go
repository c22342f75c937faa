package s3

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"

	"github.com/sledge-io/sledge/importer/target"
)

// checkTLS refuses secrets that would go over a way in the clear, and a client
// certificate that cannot be used.
func (o Config) checkTLS() error {
	clear := strings.HasPrefix(strings.ToLower(o.Endpoint), "http://")
	switch {
	case o.CustomerKey != nil && clear:
		return fmt.Errorf("endpoint %q: a key of SSE-C is sent with every request, and http:// would show it: the endpoint must be https://", o.Endpoint)
	case (o.ClientCert == "") != (o.ClientKey == ""):
		return errors.New("a client certificate and its key go together")
	case o.ClientCert == "":
		return nil
	case clear:
		return fmt.Errorf("endpoint %q: a client certificate needs https://", o.Endpoint)
	}
	_, err := o.clientCertificate(nil)
	return err
}

// clientCertificate reads the files anew for each connection, so that renewed ones are
// used.
func (o Config) clientCertificate(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(o.ClientCert, o.ClientKey)
	if err != nil {
		return nil, target.NewError(target.CodeCredentialsMissing, "", "client certificate: "+err.Error(), err)
	}
	return &pair, nil
}
