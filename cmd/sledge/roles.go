package main

import "github.com/spf13/cobra"

// A role is who uses a verb; the help lists the verbs by it, in the order of the work.
type role struct {
	id, title string
	verbs     []*cobra.Command
}

func (a *app) roles() []role {
	return []role{
		{"field", "In the field:", []*cobra.Command{a.deviceCommand(), a.unlockCommand(), a.scanCommand(), a.loadCommand(), a.statusCommand(),
			a.scrubCommand(), a.rebuildCommand(), a.lockCommand(), a.sealCommand()}},
		{"desk", "In the data centre:", []*cobra.Command{a.siteCommand(), a.jobCommand(), a.receiveCommand(), a.targetCommand(), a.importCommand(),
			a.acceptCommand(), a.extractCommand(), a.listCommand(), a.catCommand(), a.exportListCommand(), a.proveCommand(), a.packCommand()}},
		{"audit", "Auditors, without any secret:", []*cobra.Command{a.verifyCommand(), a.keyCommand()}},
		{"everyone", "Everyone:", []*cobra.Command{a.simulateCommand(), a.versionCommand()}},
	}
}

func addRoles(root *cobra.Command, roles []role) {
	for _, r := range roles {
		root.AddGroup(&cobra.Group{ID: r.id, Title: r.title})
		for _, verb := range r.verbs {
			verb.GroupID = r.id
			root.AddCommand(verb)
		}
	}
	root.SetHelpCommandGroupID("everyone")
	root.SetCompletionCommandGroupID("everyone")
}
