package store

import (
	"bufio"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"isthmus/bridge"
)

// victimEnv holds the database's path in a process that TestKilled kills.
const victimEnv = "ISTHMUS_TEST_VICTIM"

// victim records and tells what was acknowledged, until it is killed.
func victim(t *testing.T, path string) {
	s := open(t, path)
	for i := 0; ; i++ {
		for j := range 10 {
			s.Record(bridge.Record{ID: bridge.NewID(), Room: golib, Native: fmt.Sprintf("%d-%d", i, j)})
		}
		flush(t, s)
		fmt.Printf("acknowledged %d\n", i)
	}
}

// Nothing that was acknowledged is lost when the process dies.
func TestKilled(t *testing.T) {
	if path := os.Getenv(victimEnv); path != "" {
		victim(t, path)
	}
	onEachEngine(t, func(t *testing.T, path string) {
		cmd := exec.Command(os.Args[0], "-test.run=^TestKilled$", "-test.v")
		// It needs no server of its own.
		cmd.Env = append(os.Environ(), victimEnv+"="+path, postgresEnv+"=none")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		last := -1
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if n, found := strings.CutPrefix(lines.Text(), "acknowledged "); found {
				fmt.Sscan(n, &last)
			}
			if last == 20 {
				cmd.Process.Kill()
			}
		}
		cmd.Wait()
		if last < 20 {
			t.Fatal("the victim died early")
		}
		s := open(t, path)
		for i := range last + 1 {
			for j := range 10 {
				native := fmt.Sprintf("%d-%d", i, j)
				if must[string](t)(s.MessageID(t.Context(), golib, native)) == "" {
					t.Fatalf("%s is lost", native)
				}
			}
		}
	})
}

// A server that throws us out costs nothing.
func TestDisconnected(t *testing.T) {
	onEachEngine(t, func(t *testing.T, path string) {
		if !isPostgres(path) {
			t.Skip("SQLite has no server")
		}
		s := open(t, path)
		admin := must[*sql.DB](t)(sql.Open("pgx", path))
		defer admin.Close()
		for i := range 5 {
			s.Record(bridge.Record{ID: bridge.NewID(), Room: golib, Native: fmt.Sprint(i)})
			if _, err := admin.Exec(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
				WHERE datname = current_database() AND pid <> pg_backend_pid()`); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 5 {
			if must[string](t)(s.MessageID(t.Context(), golib, fmt.Sprint(i))) == "" {
				t.Errorf("%d is lost", i)
			}
		}
	})
}
