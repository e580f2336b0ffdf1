package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/crypto/bcrypt"
)

// ergoPath is where e2e/install.sh puts Ergo.
func ergoPath() string { return filepath.Join(Root(), ".cache/ergo/usr/bin/ergochat") }

// HaveErgo tells whether Ergo could be had on this machine.
func HaveErgo() bool {
	_, err := os.Stat(ergoPath())
	return err == nil
}

// StartErgoWithoutSCRAM starts an Ergo to which one logs in by PLAIN or
// EXTERNAL only, as on servers with services of the old school.
func StartErgoWithoutSCRAM(t T) *IRCServer {
	t.Helper()
	return startIRC(t, "ergo", func(t T, dir string, s *IRCServer) command { return ergoWith(t, dir, s, false) })
}

// ergo writes the configuration of an Ergo, a server with all of IRCv3,
// accounts and SASL, and makes its database.
func ergo(t T, dir string, s *IRCServer) command { return ergoWith(t, dir, s, true) }

func ergoWith(t T, dir string, s *IRCServer, scram bool) command {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(operPassword), bcrypt.MinCost)
	if err != nil {
		t.Fatalf("harness: %v", err)
	}
	config := dir + "/ircd.yaml"
	writeFile(t, config, fmt.Sprintf(`
network: { name: ErgoNet }
server:
  name: irc.ergo.test
  listeners:
    %q: {}
    %q: { tls: { cert: %s/cert.pem, key: %s/key.pem } }
  casemapping: ascii
  enforce-utf8: true
  lookup-hostnames: false
  check-ident: false
  coerce-ident: "~u"
  max-sendq: 4M
  compatibility: { force-trailing: true, send-unprefixed-sasl: true }
  ip-limits: { count: false, throttle: false }
  ip-cloaking: { enabled: false }
  relaymsg: { enabled: true, separators: "/", available-to-chanops: true }
accounts:
  authentication-enabled: true
  registration:
    enabled: true
    allow-before-connect: true
    throttling: { enabled: false }
    bcrypt-cost: 4
    verify-timeout: 1h
    email-verification: { enabled: false }
  login-throttling: { enabled: false }
  advertise-scram: %v
  nick-reservation: { enabled: true, method: strict, guest-nickname-format: "Guest-*" }
  multiclient: { enabled: true, allowed-by-default: true, always-on: disabled, auto-away: disabled }
  vhosts: { enabled: false }
channels:
  default-modes: +nt
  max-channels-per-client: 200
  registration: { enabled: true }
  invite-expiration: 24h
oper-classes:
  admin: { title: Admin, capabilities: [kill, ban, nofakelag, sajoin, samode, rehash, accreg, chanreg] }
opers:
  %s: { class: admin, hidden: true, password: %q }
logging: [{ method: stderr, type: "* -userinput -useroutput", level: info }]
debug: { recover-from-errors: false }
lock-file: %s/ircd.lock
datastore: { path: %s/ircd.db, autoupgrade: true }
limits:
  { nicklen: 32, identlen: 20, realnamelen: 150, channellen: 64, awaylen: 390, kicklen: 390, topiclen: 390,
    monitor-entries: 100, whowas-entries: 100, chan-list-modes: 100, registration-messages: 1024,
    multiline: { max-bytes: 4096, max-lines: 100 } }
fakelag: { enabled: false }
history: { enabled: true, channel-length: 100, client-length: 100, autoreplay-on-join: 0, chathistory-maxmessages: 100 }
`, s.Addr, s.TLSAddr, dir, dir, scram, operName, string(hash), dir, dir))
	out, err := exec.Command(ergoPath(), "initdb", "--quiet", "--conf", config).CombinedOutput()
	if err != nil {
		t.Fatalf("ergo initdb: %v: %s", err, out)
	}
	return command{path: ergoPath(), args: []string{"run", "--conf", config}, dir: dir}
}
