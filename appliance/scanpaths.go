package appliance

// maxNamed bounds the paths that a report names.
const maxNamed = 10000

func appendPath(paths []string, path string) []string {
	if len(paths) < maxNamed {
		paths = append(paths, path)
	}
	return paths
}
