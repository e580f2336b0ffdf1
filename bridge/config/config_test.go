package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"isthmus/e2e/golden"
)

// TestRejections loads every testdata/*.bad.yml. The lines at its end that
// begin with "#> " are the whole error.
func TestRejections(t *testing.T) {
	golden.Test(t, "testdata/*.bad.yml", func(t *testing.T, text string) string {
		const mark = "#> "
		config, _, _ := strings.Cut(text, "\n"+mark)
		_, err := Parse("bad.yml", []byte(text))
		if err == nil {
			t.Fatal("accepted")
		}
		return config + "\n" + mark + strings.ReplaceAll(err.Error(), "\n", "\n"+mark) + "\n"
	})
}

func TestExample(t *testing.T) {
	data, err := os.ReadFile("../../config.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	cfg, err := Parse("config.example.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	libera := cfg.Networks["libera"]
	if got := libera.Addresses[0]; got.Address() != "irc.libera.chat:6697" || !got.TLS() {
		t.Errorf("address %v", got)
	}
	if got := cfg.XMPP.Domains[1]; got.Network != "libera" || got.Server != cfg.XMPP.Server {
		t.Errorf("domain %+v", got)
	}
	// The example shows the defaults, so it must agree with them.
	want := DefaultNetwork()
	want.Addresses = libera.Addresses
	if fmt.Sprint(libera) != fmt.Sprint(want) {
		t.Errorf("the example's network\n%+v\nisn't the default\n%+v", libera, want)
	}
	defaults := Default()
	defaults.XMPP.SecretFile, defaults.XMPP.Domains = cfg.XMPP.SecretFile, cfg.XMPP.Domains
	defaults.Networks, defaults.Links, defaults.source = cfg.Networks, cfg.Links, cfg.source
	defaults.Matrix.Homeserver, defaults.Matrix.ServerName, defaults.Matrix.Allow = cfg.Matrix.Homeserver, cfg.Matrix.ServerName, cfg.Matrix.Allow
	cfg.Access.Allow, cfg.Access.Deny = nil, nil
	if len(cfg.Links) != 1 || len(cfg.Links[0].Rooms) != 3 || len(cfg.Warnings()) != 0 {
		t.Errorf("links %+v, warnings %v", cfg.Links, cfg.Warnings())
	}
	if cfg.Control != "control.sock" || cfg.Audit.File != "audit.jsonl" {
		t.Errorf("control %q, audit %q", cfg.Control, cfg.Audit.File)
	}
	cfg.Control, cfg.Audit.File = "", "" // so called where the file doesn't say
	for _, c := range Diff(defaults, cfg) {
		t.Errorf("the example is not the default: %v", c)
	}
}

const minimal = `
xmpp:
  secret_file: secret
  domains:
    - name: IRC.Example.org
networks:
  libera:
    addresses: [ircs://irc.libera.chat, "irc://[::1]:6667"]
`

// write makes a folder with files, all but secrets readable by others.
func write(t *testing.T, files map[string]string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for name, text := range files {
		mode := os.FileMode(0o644)
		if name == "secret" {
			mode = 0o600
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestMinimal(t *testing.T) {
	dir := write(t, map[string]string{"c.yaml": minimal, "secret": "s3cret\n"})
	cfg, err := Load(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	d, n := cfg.XMPP.Domains[0], cfg.Networks["libera"]
	if d.Name != "irc.example.org" || d.Secret != "s3cret" || d.Server.Address() != "127.0.0.1:5347" {
		t.Errorf("domain %+v", d)
	}
	if n.Nick != "{nick}" || n.Sessions != 100 || n.Linger != 30*time.Second || n.Reconnect.Most != 5*time.Minute {
		t.Errorf("defaults not filled in: %+v", n)
	}
	if n.Addresses[0].Address() != "irc.libera.chat:6697" || n.Addresses[1].Address() != "[::1]:6667" || n.Addresses[1].TLS() {
		t.Errorf("addresses %v", n.Addresses)
	}
	if len(cfg.Warnings()) != 0 {
		t.Errorf("warnings %v", cfg.Warnings())
	}
	if shown := fmt.Sprintf("%v %+v %#v", d, d, d); strings.Contains(shown, "s3cret") {
		t.Errorf("a secret shows: %s", shown)
	}
}

func TestEnvironment(t *testing.T) {
	t.Setenv(envSecret, "from env")
	t.Setenv(envKey, "key")
	t.Setenv("ISTHMUS_PASSWORD_IRC_EXAMPLE_ORG", "server password")
	dir := write(t, map[string]string{"c.yaml": `
xmpp: { domains: [{ name: a.example.org }] }
networks: { irc.example.org: { addresses: [irc://localhost] } }
`})
	cfg, err := Load(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if cfg.XMPP.Domains[0].Secret != "from env" || cfg.Store.Key != "key" ||
		cfg.Networks["irc.example.org"].Password != "server password" {
		t.Error("not taken from the environment")
	}
}

func TestFiles(t *testing.T) {
	dir := write(t, map[string]string{"open": "x", "empty": "\n", "two": "a\nb", "junk.pem": "junk", "c.yaml": `
xmpp:
  ca_file: nowhere.pem
  domains:
    - name: a.example.org
      secret_file: open
    - name: b.example.org
      secret_file: empty
    - name: c.example.org
      secret_file: two
    - name: d.example.org
      secret_file: .
    - name: e.example.org
networks:
  libera:
    addresses: [ircs://irc.libera.chat]
    ca_file: junk.pem
    tls_insecure: false
    sessions: 0
`})
	cfg, err := Load(filepath.Join(dir, "c.yaml"))
	var problems Problems
	if !errors.As(err, &problems) {
		t.Fatal("accepted", err)
	}
	want := []string{
		"3:12: xmpp.ca_file: can't be read: open @/nowhere.pem: no such file or directory",
		"8:20: xmpp.domains[1].secret_file: @/empty is empty: put the secret into it",
		"10:20: xmpp.domains[2].secret_file: @/two holds more than one line: only the secret belongs there",
		"12:20: xmpp.domains[3].secret_file: @ is not a file",
		"13:7: xmpp.domains[4]: has no secret: name a file in xmpp.secret_file, or set ISTHMUS_XMPP_SECRET",
		"17:14: networks.libera.ca_file: @/junk.pem holds no PEM certificate",
		"19:15: networks.libera.sessions: must be a number from 1 to 1000000",
	}
	for i, p := range problems {
		got := strings.ReplaceAll(strings.TrimPrefix(p.String(), p.File+":"), dir, "@")
		if i >= len(want) || got != want[i] {
			t.Errorf("problem %d: %s", i, got)
		}
	}
	if len(problems) != len(want) {
		t.Errorf("%d problems, want %d", len(problems), len(want))
	}
	warnings := cfg.Warnings()
	if len(warnings) == 0 || !strings.Contains(warnings[0].Text, "others may read it") {
		t.Errorf("no warning of an open secret file: %v", warnings)
	}
}

func TestLocalOnly(t *testing.T) {
	cfg, err := Parse("", []byte(minimal+"access: { local_only: true, allow: [Bob@Example.net] }"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(cfg.Access.Allow, " "); got != "bob@example.net example.org" {
		t.Errorf("allow: %s", got)
	}
}

func TestDiff(t *testing.T) {
	before, err := Parse("", []byte(minimal))
	if err != nil {
		t.Fatal(err)
	}
	after, err := Parse("", []byte(strings.Replace(minimal, "libera.chat", "libera.chat:7000", 1)+
		"    linger: 1m\n  oftc: { addresses: [ircs://irc.oftc.net] }\nlog: { level: debug }\n"))
	if err != nil {
		t.Fatal(err)
	}
	after.XMPP.Domains[0].Secret = "new"
	var got []string
	for _, c := range Diff(before, after) {
		got = append(got, c.String())
	}
	want := []string{
		"xmpp.domains[0].secret: [secret] → [secret]",
		"networks.libera.addresses: [ircs://irc.libera.chat:6697 irc://[::1]:6667] → [ircs://irc.libera.chat:7000 irc://[::1]:6667]",
		"networks.libera.linger: 30s → 1m0s",
		"networks.oftc added",
		`log.level: "info" → "debug"`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if d := Diff(before, before); len(d) != 0 {
		t.Errorf("differs from itself: %v", d)
	}
}

// FuzzParse: nothing panics, problems are sorted and stand inside the file,
// and what is accepted differs from itself in nothing.
func FuzzParse(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yml")
	for _, file := range append(files, "../../config.example.yaml") {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("<<: [[]]\n"))
	f.Add([]byte("xmpp: &a {domains: [*a]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		cfg, err := Parse("f", data)
		if err == nil {
			if d := Diff(cfg, cfg); len(d) != 0 {
				t.Fatal(d)
			}
			return
		}
		last := Problem{}
		for _, p := range err.(Problems) {
			if p.Line < max(last.Line, 1) || p.Col < 1 || p.Line > strings.Count(string(data), "\n")+strings.Count(string(data), "\r")+2 {
				t.Fatalf("%d:%d is not in the file or not sorted", p.Line, p.Col)
			}
			if strings.ContainsAny(p.String(), "\n\r\x00\x1b") {
				t.Fatalf("control characters in %q", p.String())
			}
			last = p
		}
	})
}
