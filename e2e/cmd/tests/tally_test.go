package main

import (
	"io"
	"slices"
	"strings"
	"testing"
)

func TestTally(t *testing.T) {
	for name, test := range map[string]struct {
		events string
		want   tally
	}{
		"subtests count, their parent doesn't": {`
			{"Action":"run","Package":"p","Test":"A"}
			{"Action":"run","Package":"p","Test":"A/x/1"}
			{"Action":"pass","Package":"p","Test":"A/x/1"}
			{"Action":"run","Package":"p","Test":"A/x/2"}
			{"Action":"fail","Package":"p","Test":"A/x/2"}
			{"Action":"fail","Package":"p","Test":"A/x"}
			{"Action":"fail","Package":"p","Test":"A"}
			{"Action":"fail","Package":"p"}`, tally{passed: 1, failed: 1}},
		"a package that doesn't build": {`
			{"Action":"build-output","ImportPath":"p","Output":"no"}
			{"Action":"fail","Package":"p"}`, tally{failed: 1}},
		"skipped": {`
			{"Action":"run","Package":"p","Test":"A"}
			{"Action":"skip","Package":"p","Test":"A"}
			{"Action":"pass","Package":"p"}`, tally{skipped: 1}},
		"the same name in two packages": {`
			{"Action":"run","Package":"p","Test":"A"}
			{"Action":"pass","Package":"p","Test":"A"}
			{"Action":"run","Package":"q","Test":"A"}
			{"Action":"pass","Package":"q","Test":"A"}`, tally{passed: 2}},
	} {
		t.Run(name, func(t *testing.T) {
			var got tally
			got.read(strings.NewReader(strings.TrimSpace(test.events)+"\n"), io.Discard)
			if got != test.want {
				t.Errorf("%+v, not %+v", got, test.want)
			}
		})
	}
}

func TestParseTargets(t *testing.T) {
	got := parseTargets("FuzzA\nFuzzB\nok  \tm/p\t0.1s\n?   \tm/q\t[no test files]\nFuzzC\nok  \tm/r\t0.2s\n")
	want := []fuzzTarget{{"m/p", "FuzzA"}, {"m/p", "FuzzB"}, {"m/r", "FuzzC"}}
	if !slices.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

func TestEndedInTime(t *testing.T) {
	const end = "--- FAIL: FuzzA (5.26s)\n    context deadline exceeded\n"
	if !endedInTime("FuzzA", end) || endedInTime("TestA", end) || endedInTime("FuzzA", end+"    Failing input written to testdata/fuzz/x\n") {
		t.Error("only a fuzz target that found nothing has ended in time")
	}
}
