package main

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
)

type fuzzTarget struct{ pkg, name string }

// fuzzTargets finds every Fuzz function by asking "go test -list".
func fuzzTargets(packages string) ([]fuzzTarget, error) {
	cmd := exec.Command("go", "test", "-short", "-list", "^Fuzz", packages)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go test -list: %w\n%s%s", err, out, stderr.Bytes())
	}
	return parseTargets(string(out)), nil
}

// parseTargets reads the names of a package's targets and, after them, "ok" and
// the package.
func parseTargets(list string) []fuzzTarget {
	var targets, pending []fuzzTarget
	for line := range strings.Lines(list) {
		fields := strings.Fields(line)
		switch {
		case len(fields) == 1 && strings.HasPrefix(fields[0], "Fuzz"):
			pending = append(pending, fuzzTarget{name: fields[0]})
		case len(fields) > 1 && fields[0] == "ok":
			for _, t := range pending {
				t.pkg = fields[1]
				targets = append(targets, t)
			}
			pending = nil
		}
	}
	return targets
}
