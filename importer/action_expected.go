package importer

func (a *Action) expected() expected {
	return expected{a.Size, a.PartSize, a.Parts, a.SHA256, a.CRC, a.Composite()}
}
