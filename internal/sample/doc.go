// Package sample is the arithmetic of looking at some objects instead of all: how many, which
// ones, and how sure the result makes about the rest.
//
// It is pure. An import's look at what earlier starts have stored and an audit share it, and
// nothing else of how they compare.
package sample
