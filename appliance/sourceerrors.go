package appliance

// vanished is the reason of what is not there any more.
const vanished = "vanished"

// deviceError is an error of the device, not of the source: it ends the load.
type deviceError struct{ Err error }

func (e deviceError) Error() string { return e.Err.Error() }
