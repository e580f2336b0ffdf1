package harness

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// prosody writes a Prosody's configuration and accounts into dir.
func prosody(t T, dir string, x *XMPPServer) command {
	t.Helper()
	_, clients, _ := net.SplitHostPort(x.Client)
	_, components, _ := net.SplitHostPort(x.Component)
	var config strings.Builder
	fmt.Fprintf(&config, `
run_as_root = true
pidfile = %q
data_path = %q
certificates = %q
log = { { levels = { min = "info" }, to = "console" } }
interfaces = { "127.0.0.1" }
c2s_ports = { %s }
component_ports = { %s }
component_interfaces = { "127.0.0.1" }
modules_enabled = { "roster", "saslauth", "disco", "carbons", "ping", "vcard", "version" }
modules_disabled = { "s2s" }
authentication = "internal_plain"
c2s_require_encryption = false
`, dir+"/prosody.pid", dir+"/data", dir, clients, components)
	for _, host := range x.Hosts {
		fmt.Fprintf(&config, "VirtualHost %q\n", host)
		for _, domain := range componentDomains(host) {
			fmt.Fprintf(&config, "Component %q\n\tcomponent_secret = %q\n", domain, componentSecret)
		}
		fmt.Fprintf(&config, "Component %q \"muc\"\n\tmuc_room_default_public_jids = true\n", MUCDomain(host))
		accounts := filepath.Join(dir, "data", prosodyName(host), "accounts")
		if err := os.MkdirAll(accounts, 0o700); err != nil {
			t.Fatalf("harness: %v", err)
		}
		for _, user := range Users {
			writeFile(t, filepath.Join(accounts, user+".dat"), fmt.Sprintf("return { [\"password\"] = %q; }\n", Password))
		}
	}
	writeFile(t, dir+"/prosody.cfg.lua", config.String())
	return command{path: "/usr/bin/prosody", args: []string{"-F", "--config", dir + "/prosody.cfg.lua"}, dir: dir}
}

// prosodyName is how Prosody names a host's folder: %2e for a dot, and so on.
func prosodyName(host string) string {
	return strings.NewReplacer(".", "%2e", "-", "%2d").Replace(url.PathEscape(host))
}
