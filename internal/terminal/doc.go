// Package terminal makes texts fit for a person's terminal: it escapes what a terminal
// would obey, measures and cuts columns, and writes sizes and counts in words.
//
// Names of files, texts of stores and errors of the system are other people's: whatever is
// printed of them goes through Escape, Shown or ShownName, so that a name neither drives the
// terminal nor makes a line of its own. Cell does the same for a spreadsheet. It imports nothing of ours, opens nothing and keeps
// no state.
package terminal
