package lint

import (
	"fmt"
	"slices"
	"strings"
)

// Docs checks that every package has exactly one doc comment, in a file that is
// not a test unless the package has only tests, and that no blank line cuts it
// off from the package clause: godoc shows nothing then, and nobody notices.
func Docs(tree *Tree) []string {
	packages := map[string][]File{}
	var dirs []string
	for _, file := range tree.Files {
		if len(packages[file.Dir()]) == 0 {
			dirs = append(dirs, file.Dir())
		}
		packages[file.Dir()] = append(packages[file.Dir()], file)
	}
	slices.Sort(dirs)
	var findings []string
	for _, dir := range dirs {
		findings = append(findings, packageFindings(dir, packages[dir])...)
	}
	return findings
}

func packageFindings(dir string, files []File) []string {
	shipped := slices.DeleteFunc(slices.Clone(files), File.Test)
	if len(shipped) == 0 {
		shipped = files
	}
	var findings, documented []string
	for _, file := range shipped {
		if file.Cut != "" {
			findings = append(findings, fmt.Sprintf("%s: package doc is cut off: no blank line may stand between it and the package clause", file.Path))
		}
		if file.Doc == "" {
			continue
		}
		documented = append(documented, file.Path)
		if prefix := "Package " + file.Name + " "; file.Name != "main" && !strings.HasPrefix(strings.ReplaceAll(file.Doc, "\n", " "), prefix) {
			findings = append(findings, fmt.Sprintf("%s: package doc does not begin with %q", file.Path, strings.TrimSpace(prefix)))
		}
	}
	switch {
	case len(documented) == 0:
		findings = append(findings, fmt.Sprintf("%s: no file has a package doc comment", dir))
	case len(documented) > 1:
		findings = append(findings, fmt.Sprintf("%s: more than one package doc comment: %s", dir, strings.Join(documented, ", ")))
	}
	return findings
}
