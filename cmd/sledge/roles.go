package main

import (
	"github.com/spf13/cobra"

	"github.com/sledge-io/sledge/internal/keyless"
)

// A role is who uses a verb; the help lists the verbs by it, in the order of the work.
type role struct {
	id, title string
	verbs     []*cobra.Command
}

func (a *app) roles() []role {
	return []role{
		{"field", "In the field:", []*cobra.Command{
			group("device", "set up this machine as a device, show its key", a.deviceInit(), a.deviceShow(), a.deviceReinstate()),
			a.unlockCommand(), a.scanCommand(), a.loadCommand(), a.statusCommand(), a.scrubCommand(), a.rebuildCommand(), a.lockCommand(), a.sealCommand()}},
		{"desk", "In the data centre:", []*cobra.Command{
			group("site", "create the data centre's keys, export those that an import needs, check devices before their seal", a.siteInit(), a.siteExport(), a.siteCheckWrap()),
			group("job", "create, extend and show job files", a.jobCreate(), a.jobExtend(), a.jobShow(), a.jobReinstate()),
			a.receiveCommand(),
			group("target", "test an S3 store before an import", a.targetProbeCommand()),
			a.importCommand(), a.acceptCommand(), a.extractCommand(), a.listCommand(), a.catCommand(), a.exportListCommand(), a.proveCommand(),
			group("pack", "export packs for other implementations", a.packExport())}},
		{"custody", "Whoever holds a device:", []*cobra.Command{
			group("custody", "sign who held the device, hand it over, and show it to strangers",
				a.custodyKey(), a.custodyAdd(), a.custodyHandover(), a.custodyReceive(), a.custodyShow(), a.custodyVerify(), a.custodyExport(), a.custodyPolicy())}},
		{"audit", "Auditors, without any secret:", []*cobra.Command{
			a.verifyVerb(keyless.Audit()),
			group("verify", "verify disks, manifest, imports, acceptances and proofs, without any secret",
				a.verifyVerb(keyless.Disks()), a.verifyVerb(keyless.Manifest()), a.verifyVerb(keyless.Proof()), a.verifyImport(), a.verifyVerb(keyless.Acceptance()), a.verifyCommit()),
			group("key", "show public keys, as people and other tools compare them", a.keyShow())}},
		{"everyone", "Everyone:", []*cobra.Command{a.simulateCommand(), a.versionCommand(), a.manCommand()}},
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
