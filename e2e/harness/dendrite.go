package harness

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// dendrite writes a Dendrite's configuration and key into dir. Its databases
// are SQLite's, its streams an embedded NATS: both wait for the disk, if dir is
// on one.
func dendrite(t T, dir string, h *Homeserver) command {
	t.Helper()
	bin := filepath.Join(Root(), ".cache/dendrite")
	if !exists(bin + "/dendrite") {
		t.Fatalf("harness: Dendrite isn't built (run e2e/install.sh)")
	}
	key := exec.Command(bin+"/generate-keys", "--private-key", dir+"/matrix_key.pem")
	if out, err := key.CombinedOutput(); err != nil {
		t.Fatalf("generate-keys: %v: %s", err, out)
	}
	writeFile(t, dir+"/dendrite.yaml", fmt.Sprintf(`
version: 2
global:
  server_name: %s
  private_key: matrix_key.pem
  disable_federation: true
  presence: { enable_inbound: true, enable_outbound: true }
  jetstream: { storage_path: ./jetstream }
  report_stats: { enabled: false }
  cache: { max_size_estimated: 64mb, max_age: 1h }
app_service_api:
  config_files: [registration.yaml]
client_api:
  registration_disabled: true
  guests_disabled: true
  registration_shared_secret: %s
  rate_limiting: { enabled: false }
federation_api: { database: { connection_string: "file:federationapi.db" } }
key_server: { database: { connection_string: "file:keyserver.db" } }
media_api:
  database: { connection_string: "file:mediaapi.db" }
  base_path: ./media
  max_file_size_bytes: 10485760
  dynamic_thumbnails: true
room_server: { default_room_version: "10", database: { connection_string: "file:roomserver.db" } }
sync_api:
  database: { connection_string: "file:syncapi.db" }
  search: { enabled: false, index_path: ./searchindex }
user_api: { bcrypt_cost: 4, account_database: { connection_string: "file:userapi.db" } }
relay_api: { database: { connection_string: "file:relayapi.db" } }
mscs: { mscs: [], database: { connection_string: "file:mscs.db" } }
logging: [ { type: std, level: warn } ]
`, h.Name, registrationSecret))
	return command{
		path: bin + "/dendrite",
		args: []string{"--config", "dendrite.yaml", "--http-bind-address", strings.TrimPrefix(h.URL, "http://"), "--https-bind-address", "127.0.0.1:0"},
		dir:  dir,
	}
}
