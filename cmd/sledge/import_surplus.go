package main

import "strings"

// warnSurplus names the secret keys of the site's folder that no import needs. An import
// host is reached from more places than the machine that signs jobs. A folder that cannot
// be opened is reported where its keys are used.
func (a *app) warnSurplus(folder string) {
	if folder == "" {
		return
	}
	s, err := openSite(folder)
	if err != nil {
		return
	}
	if found, err := s.Surplus(); err == nil && len(found) > 0 {
		a.warn("%s holds more secret keys than an import needs (%s), and whoever takes this host has them, too; give it a folder with this job's keys alone: sledge site export --for import --job JOB --out FOLDER",
			folder, strings.Join(found, ", "))
	}
}
