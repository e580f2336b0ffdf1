package config

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The environment variables that stand in for a file of their own.
const (
	envSecret = "ISTHMUS_XMPP_SECRET" // xmpp.secret_file
	envKey    = "ISTHMUS_KEY"         // store.key_file
)

// envPassword names the variable that stands in for a network's password_file.
func envPassword(network string) string {
	return "ISTHMUS_PASSWORD_" + strings.NewReplacer(".", "_", "-", "_").Replace(strings.ToUpper(network))
}

// maxSecretSize bounds a file that holds one secret, in bytes.
const maxSecretSize = 4 << 10

// reader reads the files that a config names.
type reader struct {
	source
	dir      string // what relative paths are relative to
	env      func(string) string
	problems Problems
	warnings Problems
}

func (r *reader) fail(path, format string, args ...any) {
	r.problems = append(r.problems, r.problem(path, format, args...))
}

// readAll resolves every path of cfg and reads secrets and certificates.
func (r *reader) readAll(cfg *Config) {
	x := &cfg.XMPP
	shared := r.secret("xmpp.secret_file", &x.SecretFile, envSecret)
	x.Roots = r.roots("xmpp.ca_file", &x.CAFile)
	for i := range x.Domains {
		d := &x.Domains[i]
		path := fmt.Sprintf("xmpp.domains[%d]", i)
		if d.SecretFile != "" {
			d.Secret = r.secret(path+".secret_file", &d.SecretFile, "")
			continue
		}
		d.Secret = shared
		if shared == "" && x.SecretFile == "" {
			r.fail(path, "has no secret: name a file in xmpp.secret_file, or set %s", envSecret)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Networks)) {
		n := cfg.Networks[name]
		path := joinPath("networks", name)
		n.Password = r.secret(path+".password_file", &n.PasswordFile, envPassword(name))
		n.Relay.Password = r.secret(path+".relay.password_file", &n.Relay.PasswordFile, "")
		n.Roots = r.roots(path+".ca_file", &n.CAFile)
		cfg.Networks[name] = n
	}
	r.registration(&cfg.Matrix)
	for i := range cfg.Links {
		for j := range cfg.Links[i].Rooms {
			room := &cfg.Links[i].Rooms[j]
			room.Password = r.secret(fmt.Sprintf("links[%d].rooms[%d].password_file", i, j), &room.PasswordFile, "")
		}
	}
	cfg.Store.Key = Secret(r.env(envKey))
	r.paths(cfg)
}

// paths resolves those of what Isthmus writes.
func (r *reader) paths(cfg *Config) {
	if postgres, _ := postgresURL(cfg.Store.Path); !postgres {
		r.resolve(&cfg.Store.Path)
	}
	r.resolve(&cfg.Store.KeyFile)
	r.beside(&cfg.Control, cfg, "control.sock")
	r.beside(&cfg.Audit.File, cfg, "audit.jsonl")
}

// beside resolves a path that is beside the store where the file doesn't say,
// and empty where it says off.
func (r *reader) beside(path *string, cfg *Config, name string) {
	switch *path {
	case "off":
		*path = ""
	case "": // the paths of the store are resolved
		*path = filepath.Join(filepath.Dir(cfg.Store.KeyFile), name)
		if postgres, _ := postgresURL(cfg.Store.Path); !postgres {
			*path = filepath.Join(filepath.Dir(cfg.Store.Path), name)
		}
	default:
		r.resolve(path)
	}
}

func (r *reader) resolve(path *string) {
	if *path != "" && !filepath.IsAbs(*path) {
		*path = filepath.Join(r.dir, *path)
	}
}

// secret reads file or, where there is none, the variable. Space around the
// secret, such as the newline that editors add, is not part of it.
func (r *reader) secret(path string, file *string, variable string) Secret {
	if *file == "" {
		if variable == "" {
			return ""
		}
		return Secret(strings.TrimSpace(r.env(variable)))
	}
	r.resolve(file)
	data, ok := r.read(path, *file, maxSecretSize)
	if !ok {
		return ""
	}
	if info, err := os.Stat(*file); err == nil && info.Mode().Perm()&0o007 != 0 {
		r.warnings = append(r.warnings, r.problem(path, "others may read it: chmod 600 %s", *file))
	}
	secret := Secret(bytes.TrimSpace(data))
	if secret == "" {
		r.fail(path, "%s is empty: put the secret into it", *file)
	}
	if strings.ContainsAny(string(secret), "\x00\r\n") {
		r.fail(path, "%s holds more than one line: only the secret belongs there", *file)
	}
	return secret
}

// roots reads PEM certificates; without a file it returns nil.
func (r *reader) roots(path string, file *string) *x509.CertPool {
	if *file == "" {
		return nil
	}
	r.resolve(file)
	data, ok := r.read(path, *file, maxFileSize)
	if !ok {
		return nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(data) {
		r.fail(path, "%s holds no PEM certificate", *file)
	}
	return pool
}

func (r *reader) read(path, file string, limit int64) ([]byte, bool) {
	info, err := os.Stat(file)
	switch {
	case err != nil:
	case !info.Mode().IsRegular():
		r.fail(path, "%s is not a file", file)
		return nil, false
	case info.Size() > limit:
		r.fail(path, "%s is larger than %d bytes", file, limit)
		return nil, false
	}
	data, err := os.ReadFile(file)
	if err != nil {
		r.fail(path, "can't be read: %v", err)
		return nil, false
	}
	return data, true
}
