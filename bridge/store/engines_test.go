package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// postgresEnv names a server that tests may make databases on.
const postgresEnv = "ISTHMUS_TEST_POSTGRES"

// postgresBin is where Debian has the programs of its server.
const postgresBin = "/usr/lib/postgresql/*/bin"

var postgresServer string // a URL; "" when there is none

func TestMain(m *testing.M) {
	os.Exit(func() int {
		stop := func() {}
		if postgresServer = os.Getenv(postgresEnv); postgresServer == "" {
			postgresServer, stop = startPostgres()
		}
		defer stop()
		return m.Run()
	}())
}

// startPostgres runs a server of our own in a temporary folder, on a socket
// there. It returns "" where the programs are missing.
func startPostgres() (url string, stop func()) {
	found, _ := filepath.Glob(postgresBin)
	if len(found) == 0 {
		return "", func() {}
	}
	bin := found[len(found)-1]
	dir, err := os.MkdirTemp("", "isthmus-pg")
	if err != nil {
		panic(err)
	}
	account := unprivileged(dir)
	run := func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), args...)
		cmd.Dir, cmd.SysProcAttr = dir, account
		return cmd
	}
	data := filepath.Join(dir, "data")
	if out, err := run("initdb", "-D", data, "-U", "isthmus", "-A", "trust", "-N").CombinedOutput(); err != nil {
		panic(fmt.Sprintf("initdb: %v\n%s", err, out))
	}
	server := run("postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off")
	if err := server.Start(); err != nil {
		panic(err)
	}
	url = "postgres://isthmus@/postgres?host=" + dir
	stop = func() {
		server.Process.Signal(syscall.SIGINT)
		server.Wait()
		os.RemoveAll(dir)
	}
	for range 100 {
		if db, err := sql.Open("pgx", url); err == nil {
			err = db.Ping()
			db.Close()
			if err == nil {
				return url, stop
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	stop()
	panic("PostgreSQL does not start")
}

// unprivileged returns what makes a command run as a user whom PostgreSQL
// accepts, root being none, and gives them dir.
func unprivileged(dir string) *syscall.SysProcAttr {
	if os.Getuid() != 0 {
		return nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		panic(err)
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		panic(err)
	}
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

var databases atomic.Int32

// onEachEngine runs test with the path of a new, empty database of each kind.
func onEachEngine(t *testing.T, test func(t *testing.T, path string)) {
	t.Run("sqlite", func(t *testing.T) {
		test(t, filepath.Join(t.TempDir(), "odd name?#%41", "isthmus.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		if postgresServer == "" {
			t.Skipf("NOT TESTED: no PostgreSQL. Set %s to its URL, or apt install postgresql", postgresEnv)
		}
		db, err := sql.Open("pgx", postgresServer)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		name := fmt.Sprintf("isthmus_test_%d_%d", os.Getpid(), databases.Add(1))
		if _, err := db.ExecContext(context.Background(), "CREATE DATABASE "+name); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			db, err := sql.Open("pgx", postgresServer)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if _, err := db.Exec("DROP DATABASE " + name + " WITH (FORCE)"); err != nil {
				t.Error(err)
			}
		})
		server, query, _ := strings.Cut(postgresServer, "?")
		test(t, server[:strings.LastIndex(server, "/")]+"/"+name+"?"+query)
	})
}
