package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"isthmus/bridge"
)

// Login is how somebody logs in to a network. Empty fields are not used.
type Login struct {
	Nick     string
	Account  string
	Password string
	// Certificate is a client certificate with its key, in PEM.
	Certificate string
}

// secrets are the fields of a Login that are only kept sealed.
type secrets struct {
	Password    string `json:"password,omitempty"`
	Certificate string `json:"certificate,omitempty"`
}

// loginPurpose ties a sealed text to its row, so that it opens nowhere else.
func loginPurpose(p bridge.Person, network string) string {
	text, err := json.Marshal([]string{"login", p.Network, p.ID, network})
	if err != nil {
		panic(err) // strings always marshal
	}
	return string(text)
}

// Login implements Logins.
func (s *Store) Login(ctx context.Context, p bridge.Person, network string) (Login, error) {
	return ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (Login, error) {
		var l Login
		var sealed string
		err := tx.QueryRowContext(ctx, `SELECT nick, account, secrets FROM logins
			WHERE person_network = $1 AND person = $2 AND network = $3`,
			p.Network, p.ID, network).Scan(&l.Nick, &l.Account, &sealed)
		if err == sql.ErrNoRows {
			return Login{}, nil
		}
		if err != nil {
			return Login{}, err
		}
		text, err := s.sealer.open(sealed, loginPurpose(p, network))
		if err != nil {
			return Login{}, err
		}
		var hidden secrets
		if err := json.Unmarshal(text, &hidden); err != nil {
			return Login{}, err
		}
		l.Password, l.Certificate = hidden.Password, hidden.Certificate
		return l, nil
	})
}

// SetLogin implements Logins.
func (s *Store) SetLogin(ctx context.Context, p bridge.Person, network string, l Login) error {
	text, err := json.Marshal(secrets{l.Password, l.Certificate})
	if err != nil {
		return err
	}
	sealed := s.sealer.seal(text, loginPurpose(p, network))
	return s.exec(ctx, l == Login{},
		`DELETE FROM logins WHERE person_network = $1 AND person = $2 AND network = $3`,
		`INSERT INTO logins (person_network, person, network, nick, account, secrets)
			VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (person_network, person, network) DO UPDATE
			SET nick = excluded.nick, account = excluded.account, secrets = excluded.secrets`,
		[]any{p.Network, p.ID, network}, []any{l.Nick, l.Account, sealed})
}

// Preference implements Preferences.
func (s *Store) Preference(ctx context.Context, p bridge.Person, name string) (string, error) {
	return ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (value string, err error) {
		err = tx.QueryRowContext(ctx, `SELECT value FROM preferences
			WHERE person_network = $1 AND person = $2 AND name = $3`, p.Network, p.ID, name).Scan(&value)
		if err == sql.ErrNoRows {
			return "", nil
		}
		return value, err
	})
}

// SetPreference implements Preferences.
func (s *Store) SetPreference(ctx context.Context, p bridge.Person, name, value string) error {
	return s.exec(ctx, value == "",
		`DELETE FROM preferences WHERE person_network = $1 AND person = $2 AND name = $3`,
		`INSERT INTO preferences (person_network, person, name, value) VALUES ($1, $2, $3, $4)
			ON CONFLICT (person_network, person, name) DO UPDATE SET value = excluded.value`,
		[]any{p.Network, p.ID, name}, []any{value})
}

// exec deletes the row of key, or sets the values of it.
func (s *Store) exec(ctx context.Context, remove bool, deletion, upsert string, key, values []any) error {
	_, err := ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (sql.Result, error) {
		if remove {
			return tx.ExecContext(ctx, deletion, key...)
		}
		return tx.ExecContext(ctx, upsert, append(key[:len(key):len(key)], values...)...)
	})
	return err
}
