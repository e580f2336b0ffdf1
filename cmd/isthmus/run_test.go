package main

import (
	"bytes"
	"strings"
	"testing"

	"isthmus/bridge"
	"isthmus/bridge/config"
	"isthmus/xmppside/jid"
)

// Who and where a line is about reads the same in both formats.
func TestLogFormats(t *testing.T) {
	for format, want := range map[string]string{
		"text": "session=xmpp:alice@example.org from=alice@example.org/pc",
		"json": `"session":"xmpp:alice@example.org","from":"alice@example.org/pc"`,
	} {
		var out bytes.Buffer
		log, _ := newLogger(config.Log{Level: "info", Format: format}, &out)
		from, err := jid.Parse("alice@example.org/pc")
		if err != nil {
			t.Fatal(err)
		}
		log.Info("m", "session", bridge.Person{Network: "xmpp", ID: "alice@example.org"}, "from", from)
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %s: without %s", format, &out, want)
		}
	}
}
