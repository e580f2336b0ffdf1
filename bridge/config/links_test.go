package config

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// mappedFile maps a channel, a MUC and a Matrix room.
const mappedFile = `
xmpp:
  secret_file: secret
  domains: [{ name: irc.example.org }]
networks:
  libera:
    addresses: [ircs://irc.libera.chat]
    preset: libera
    contact: mailto:admin@example.org
    mapped: { idle: 1h }
  ergo:
    addresses: [ircs://ergo.example.org]
    mapped: { as: puppets, puppets: 7 }
matrix: { homeserver: "http://127.0.0.1:8008", server_name: example.org }
links:
  - name: lounge
    rooms:
      - { xmpp: Lounge@conference.example.org }
      - { irc: libera, channel: "#Lounge" }
      - { matrix: "#lounge:example.org" }
  - name: dev
    moderation: undo
    rooms:
      - { irc: ergo, channel: "#dev", name: "{name}[{network}]", direction: out }
      - { xmpp: dev@conference.example.org, as: relay, password_file: secret }
`

func loadMapped(t *testing.T, from, to string) *Config {
	t.Helper()
	dir := write(t, map[string]string{
		"c.yaml": strings.Replace(mappedFile, from, to, 1), "secret": "s3cret", "registration.yaml": registration,
	})
	cfg, err := Load(filepath.Join(dir, "c.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// What a room doesn't say, its network says, else the preset, else the default.
func TestLinks(t *testing.T) {
	cfg := loadMapped(t, "", "")
	if len(cfg.Links) != 2 || cfg.Links[0].Moderation != "apply" || cfg.Links[1].Moderation != "undo" {
		t.Fatalf("%+v", cfg.Links)
	}
	lounge, dev := cfg.Links[0].Rooms, cfg.Links[1].Rooms
	for i, c := range []struct {
		got, want    LinkRoom
		network, str string
	}{
		{lounge[0], LinkRoom{XMPP: "lounge@conference.example.org", Direction: "both",
			Mapped: Mapped{"puppets", "join", 0, 1000, "{name}"}}, "xmpp", "lounge@conference.example.org"},
		{lounge[1], LinkRoom{IRC: "libera", Channel: "#lounge", Direction: "both",
			Mapped: Mapped{"relay", "speak", time.Hour, 50, "{name}"}}, "libera", "libera:#lounge"},
		{lounge[2], LinkRoom{Matrix: "#lounge:example.org", Direction: "both",
			Mapped: Mapped{"puppets", "join", 0, 1000, "{name}"}}, "matrix", "#lounge:example.org"},
		{dev[0], LinkRoom{IRC: "ergo", Channel: "#dev", Direction: "out",
			Mapped: Mapped{"puppets", "speak", 48 * time.Hour, 7, "{name}[{network}]"}}, "ergo", "ergo:#dev"},
		{dev[1], LinkRoom{XMPP: "dev@conference.example.org", Direction: "both", PasswordFile: dev[1].PasswordFile, Password: "s3cret",
			Mapped: Mapped{"relay", "join", 0, 1000, "{name}"}}, "xmpp", "dev@conference.example.org"},
	} {
		if c.got != c.want || c.got.Network() != c.network || c.got.String() != c.str {
			t.Errorf("room %d is %+v on %s, %s", i, c.got, c.got.Network(), c.got)
		}
	}
	libera, ergo := cfg.Networks["libera"], cfg.Networks["ergo"]
	if libera.Policy != PolicyConsent || libera.PrivateMessages != MessagesKnown || libera.Mapped.As != AsRelay {
		t.Errorf("the preset does nothing: %+v", libera)
	}
	if ergo.Policy != PolicyOpen || ergo.PrivateMessages != MessagesAll {
		t.Errorf("no preset does something: %+v", ergo)
	}
}

// The file counts before the preset.
func TestPreset(t *testing.T) {
	const file = minimal + `    preset: esper
    contact: mailto:admin@example.org
`
	cfg, err := Parse("", []byte(file))
	if err != nil || cfg.Networks["libera"].Sessions != 1 || len(cfg.Warnings()) != 0 {
		t.Errorf("%v: %+v", err, cfg)
	}
	cfg, err = Parse("", []byte(file+"    sessions: 20\n    policy: open\n    mapped: { as: puppets }\n"))
	if err != nil {
		t.Fatal(err)
	}
	if n := cfg.Networks["libera"]; n.Sessions != 20 || n.Policy != PolicyOpen || n.Mapped.As != AsPuppets || n.PrivateMessages != MessagesKnown {
		t.Errorf("%+v", n)
	}
	if w := cfg.Warnings(); len(w) != 1 || !strings.Contains(w[0].String(), "esper has room for 1 from one address") {
		t.Errorf("%v", w)
	}
	for name, p := range presets {
		n := DefaultNetwork()
		n.Preset = name
		c := checker{source: source{at: map[string]position{}}}
		c.preset("n", &n)
		if len(c.problems) != 1 || n.Policy != p.policy || n.Sessions < 1 {
			t.Errorf("%s: %v, %+v", name, c.problems, n)
		}
	}
}

// Two IRC networks in one link are not what Libera.Chat wants.
func TestAlone(t *testing.T) {
	cfg := loadMapped(t, `- { matrix: "#lounge:example.org" }`, `- { irc: ergo, channel: "#lounge" }`)
	if w := cfg.Warnings(); len(w) != 1 || w[0].Path != "links[0].rooms[1]" || !strings.Contains(w[0].Text, "other IRC networks") {
		t.Errorf("%v", w)
	}
}

func TestDiffLinks(t *testing.T) {
	before := loadMapped(t, "", "")
	for _, c := range []struct{ from, to, want string }{
		{`as: relay, `, ``, `links.dev."dev@conference.example.org".as: "relay" → "puppets"`},
		{`moderation: undo`, `moderation: off`, `links.dev.moderation: "undo" → "off"`},
		{`      - { xmpp: Lounge@conference.example.org }` + "\n", ``, `links.lounge."lounge@conference.example.org" removed`},
		{`#Lounge`, `#lobby`, `links.lounge."libera:#lobby" added|links.lounge."libera:#lounge" removed`},
		{`#Lounge`, `#lounge`, ``},
		{`name: dev`, `name: devel`, `links.dev removed|links.devel added: ergo:#dev + dev@conference.example.org`},
		{`idle: 1h`, `idle: 2h`, `networks.libera.mapped.idle: 1h0m0s → 2h0m0s|links.lounge."libera:#lounge".idle: 1h0m0s → 2h0m0s`},
	} {
		after := loadMapped(t, c.from, c.to)
		var got []string
		for _, change := range Diff(before, after) {
			if !strings.Contains(change.Path, "_file") /* each is in a folder of its own */ {
				got = append(got, change.String())
			}
		}
		if strings.Join(got, "|") != c.want {
			t.Errorf("%s for %s:\n got %s\nwant %s", c.to, c.from, strings.Join(got, "|"), c.want)
		}
	}
}

func TestPaths(t *testing.T) {
	for more, want := range map[string]string{
		"":                                     "/var/lib/isthmus/control.sock /var/lib/isthmus/audit.jsonl",
		"store: { path: i.db }\n":              "/etc/i/control.sock /etc/i/audit.jsonl",
		"control: off\naudit: { file: off }\n": " ",
		"control: c\naudit: { file: /a }\n":    "/etc/i/c /a",
		"store: { path: \"postgres://u@h/d\", key_file: /k/key }\n": "/k/control.sock /k/audit.jsonl",
		"control: c\nnonsense: { a }\n":                             "/etc/i/c /var/lib/isthmus/audit.jsonl",
		"}":                                                         " not YAML from about here on",
	} {
		control, audit, err := Paths("/etc/i/c.yaml", []byte(minimal+more))
		if got := control + " " + audit; got != want && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %s, %v", more, got, err)
		}
	}
	here, err := filepath.Abs("etc")
	if err != nil {
		t.Fatal(err)
	}
	control, audit, err := Paths("etc/c.yaml", []byte(minimal+"store: { path: i.db }\n"))
	if control != filepath.Join(here, "control.sock") || audit != filepath.Join(here, "audit.jsonl") || err != nil {
		t.Errorf("%s, %s, %v", control, audit, err)
	}
	cfg := loadMapped(t, "", "")
	if cfg.Control != "/var/lib/isthmus/control.sock" || cfg.Audit.File != "/var/lib/isthmus/audit.jsonl" || cfg.Audit.Most != 10<<20 {
		t.Errorf("%q, %+v", cfg.Control, cfg.Audit)
	}
}
