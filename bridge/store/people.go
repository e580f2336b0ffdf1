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
	_, err = ask(ctx, s, func(ctx context.Context, tx *sql.Tx) (sql.Result, error) {
		if l == (Login{}) {
			return tx.ExecContext(ctx, `DELETE FROM logins
				WHERE person_network = $1 AND person = $2 AND network = $3`, p.Network, p.ID, network)
		}
		return tx.ExecContext(ctx, `INSERT INTO logins (person_network, person, network, nick, account, secrets)
			VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (person_network, person, network) DO UPDATE
			SET nick = excluded.nick, account = excluded.account, secrets = excluded.secrets`,
			p.Network, p.ID, network, l.Nick, l.Account, sealed)
	})
	return err
}
