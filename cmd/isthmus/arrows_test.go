package main

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// tools know nothing of what the bridge is about; whoever has a use for one may.
var tools = []string{"isthmus/bridge/actor", "isthmus/bridge/netguard", "isthmus/bridge/smallmap"}

// TestArrows keeps the arrows of docs/architecture.md: sides never import each
// other, the core imports no side and no protocol library, and only this
// package imports every side.
func TestArrows(t *testing.T) {
	for _, tool := range tools {
		for _, dep := range dependencies(t, tool)[tool] {
			if strings.HasPrefix(dep, "isthmus/") && !slices.Contains(tools, dep) {
				t.Errorf("%s depends on %s", tool, dep)
			}
		}
	}
	for _, c := range []struct{ from, never string }{
		{"isthmus/bridge/...", "isthmus/xmppside isthmus/ircside isthmus/matrixside maunium.net"},
		{"isthmus/bridge", "isthmus/bridge/store isthmus/bridge/config encoding/xml net"},
		{"isthmus/xmppside/...", "isthmus/ircside isthmus/matrixside isthmus/bridge/config"},
		{"isthmus/ircside/...", "isthmus/xmppside isthmus/matrixside isthmus/bridge/store isthmus/bridge/config"},
		{"isthmus/matrixside/...", "isthmus/xmppside isthmus/ircside isthmus/bridge/config"},
		{"isthmus/xmppside/muc/...", "isthmus/bridge"},
		{"isthmus/ircside/session/...", "isthmus/bridge"},
	} {
		for pkg, deps := range dependencies(t, c.from) {
			for _, dep := range deps {
				for never := range strings.FieldsSeq(c.never) {
					if (dep == never || strings.HasPrefix(dep, never+"/")) && !slices.Contains(tools, dep) {
						t.Errorf("%s depends on %s", pkg, dep)
					}
				}
			}
		}
	}
}

// dependencies lists what each package of a pattern is built from.
func dependencies(t *testing.T, pattern string) map[string][]string {
	t.Helper()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Deps " "}}`, pattern).Output()
	if err != nil {
		t.Fatalf("go list %s: %v", pattern, err)
	}
	all := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		all[fields[0]] = fields[1:]
	}
	if len(all) == 0 {
		t.Errorf("no packages in %s", pattern)
	}
	return all
}
