package golden

import "testing"

func TestDifference(t *testing.T) {
	for _, c := range []struct {
		a, b, ofA, ofB string
		n              int
	}{
		{"x\ny\n", "x\nz\n", "y", "z", 2},
		{"x\n", "x\ny\n", "", "y", 2},
		{"x\ny", "x", "y", "", 2},
		{"", "x", "", "x", 1},
	} {
		if n, ofA, ofB := difference(c.a, c.b); n != c.n || ofA != c.ofA || ofB != c.ofB {
			t.Errorf("%q and %q: %d %q %q", c.a, c.b, n, ofA, ofB)
		}
	}
}
