package s3

import (
	"cmp"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
)

// metadataNet holds the addresses by which AWS machines ask for their own credentials over
// IPv6 (fd00:ec2::254, fd00:ec2::23); those of IPv4 are link-local.
var metadataNet = netip.MustParsePrefix("fd00:ec2::/32")

// byProxy sends requests through a proxy, but for those that no proxy can carry: to this
// machine, and to the link's own services, which give this machine its credentials. Hosts
// of NO_PROXY are reached directly, too.
func byProxy(proxy *url.URL) func(*http.Request) (*url.URL, error) {
	direct := parseNoProxy(cmp.Or(os.Getenv("NO_PROXY"), os.Getenv("no_proxy")))
	return func(r *http.Request) (*url.URL, error) {
		host := strings.ToLower(strings.TrimSuffix(r.URL.Hostname(), "."))
		if isOwn(host) || direct.match(host, portOf(r.URL)) {
			return nil, nil
		}
		return proxy, nil
	}
}

// isOwn reports whether a host is this machine, or a service of its link.
func isOwn(host string) bool {
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	ip = ip.Unmap().WithZone("")
	return err == nil && (ip.IsLoopback() || ip.IsLinkLocalUnicast() || metadataNet.Contains(ip))
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" || u.Scheme != "https" {
		return cmp.Or(port, "80")
	}
	return "443"
}

// noProxy is the list of NO_PROXY: addresses, networks, and domains with all below them;
// one that begins with a dot is only what is below. A port limits an entry to it.
type noProxy []noProxyRule

type noProxyRule struct {
	all    bool
	net    netip.Prefix // valid, or the rule is of names
	name   string
	suffix string
	port   string // "" is every port
}

func parseNoProxy(list string) (rules noProxy) {
	for _, text := range strings.Split(list, ",") {
		if text = strings.ToLower(strings.TrimSpace(text)); text != "" {
			rules = append(rules, parseNoProxyRule(text))
		}
	}
	return rules
}

func parseNoProxyRule(text string) (r noProxyRule) {
	if text == "*" {
		return noProxyRule{all: true}
	}
	if net, err := netip.ParsePrefix(text); err == nil {
		return noProxyRule{net: net}
	}
	if i := strings.LastIndexByte(text, ':'); i >= 0 && (strings.HasSuffix(text[:i], "]") || strings.Count(text, ":") == 1) {
		text, r.port = text[:i], text[i+1:]
	}
	if ip, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		r.net = netip.PrefixFrom(ip.Unmap(), ip.Unmap().BitLen())
		return r
	}
	text = strings.TrimPrefix(text, "*")
	if r.suffix = text; !strings.HasPrefix(text, ".") {
		r.name, r.suffix = text, "."+text
	}
	return r
}

func (n noProxy) match(host, port string) bool {
	ip, err := netip.ParseAddr(host)
	for _, r := range n {
		switch {
		case r.all:
			return true
		case r.port != "" && r.port != port:
		case r.net.IsValid():
			if err == nil && r.net.Contains(ip.Unmap().WithZone("")) {
				return true
			}
		case err != nil && (host == r.name || strings.HasSuffix(host, r.suffix)):
			return true
		}
	}
	return false
}
