// Package metrics serves what imports are doing to Prometheus.
//
// A Server has one address and the runs of one command, each with labels of its own. It may
// import the importer's words for progress and states. It steers nothing, and what it serves
// names no file.
package metrics
