package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// postgresBin is where Debian has the programs of its server.
const postgresBin = "/usr/lib/postgresql/*/bin"

// StartPostgres starts a PostgreSQL on a socket in a folder of its own and
// returns the URL of a database on it.
func StartPostgres(t T) (url string) {
	t.Helper()
	found, err := filepath.Glob(postgresBin)
	if err != nil || len(found) == 0 {
		t.Fatalf("harness: PostgreSQL isn't installed (run e2e/install.sh): %v", err)
	}
	bin := found[len(found)-1]
	launch(t, "postgres", 0, func(dir string, _ []int) *Server {
		as := unprivileged(t, dir)
		data := dir + "/data"
		initdb := exec.Command(bin+"/initdb", "-D", data, "-U", "isthmus", "-A", "trust", "-N")
		initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: as}
		if out, err := initdb.CombinedOutput(); err != nil {
			t.Fatalf("initdb: %v: %s", err, out)
		}
		url = "postgres://isthmus@/postgres?host=" + dir
		return &Server{
			cmd: command{path: bin + "/postgres", args: []string{"-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "fsync=off"}, dir: dir, as: as},
			ready: func(deadline time.Time) error {
				ready := exec.Command(bin+"/pg_isready", "-h", dir)
				if out, err := ready.CombinedOutput(); err != nil {
					return fmt.Errorf("%w: %s", err, out)
				}
				return nil
			},
		}
	})
	return url
}

// unprivileged gives dir and all in it to a user who may do nothing, for
// programs that refuse to be root or would change their user themselves: who
// does that outlives us in spite of Pdeathsig. It is nil where we aren't root.
func unprivileged(t T, dir string) *syscall.Credential {
	t.Helper()
	if os.Getuid() != 0 {
		return nil
	}
	const nobody = 65534
	err := filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Chown(path, nobody, nobody)
	})
	if err != nil {
		t.Fatalf("harness: %v", err)
	}
	return &syscall.Credential{Uid: nobody, Gid: nobody}
}
