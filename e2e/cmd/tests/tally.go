package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// tally counts tests. A test that has subtests is not counted, they are.
type tally struct {
	passed, failed, skipped int
	timesUp                 bool // the run in hand failed only by ending in time
}

// event is a line of "go test -json" (see "go doc test2json").
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
	Elapsed float64
}

// run runs go test with args and counts what it reports. What a test printed
// is shown when it failed, or was skipped.
func (t *tally) run(args ...string) {
	cmd := exec.Command("go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Println(err)
		t.failed++
		return
	}
	before := t.failed
	t.timesUp = false
	t.read(out, os.Stdout)
	if err := cmd.Wait(); err != nil && t.failed == before && !t.timesUp {
		fmt.Printf("go test %s: %v\n", strings.Join(args, " "), err)
		t.failed++
	}
}

// read counts the events in r and prints what a person wants to see of them.
func (t *tally) read(r io.Reader, w io.Writer) {
	printed := map[string]*strings.Builder{} // by package and test
	parents := map[string]bool{}
	failures := map[string]int{} // by package
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		var e event
		if json.Unmarshal(line, &e) != nil {
			fmt.Fprintf(w, "%s", line)
			continue
		}
		key := e.Package + "\x00" + e.Test
		if printed[key] == nil {
			printed[key] = &strings.Builder{}
			for i, c := range key {
				if c == '/' && i > len(e.Package) {
					parents[key[:i]] = true
				}
			}
		}
		switch e.Action {
		case "output", "build-output":
			printed[key].WriteString(e.Output)
		case "pass", "fail", "skip":
			t.finished(e, parents[key], failures, printed[key].String(), w)
			delete(printed, key)
		}
	}
}

// finished counts one test, or tells how a package ended.
func (t *tally) finished(e event, parent bool, failures map[string]int, output string, w io.Writer) {
	if e.Test == "" {
		if e.Action == "fail" && failures[e.Package] == 0 { // it didn't build, or died
			t.failed++
			fmt.Fprint(w, output)
		}
		if e.Action != "skip" { // no test files
			fmt.Fprintf(w, "%s\t%s\t%.1fs\n", e.Action, e.Package, e.Elapsed)
		}
		return
	}
	switch {
	case e.Action == "fail" && endedInTime(e.Test, output):
		failures[e.Package]++ // so that the package's own end is no news
		t.timesUp = true
		t.passed++
	case e.Action == "fail":
		failures[e.Package]++
		fmt.Fprint(w, output)
		if !parent {
			t.failed++
		}
	case parent:
	case e.Action == "skip":
		t.skipped++
		fmt.Fprint(w, output)
	default:
		t.passed++
	}
}

// endedInTime reports whether a fuzz target found nothing and "failed" because
// -fuzztime was over, which go test now and then says so (golang.org/issue/75804).
// What a target finds is always written to a file.
func endedInTime(test, output string) bool {
	return strings.HasPrefix(test, "Fuzz") && strings.Contains(output, "context deadline exceeded") &&
		!strings.Contains(output, "Failing input written to")
}
