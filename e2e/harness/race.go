//go:build race

package harness

// buildFlags has the gateway watch for data races when the scenarios do.
var buildFlags = []string{"-race"}
