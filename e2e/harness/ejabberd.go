package harness

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
)

// ejabberd writes an ejabberd's configuration into dir. It runs without
// Erlang's distribution, so it needs no epmd and no cookie; the accounts are
// made by an expression that follows its start.
func ejabberd(t T, dir string, x *XMPPServer) command {
	t.Helper()
	code, err := filepath.Glob("/usr/lib/*/ejabberd-*/ebin")
	if err != nil || len(code) == 0 {
		t.Fatalf("harness: ejabberd isn't installed (run e2e/install.sh): %v", err)
	}
	_, clients, _ := net.SplitHostPort(x.Client)
	_, components, _ := net.SplitHostPort(x.Component)
	_, secure, _ := net.SplitHostPort(x.SecureComponent)

	var gateways, accounts strings.Builder
	for _, host := range x.Hosts {
		for _, domain := range componentDomains(host) {
			fmt.Fprintf(&gateways, "      %q: { password: %q }\n", domain, componentSecret)
		}
		for _, user := range Users {
			fmt.Fprintf(&accounts, "ejabberd_auth:try_register(<<%q>>, <<%q>>, <<%q>>), ", user, host, Password)
		}
	}
	config := fmt.Sprintf(`
loglevel: info
# As in the configuration that it comes with: only its own users make rooms.
acl: { local: { user_regexp: "" } }
access_rules: { muc_create: { allow: local } }
hosts: ["%s"]
auth_password_format: plain
listen:
  - { port: %s, ip: "127.0.0.1", module: ejabberd_c2s, max_stanza_size: 262144 }
  - port: %s
    ip: "127.0.0.1"
    module: ejabberd_service
    # Each gateway of a lane is a process of its own: without this every one
    # that connects takes the stanzas of all hosts below.
    global_routes: false
    hosts:
%s
  - port: %s
    ip: "127.0.0.1"
    module: ejabberd_service
    global_routes: false
    tls: true
    certfile: %q
    hosts:
%s
modules:
  mod_carboncopy: {}
  mod_disco: {}
  mod_muc: { host: "muc.@HOST@", access_create: muc_create, max_users: 5000, default_room_options: { anonymous: false, max_users: 5000 } }
  mod_ping: {}
  mod_roster: {}
  mod_vcard: {}
  mod_version: {}
`, strings.Join(x.Hosts, `", "`), clients, components, gateways.String(), secure, dir+"/both.pem", gateways.String())
	writeFile(t, dir+"/ejabberd.yml", config)
	return command{
		path: "/usr/bin/erl",
		args: []string{
			"-noinput", "+sbwt", "none", "-pa", code[0],
			"-mnesia", "dir", fmt.Sprintf("%q", dir+"/mnesia"),
			"-s", "ejabberd",
			"-eval", accounts.String() + "ok.",
		},
		env: []string{
			"ERL_LIBS=" + filepath.Dir(filepath.Dir(filepath.Dir(code[0]))),
			"ERL_CRASH_DUMP_SECONDS=0",
			"EJABBERD_CONFIG_PATH=" + dir + "/ejabberd.yml",
			"EJABBERD_LOG_PATH=" + dir + "/ejabberd-own.log",
			"HOME=" + dir,
		},
		dir: dir,
	}
}
