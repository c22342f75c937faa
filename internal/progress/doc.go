// Package progress shows how far a command is: one line on a terminal, plain lines elsewhere,
// or JSON lines.
//
// Who works tells samples, as often as it likes and from many goroutines; a Meter shows one
// now and then. Sum shows devices that are at work side by side as one. No figure is shown
// that cannot be right: a part beyond its total takes the total away. It may import texts for
// a terminal, and the importer's estimate of the time left, so that line and status agree. It
// reads nothing and decides nothing.
package progress
