package scan

// maxNamed bounds the paths that a report names.
const maxNamed = 10000

// AppendPath adds a path to those that a report names, unless they are 10,000 already.
func AppendPath(paths []string, path string) []string {
	if len(paths) < maxNamed {
		paths = append(paths, path)
	}
	return paths
}
