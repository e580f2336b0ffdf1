package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"isthmus/e2e/harness"
)

func isthmus(t *testing.T, args ...string) (string, error) {
	t.Helper()
	path, err := harness.Binary()
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(path, args...).CombinedOutput()
	return string(out), err
}

// "isthmus check-config" names all that is wrong at once, with where and what
// to do, and fails; the example is right.
func TestCheckConfig(t *testing.T) {
	file := filepath.Join(t.TempDir(), "bad.yaml")
	bad := "xmpp:\n  sever: 127.0.0.1:5347\nnetworks:\n  libera:\n    addresses: libera\n    sessions: many\n"
	if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := isthmus(t, "check-config", file)
	if err == nil {
		t.Errorf("a bad file passed: %s", out)
	}
	for _, want := range []string{"bad.yaml:2:", "bad.yaml:6:", "sever", "sessions"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q isn't named in:\n%s", want, out)
		}
	}
}

// "isthmus init" writes a configuration that check-config takes, and says what
// to paste into the XMPP server's.
func TestInit(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "isthmus.yaml")
	out, err := isthmus(t, "init", "--help")
	if err != nil || !strings.Contains(out, "init") {
		t.Fatalf("%v: %s", err, out)
	}
	out, err = isthmus(t, "init", "-c", file, "--domain", "irc.example.org", "--network", "libera", "--address", "ircs://irc.libera.chat:6697")
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{`Component "irc.example.org"`, "component_secret", "ejabberd_service"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in:\n%s", want, out)
		}
	}
	if out, err := isthmus(t, "check-config", file); err != nil {
		t.Errorf("what init wrote is wrong: %v\n%s", err, out)
	}
}

// "isthmus version" tells one line.
func TestVersion(t *testing.T) {
	out, err := isthmus(t, "version")
	if err != nil || !strings.HasPrefix(out, "isthmus ") || strings.Count(out, "\n") != 1 {
		t.Errorf("%v: %q", err, out)
	}
}
