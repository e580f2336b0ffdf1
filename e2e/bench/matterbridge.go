package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"isthmus/e2e/bench/fakexmpp"
)

// matterbridgeConfig maps mappedChannel and mucJID.
const matterbridgeConfig = `[irc.bench]
Server="127.0.0.1:%d"
Nick="relay"
RemoteNickFormat="<{NICK}> "
%s
[xmpp.bench]
Server="127.0.0.1:%d"
Jid="%s"
Password="%s"
Muc="muc.test"
Nick="relay"
NoTLS=true
RemoteNickFormat="<{NICK}> "

[[gateway]]
name="bench"
enable=true
[[gateway.inout]]
account="irc.bench"
channel="%s"
[[gateway.inout]]
account="xmpp.bench"
channel="bench"
`

// matterbridge 1.26 as e2e/install-matterbridge.sh builds it. It is a client of
// the XMPP server, not a component. Its flood control waits 1.3 s after each
// line, and has place for 30; 0 would mean that, too.
func matterbridge(binary string) kind {
	return kind{
		name: "matterbridge",
		prepare: func(_ context.Context, k kind, dir string, xmppPort, ircPort int) ([]string, error) {
			flood := "MessageDelay=1\nMessageQueue=10000\n"
			if k.mapped.flood {
				flood = ""
			}
			config := filepath.Join(dir, "matterbridge.toml")
			err := os.WriteFile(config, fmt.Appendf(nil, matterbridgeConfig, ircPort, flood, xmppPort,
				bareJID(fakexmpp.ClientJID), secret, mappedChannel), 0o600)
			return []string{binary, "-conf", config}, err
		},
	}
}
