package harness

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
)

// HaveSynapse tells whether a Synapse is installed.
func HaveSynapse() bool { return exists(filepath.Join(Root(), ".cache/synapse/usr/bin/python3")) }

// synapse writes a Synapse's configuration into dir. The program is in a root
// of its own (e2e/install-synapse.sh), where it finds dir as /srv: that takes a
// superuser.
func synapse(t T, dir string, h *Homeserver) command {
	t.Helper()
	root := filepath.Join(Root(), ".cache/synapse")
	if !HaveSynapse() {
		t.Fatalf("harness: Synapse isn't installed (run e2e/install-synapse.sh)")
	}
	seed := make([]byte, 32)
	if _, err := rand.Read(seed); err != nil {
		t.Fatalf("harness: %v", err)
	}
	writeFile(t, dir+"/signing.key", "ed25519 a_test "+base64.RawStdEncoding.EncodeToString(seed)+"\n")
	writeFile(t, dir+"/log.yaml", `
version: 1
formatters: { p: { format: '%(asctime)s %(levelname)s %(name)s %(message)s' } }
handlers: { c: { class: logging.StreamHandler, formatter: p } }
root: { level: WARNING, handlers: [c] }
disable_existing_loggers: false
`)
	port := h.URL[strings.LastIndex(h.URL, ":")+1:]
	var config strings.Builder
	fmt.Fprintf(&config, `
server_name: %s
public_baseurl: %s/
pid_file: homeserver.pid
signing_key_path: signing.key
log_config: log.yaml
media_store_path: media
report_stats: false
database: { name: sqlite3, args: { database: homeserver.db } }
listeners:
  - { port: %s, bind_addresses: ["127.0.0.1"], type: http, tls: false, resources: [ { names: [client], compress: false } ] }
app_service_config_files: [registration.yaml]
registration_shared_secret: %s
macaroon_secret_key: macaroon
form_secret: form
enable_registration: false
bcrypt_rounds: 4
presence: { enabled: true }
suppress_key_server_warning: true
trusted_key_servers: []
federation_domain_whitelist: []
allow_public_rooms_without_auth: true
enable_room_list_search: true
room_list_publication_rules: [ { action: allow } ]
alias_creation_rules: [ { action: allow } ]
url_preview_enabled: false
max_upload_size: 10M
rc_message: &off { per_second: 100000, burst_count: 100000 }
rc_joins: { local: *off, remote: *off }
rc_invites: { per_room: *off, per_user: *off, per_issuer: *off }
`, h.Name, h.URL, port, registrationSecret)
	for _, limit := range []string{"registration", "admin_redaction", "joins_per_room", "media_create", "room_creation", "user_directory"} {
		fmt.Fprintf(&config, "rc_%s: *off\n", limit)
	}
	config.WriteString("rc_login: { address: *off, account: *off, failed_attempts: *off }\nrc_presence: { per_user: *off }\n")
	writeFile(t, dir+"/homeserver.yaml", config.String())
	// Mounts of a namespace of its own go with it.
	const start = `mount --make-rprivate / && mount --rbind /dev "$1/dev" && mount --bind "$2" "$1/srv" &&
exec chroot "$1" sh -c 'cd /srv && exec python3 -m synapse.app.homeserver -c homeserver.yaml'`
	return command{path: "/usr/bin/unshare", args: []string{"-m", "sh", "-c", start, "sh", root, dir}, dir: dir}
}
