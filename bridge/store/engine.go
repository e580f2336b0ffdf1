package store

import (
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	_ "github.com/jackc/pgx/v5/stdlib" // the "pgx" driver
	_ "modernc.org/sqlite"             // the "sqlite" driver
)

// sqliteSettings hold for each connection: WAL with synchronous=NORMAL writes
// a commit to the log without an fsync; the log may grow to 16 MiB before it
// is moved into the file; the cache is small (negative: KiB), for it is memory
// of ours and the kernel has the file's pages anyway.
const sqliteSettings = "_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)" +
	"&_pragma=cache_size(-768)&_pragma=wal_autocheckpoint(4000)&_txlock=immediate"

// openDB opens either engine. There is one connection, the writer's.
func openDB(path string) (*sql.DB, error) {
	driver, dsn := "pgx", path
	if !isPostgres(path) {
		keepScratch()
		// SQLite would make it readable by everybody.
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		f.Close()
		abs, err := filepath.Abs(path)
		if err != nil {
			return nil, err
		}
		driver, dsn = "sqlite", (&url.URL{Scheme: "file", Path: abs, RawQuery: sqliteSettings}).String()
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", redact(path), err)
	}
	db.SetMaxOpenConns(1)
	return db, nil
}

func isPostgres(path string) bool {
	return strings.HasPrefix(path, "postgres://") || strings.HasPrefix(path, "postgresql://")
}

// redact makes a path fit for logs.
func redact(path string) string {
	if !isPostgres(path) {
		return path
	}
	u, err := url.Parse(path)
	if err != nil {
		return "postgres://"
	}
	u.RawQuery = ""
	return u.Redacted()
}
