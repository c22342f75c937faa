package custody

// MaySign is for comparison with the writer's table.
var MaySign = maySign
