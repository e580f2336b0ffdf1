package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	_ "modernc.org/sqlite" // to turn biboumi's throttle off in its database
)

// secret is the component's; everything stays on loopback.
const secret = "bench"

// kind is one of the bridges that are compared.
type kind struct {
	name    string
	network string // what follows the % of a room's name
	matrix  bool   // there is a homeserver, too
	members string // settings of its members, "" for the default ones
	mapped  mapping
	// prepare writes the configuration of k into dir, for servers on these
	// ports, and returns the command that starts the bridge.
	prepare func(ctx context.Context, k kind, dir string, xmppPort, ircPort int) ([]string, error)
}

// biboumi as Debian has it. Its users' settings are in place: the port (it
// would try two for TLS before), and no throttle. They get an index of their
// own, so that finding them costs it nothing.
func biboumi(binary string) kind {
	return kind{
		name:    "biboumi",
		network: "127.0.0.1",
		prepare: func(ctx context.Context, _ kind, dir string, xmppPort, ircPort int) ([]string, error) {
			db := filepath.Join(dir, "biboumi.sqlite")
			config := filepath.Join(dir, "biboumi.cfg")
			write := func(port int) error {
				return os.WriteFile(config, fmt.Appendf(nil,
					"hostname=%s\npassword=%s\nxmpp_server_ip=127.0.0.1\nport=%d\ndb_name=%s\nlog_level=2\nidentd_port=0\n",
					gateway, secret, port, db), 0o600)
			}
			// It makes its tables before it finds that there is no server.
			if err := write(1); err != nil {
				return nil, err
			}
			if out, err := exec.CommandContext(ctx, binary, config).CombinedOutput(); err == nil {
				return nil, fmt.Errorf("biboumi did not mind a missing server: %s", out)
			}
			if err := presetBiboumi(ctx, db, ircPort); err != nil {
				return nil, err
			}
			return []string{binary, config}, write(xmppPort)
		},
	}
}

func presetBiboumi(ctx context.Context, path string, ircPort int) error {
	db, err := sql.Open("sqlite", path)
	if err != nil {
		return err
	}
	defer db.Close()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	for _, statement := range []string{
		"DELETE FROM ircserveroptions_",
		"CREATE INDEX IF NOT EXISTS bench_options ON ircserveroptions_ (owner_, server_)",
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	insert, err := tx.PrepareContext(ctx, `INSERT INTO ircserveroptions_
		(owner_, server_, pass_, tlsports_, ports_, username_, realname_, verifycert_, trustedfingerprint_,
		 encodingout_, encodingin_, maxhistorylength_, address_, nick_, saslpassword_, throttlelimit_)
		VALUES (?, '127.0.0.1', '', '', ?, '', '', 1, '', '', '', 20, '', '', '', -1)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	for u := range mostUsers {
		if _, err := insert.ExecContext(ctx, fmt.Sprintf("u%d@users.test", u), fmt.Sprint(ircPort)); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// isthmusConfig has no limit that the workloads would meet but, maybe, the flood control.
const isthmusConfig = `xmpp:
  server: 127.0.0.1:%d
  secret_file: secret
  domains:
    - name: %s
networks:
  bench:
    addresses: ["irc://127.0.0.1:%d"]
    sessions: 10000
    connect_rate: { burst: 10000, interval: 1ms }
%sstore:
  path: isthmus.db
  key_file: key
log:
  level: warn
`

// noFlood is the flood control out of the way.
const noFlood = `    flood: { burst: 10000, interval: 1ms }
limits:
  messages: { burst: 10000, interval: 1ms }
`

func isthmus(binary string) kind {
	return kind{
		name:    "isthmus",
		network: "bench",
		prepare: func(_ context.Context, k kind, dir string, xmppPort, ircPort int) ([]string, error) {
			if err := os.WriteFile(filepath.Join(dir, "secret"), []byte(secret+"\n"), 0o600); err != nil {
				return nil, err
			}
			config, flood := filepath.Join(dir, "isthmus.yaml"), noFlood
			if k.mapped.flood {
				flood = ""
			}
			text := fmt.Appendf(nil, isthmusConfig, xmppPort, gateway, ircPort, flood)
			err := os.WriteFile(config, append(text, k.mapped.links...), 0o600)
			return []string{binary, "run", "-c", config}, err
		},
	}
}
