package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// schema describes the tables that db has, so that two can be compared.
func schema(t *testing.T, db *sql.DB) string {
	t.Helper()
	query := `SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL`
	if fmt.Sprintf("%T", db.Driver()) == "*stdlib.Driver" {
		query = `SELECT table_name, column_name || ' ' || data_type || ' ' || is_nullable
				FROM information_schema.columns WHERE table_schema = 'public'
			UNION ALL SELECT tablename, indexdef FROM pg_indexes WHERE schemaname = 'public'`
	}
	rows, err := db.Query(query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var lines []string
	for rows.Next() {
		var name, text string
		if err := rows.Scan(&name, &text); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, name+": "+text)
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// upTo opens the database of path and takes the first n steps.
func upTo(t *testing.T, path string, n int) *sql.DB {
	t.Helper()
	db, err := openDB(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := migrate(context.Background(), db, migrations()[:n]); err != nil {
		t.Fatal(err)
	}
	return db
}

func TestFreshIsUpgraded(t *testing.T) {
	all := len(migrations())
	onEachEngine(t, func(t *testing.T, fresh string) {
		want := schema(t, upTo(t, fresh, all))
		if !strings.Contains(want, "logins") {
			t.Fatal("no schema:\n", want)
		}
		for from := range all {
			t.Run(fmt.Sprint("from ", from), func(t *testing.T) {
				onSameEngine(t, fresh, func(path string) {
					db := upTo(t, path, from)
					if from >= 1 { // what version 1 held is there afterwards
						// As an older program wrote it: the number of golib under key1.
						const row = `INSERT INTO messages VALUES ('m1', -4164897551709119956, 'a')`
						if _, err := db.Exec(row); err != nil {
							t.Fatal(err)
						}
					}
					db.Close()
					if got := schema(t, upTo(t, path, all)); got != want {
						t.Errorf("got\n%s\nwant\n%s", got, want)
					}
					if from >= 1 {
						if id := must[string](t)(open(t, path).MessageID(t.Context(), golib, "a")); id != "m1" {
							t.Errorf("m1 became %q", id)
						}
					}
				})
			})
		}
	})
}

// onSameEngine runs test with another new database of the kind that path is.
func onSameEngine(t *testing.T, path string, test func(path string)) {
	onEachEngine(t, func(t *testing.T, other string) {
		if isPostgres(path) == isPostgres(other) {
			test(other)
		}
	})
}

func TestNewerIsRefused(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		db := upTo(t, path, len(migrations()))
		if _, err := db.Exec(`INSERT INTO schema_version VALUES (99)`); err != nil {
			t.Fatal(err)
		}
		db.Close()
		_, err := Open(t.Context(), Options{Path: path, Key: key1, Log: quiet})
		if !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "schema is 99") {
			t.Errorf("got %v", err)
		}
	})
}

// A step that fails leaves the schema as it was.
func TestFailedStep(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		db := upTo(t, path, 1)
		before := schema(t, db)
		steps := append(migrations()[:1:1], "CREATE TABLE more (id BIGINT NOT NULL)", "CREATE NONSENSE")
		if err := migrate(t.Context(), db, steps); err == nil {
			t.Error("no error")
		}
		if after := schema(t, db); after != before {
			t.Errorf("got\n%s\nwant\n%s", after, before)
		}
	})
}
