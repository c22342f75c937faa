// Package keyfile reads files that an operator names as keys, and says what they hold where
// that is another thing than was asked for.
//
// A kind is told by a text's form. Nothing is proven by that: whoever uses a key finds out
// whether it fits. No error repeats a text, since it may be a secret. The package may import
// the parsers of keys and advice. It opens what is named, and writes nothing.
package keyfile
