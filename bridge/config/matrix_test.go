package config

import (
	"strings"
	"testing"
)

const withMatrix = minimal + `
matrix:
  homeserver: http://127.0.0.1:8008/
  server_name: example.org
`

const registration = `
id: isthmus
url: http://127.0.0.1:29329
as_token: one
hs_token: two
sender_localpart: isthmusbot
namespaces: {users: [], aliases: [], rooms: []}
`

func TestMatrix(t *testing.T) {
	dir := write(t, map[string]string{"c.yaml": withMatrix, "secret": "s", "registration.yaml": registration})
	cfg, err := Load(dir + "/c.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m := cfg.Matrix
	if !m.On() || m.Homeserver != "http://127.0.0.1:8008" || m.Listen.Address() != "127.0.0.1:29329" ||
		strings.Join(m.Allow, " ") != "example.org" || m.Media.Most != 50<<20 {
		t.Errorf("%+v", m)
	}
	if want := (Registration{"isthmus", "http://127.0.0.1:29329", "one", "two", "isthmusbot"}); m.Registration != want {
		t.Errorf("registration %+v", m.Registration)
	}
}

// Whatever is wrong with the registration file, its tokens are not shown.
func TestRegistrationFile(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "needs an as_token",
		"as_token: hush":         "needs an as_token",
		"as_token: [hush":        "is not YAML",
		"as_token: {hush: hush}": "is not YAML",
		"as_token: hush\nhs_token: hush\nsender_localpart: bot":      "that differ",
		"as_token: hush\nhs_token: hush2\nsender_localpart: Big Bot": "needs a sender_localpart",
	} {
		dir := write(t, map[string]string{"c.yaml": withMatrix, "secret": "s", "registration.yaml": text})
		_, err := Load(dir + "/c.yaml")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%q: %v", text, err)
		}
	}
	dir := write(t, map[string]string{"c.yaml": withMatrix, "secret": "s"})
	if _, err := Load(dir + "/c.yaml"); err == nil || !strings.Contains(err.Error(), "isthmus registration writes it") {
		t.Errorf("missing: %v", err)
	}
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "7": 7, "500KiB": 500 << 10, "50 MiB": 50 << 20, "2GiB": 2 << 30} {
		var s Size
		if err := s.UnmarshalText([]byte(text)); err != nil || s != want {
			t.Errorf("%q is %v, %v", text, s, err)
		}
		var back Size
		if err := back.UnmarshalText([]byte(s.String())); err != nil || back != s {
			t.Errorf("%v came back as %v, %v", s, back, err)
		}
	}
	for _, text := range []string{"", "MiB", "1.5MiB", "-1", "1MB", "9999999999"} {
		if err := new(Size).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}
