// Package delivery finds out which disks, labels, job files and receipts belong together.
//
// A site sends disks, and labels by another way; an importer has folders of receipts. Names
// of files say nothing, so each is asked whose it is: a disk by its header or its checkpoint,
// a label by its scope, receipts by their checkpoint. Nothing is believed by that. Whoever
// opens a device or verifies receipts proves the chain afterwards.
//
// It may import the format, files and advice. It opens no device, verifies nothing, and
// writes nothing; what only an appliance can read of a disk is given to it by Disks.
package delivery
