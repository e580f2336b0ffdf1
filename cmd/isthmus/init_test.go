package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"isthmus/bridge/config"
)

// command runs isthmus with args and returns what it printed.
func command(t *testing.T, stdin string, args ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	root := rootCommand()
	root.SetArgs(args)
	root.SetIn(strings.NewReader(stdin))
	root.SetOut(&out)
	root.SetErr(&out)
	err := root.Execute()
	return out.String(), err
}

func TestInit(t *testing.T) {
	file := filepath.Join(t.TempDir(), "etc", "isthmus.yaml")
	out, err := command(t, "", "init", "-c", file, "--domain", "irc.example.org")
	if err != nil {
		t.Fatal(err)
	}
	secret, err := os.ReadFile(filepath.Join(filepath.Dir(file), "component-secret"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`Component "irc.example.org"`, `component_secret = "` + strings.TrimSpace(string(secret)),
		"ejabberd_service", "#isthmus%libera@irc.example.org",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	if info, _ := os.Stat(filepath.Join(filepath.Dir(file), "component-secret")); info.Mode().Perm() != 0o600 {
		t.Errorf("others may read the secret: %v", info.Mode())
	}
	if out, err := command(t, "", "check-config", file); err != nil || strings.Contains(out, "warning") {
		t.Errorf("%v: %s", err, out)
	}
	before, _ := os.ReadFile(file)
	if !bytes.Contains(before, []byte("local_only: true    # users of example.org;")) {
		t.Errorf("a new gateway is open to the world:\n%s", before)
	}
	if _, err := command(t, "", "init", "-c", file, "--domain", "irc.example.net"); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("overwrites: %v", err)
	}
	if after, _ := os.ReadFile(file); !bytes.Equal(before, after) {
		t.Error("overwritten")
	}
}

// The lines to paste name the port that was asked for.
func TestInitPort(t *testing.T) {
	for server, want := range map[string]string{"127.0.0.1:5347": "port: 5347", "tls://xmpp.example.org:5555": "port: 5555"} {
		out, err := command(t, "", "init", "-c", filepath.Join(t.TempDir(), "c"), "--domain", "irc.example.org", "--server", server)
		if err != nil || !strings.Contains(out, want) || strings.Contains(out, "component_ports") != (want != "port: 5347") {
			t.Errorf("%v\n%s", err, out)
		}
	}
}

func TestInitAsks(t *testing.T) {
	file := filepath.Join(t.TempDir(), "isthmus.yaml")
	out, err := command(t, "irc.example.org\n\noftc\nircs://irc.oftc.net\n\n", "init", "-c", file)
	if err != nil || !strings.Contains(out, "#isthmus%oftc@irc.example.org") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err := command(t, "", "init", "-c", file+"2"); err == nil {
		t.Errorf("no answer is taken for one: %s", out)
	}
}

// With a homeserver, init writes all that it needs, too.
func TestInitMatrix(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "isthmus.yaml")
	out, err := command(t, "", "init", "-c", file, "--domain", "irc.example.org", "--homeserver", "http://127.0.0.1:8008")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`Component "irc.example.org"`, `Component "matrix.example.org"`, `"matrix.example.org":` + "\n",
		"app_service_config_files:\n      - " + dir + "/registration.yaml", "config_files:\n        - " + dir,
		"#room%server@matrix.example.org", "#irc_libera_#isthmus:example.org", "@isthmusbot:example.org",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	if out, err := command(t, "", "check-config", file); err != nil || strings.Contains(out, "warning") {
		t.Errorf("%v: %s", err, out)
	}
	written, err := os.ReadFile(dir + "/registration.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var r struct {
		ID, URL    string
		Namespaces map[string][]struct {
			Exclusive bool
			Regex     string
		}
	}
	if err := yaml.Unmarshal(written, &r); err != nil || r.URL != "http://127.0.0.1:29329" {
		t.Errorf("%v, %+v", err, r)
	}
	for kind, names := range map[string][]string{
		"users":   {"@isthmusbot:example.org", "@irc_libera_rob:example.org", "@xmpp_juliet_example.org:example.org"},
		"aliases": {"#irc_libera_#go:example.org", "#xmpp_room_muc.example.org:example.org"},
	} {
		for _, name := range names {
			if !slices.ContainsFunc(r.Namespaces[kind], func(n struct {
				Exclusive bool
				Regex     string
			}) bool {
				return n.Exclusive && regexp.MustCompile(n.Regex).MatchString(name)
			}) {
				t.Errorf("%s is not in the namespaces\n%s", name, written)
			}
		}
	}
}

// registration writes the file for a configuration that was written by hand.
func TestRegistration(t *testing.T) {
	dir := t.TempDir()
	path := gatewayFile(t, dir, "matrix: { homeserver: 'http://127.0.0.1:1', server_name: example.org }\n")
	if _, err := config.Load(path); err == nil || !strings.Contains(err.Error(), "isthmus registration writes it") {
		t.Errorf("no word of what is missing: %v", err)
	}
	out, err := command(t, "", "registration", "-c", path, "--url", "http://bridge:29329")
	if err != nil || !strings.Contains(out, dir+"/registration.yaml") {
		t.Fatalf("%v: %s", err, out)
	}
	cfg, err := config.Load(path)
	if err != nil || cfg.Matrix.Registration.Localpart != botLocalpart {
		t.Errorf("%v", err)
	}
	if _, err := command(t, "", "registration", "-c", path); err == nil || !strings.Contains(err.Error(), "there already") {
		t.Errorf("tokens are replaced: %v", err)
	}
	path = gatewayFile(t, t.TempDir(), "")
	if _, err := command(t, "", "registration", "-c", path); err == nil || !strings.Contains(err.Error(), "no matrix section") {
		t.Errorf("%v", err)
	}
}

func TestInitRefuses(t *testing.T) {
	dir := t.TempDir()
	_, err := command(t, "", "init", "-c", filepath.Join(dir, "c"), "--domain", "not a domain", "--address", "libera")
	if err == nil || !strings.Contains(err.Error(), "not a domain") || !strings.Contains(err.Error(), "ircs://") {
		t.Error(err)
	}
	if files, _ := os.ReadDir(dir); len(files) != 0 {
		t.Errorf("wrote %v", files)
	}
}

func TestCheckConfigRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	if err := os.WriteFile(file, []byte("xmpp:\n  sever: x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := command(t, "", "check-config", file); err == nil || !strings.Contains(err.Error(), "c.yaml:2:3: xmpp.sever:") {
		t.Error(err)
	}
}

func TestHelp(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"run", "--help"}, {"init", "--help"}, {"check-config", "--help"}, {"registration", "--help"},
		{"plan", "--help"}, {"status", "--help"}, {"explain", "--help"}, {"trace", "--help"}, {"audit", "--help"}} {
		out, err := command(t, "", args...)
		if err != nil || !strings.Contains(out, "Examples:\n  ") {
			t.Errorf("%v teaches nothing: %v\n%s", args, err, out)
		}
	}
}
