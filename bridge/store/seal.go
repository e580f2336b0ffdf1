package store

import (
	"bytes"
	"context"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/crypto/chacha20poly1305"
)

// newKey makes a key as a key file or the environment holds it: 32 random
// bytes in base64.
func newKey() string {
	key := make([]byte, chacha20poly1305.KeySize)
	rand.Read(key)
	return base64.StdEncoding.EncodeToString(key)
}

// loadKey decodes text or, where it is empty, what file holds. A file that is
// missing is made if it may be, readable by its owner alone.
func loadKey(text, file string, mayMake bool) ([]byte, error) {
	from := "the key from the environment (ISTHMUS_KEY)"
	if text == "" {
		from = file
		data, err := os.ReadFile(file)
		switch {
		case errors.Is(err, fs.ErrNotExist) && !mayMake:
			return nil, fmt.Errorf("%s is gone: restore it, the stored passwords can't be read without it", file)
		case errors.Is(err, fs.ErrNotExist):
			data = []byte(newKey())
			err = writeKey(file, data)
		}
		if err != nil {
			return nil, err
		}
		text = string(data)
	}
	key, err := base64.StdEncoding.DecodeString(string(bytes.TrimSpace([]byte(text))))
	if err != nil || len(key) != chacha20poly1305.KeySize {
		return nil, fmt.Errorf("%s: not a key: it must be %d bytes in base64", from, chacha20poly1305.KeySize)
	}
	return key, nil
}

// writeKey makes the file and has it reach the disk: what is sealed with a
// key that is lost is lost too.
func writeKey(file string, key []byte) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(key, '\n'))
	return errors.Join(err, f.Sync(), f.Close())
}

// DeriveKey returns a key of 32 bytes for a purpose of the caller's. It stays
// the same as long as the store's key does.
func (s *Store) DeriveKey(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, s.key, nil, "isthmus "+purpose, sha256.Size)
	if err != nil {
		panic(err) // the lengths are constants
	}
	return key
}

// sealer encrypts with XChaCha20-Poly1305, whose nonces may be random.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) *sealer {
	aead, err := chacha20poly1305.NewX(key)
	if err != nil {
		panic(err) // loadKey has checked the size
	}
	return &sealer{aead}
}

// seal encrypts text; it opens again only for the same purpose.
func (s *sealer) seal(text []byte, purpose string) string {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(text)+s.aead.Overhead())
	rand.Read(nonce)
	return base64.StdEncoding.EncodeToString(s.aead.Seal(nonce, nonce, text, []byte(purpose)))
}

func (s *sealer) open(sealed, purpose string) ([]byte, error) {
	data, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(data) < s.aead.NonceSize() {
		return nil, ErrKey
	}
	text, err := s.aead.Open(nil, data[:s.aead.NonceSize()], data[s.aead.NonceSize():], []byte(purpose))
	if err != nil {
		return nil, ErrKey
	}
	return text, nil
}

const keyPurpose = "key check"

// sealedCheck is what checkKey left; "" in a new database.
func sealedCheck(ctx context.Context, db *sql.DB) (sealed string, err error) {
	err = db.QueryRowContext(ctx, `SELECT sealed FROM key_check`).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return sealed, err
}

// checkKey tells a wrong key at once rather than at somebody's login. A new
// store takes the key that comes first.
func (s *Store) checkKey(ctx context.Context, sealed string) error {
	var err error
	if sealed == "" {
		_, err = s.db.ExecContext(ctx, `INSERT INTO key_check (sealed) VALUES ($1)`, s.sealer.seal(nil, keyPurpose))
	} else {
		_, err = s.sealer.open(sealed, keyPurpose)
	}
	return err
}
