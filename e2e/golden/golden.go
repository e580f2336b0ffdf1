// Package golden runs tests that are files: what goes in and what must come
// out of it stand in one text, so that what comes out now can be written there
// and read as a difference.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write what comes out now into testdata")

// Test has play make each file that pattern matches anew from its text, as a
// subtest, and fails where the outcome is another text. With -rewrite it
// writes the outcome into the file instead. No file at all is a failure too.
func Test(t *testing.T, pattern string, play func(t *testing.T, text string) string) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil || len(files) == 0 {
		t.Fatalf("no file is %s (%v)", pattern, err)
	}
	for _, file := range files {
		name, _, _ := strings.Cut(filepath.Base(file), ".")
		t.Run(name, func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := play(t, string(want))
			switch {
			case got == string(want):
			case *rewrite:
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			default:
				n, g, w := difference(got, string(want))
				t.Errorf("%s:%d: otherwise now (-rewrite writes it)\n got %s\nwant %s", file, n, g, w)
			}
		})
	}
}

// difference is the first line in which two texts differ, counted from 1;
// beyond the end of a text stands nothing.
func difference(a, b string) (n int, ofA, ofB string) {
	for a != "" || b != "" {
		n++
		ofA, a, _ = strings.Cut(a, "\n")
		ofB, b, _ = strings.Cut(b, "\n")
		if ofA != ofB {
			break
		}
	}
	return n, ofA, ofB
}
