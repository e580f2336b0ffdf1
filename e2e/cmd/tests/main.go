// Command tests runs every test of the module under the race detector, then
// each fuzz target for a moment, and counts. Its last line is "N passed, N failed";
// it fails when something failed.
//
//	go run ./e2e/cmd/tests                  all of it
//	go run ./e2e/cmd/tests -fuzz 0          no fuzzing
//	go run ./e2e/cmd/tests -unit=false      only the fuzzing
package main

import (
	"flag"
	"fmt"
	"os"
	"time"
)

func main() {
	fuzz := flag.Duration("fuzz", 5*time.Second, "how long each fuzz target runs; 0: not at all")
	unit := flag.Bool("unit", true, "run the tests")
	packages := flag.String("packages", "./...", "which packages")
	flag.Parse()

	var all tally
	if *unit {
		all.run("-race", "-timeout", "20m", *packages)
	}
	if *fuzz > 0 {
		targets, err := fuzzTargets(*packages)
		if err != nil {
			fmt.Println(err)
			all.failed++
		}
		for _, t := range targets {
			all.run("-run", "^$", "-fuzz", "^"+t.name+"$", "-fuzztime", fuzz.String(), t.pkg)
		}
	}
	if all.skipped > 0 {
		fmt.Printf("%d skipped\n", all.skipped)
	}
	fmt.Printf("%d passed, %d failed\n", all.passed, all.failed)
	if all.failed > 0 || all.passed == 0 {
		os.Exit(1)
	}
}
