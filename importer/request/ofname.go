package request

import "github.com/sledge-io/sledge/importer/target"

// OfName reports whether a key's name may be the cause of an error: a policy, a proxy, a
// firewall or a fault of the store may be about it.
func OfName(err error) bool {
	return RefusesName(err) || target.IsClass(err, target.Retryable) || err != nil && MayMeanKey(target.AsError(err).Code)
}

// RefusesName tells the errors of these that stores themselves give for a name.
func RefusesName(err error) bool { return Forbidden(err) || OfObject(err) }

// MayMeanKey tells the codes by which a policy, a proxy or a firewall may refuse one key.
func MayMeanKey(code target.Code) bool {
	switch code {
	case target.CodeAccessDenied, target.CodePolicyDenied, target.CodeCredentialsRefused, target.CodeNotS3, target.CodeWrongRegion:
		return true
	}
	return false
}
