package harness

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"gopkg.in/yaml.v3"
)

// Config is a configuration of Isthmus in the words of config.example.yaml: a
// tree that a scenario may change before it starts the gateway.
type Config map[string]any

// Set puts value at a path of keys, "networks/insp/linger".
func (c Config) Set(path string, value any) {
	keys := strings.Split(path, "/")
	for _, key := range keys[:len(keys)-1] {
		next, ok := c[key].(Config)
		if !ok {
			next = Config{}
			c[key] = next
		}
		c = next
	}
	c[keys[len(keys)-1]] = value
}

// Isthmus is the gateway under test: its process and its files.
type Isthmus struct {
	Domain       string // of the component
	MatrixDomain string // that is bound to Matrix, "" if it has none
	Config       Config
	Env          []string // added to ours, as in "SSL_CERT_FILE=/..."
	dir          string
	proc         *process
}

// Binary builds the gateway once per process, in bin/, and returns its path;
// or what the environment's ISTHMUS_BINARY names, to try one that is there.
var Binary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("ISTHMUS_BINARY"); path != "" {
		return path, nil
	}
	path := filepath.Join(Root(), "bin", "isthmus"+strings.Join(buildFlags, ""))
	args := append([]string{"build", "-o", path}, buildFlags...)
	build := exec.Command("go", append(args, "./cmd/isthmus")...)
	build.Dir = Root()
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/isthmus: %w\n%s", err, out)
	}
	return path, nil
})

// NewIsthmus prepares a gateway for one host of an XMPP server and IRC networks
// by name; Start starts it. Its flood control is out of the way: a scenario
// that is about it sets it.
func NewIsthmus(t T, server *XMPPServer, host string, networks map[string]*IRCServer) *Isthmus {
	t.Helper()
	dir := tempDir(t, "isthmus")
	writeFile(t, dir+"/secret", componentSecret+"\n")
	i := &Isthmus{Domain: GatewayDomain(host), dir: dir, Config: Config{}}
	i.Config.Set("xmpp/server", server.Component)
	i.Config.Set("xmpp/secret_file", dir+"/secret")
	i.Config.Set("xmpp/domains", []any{Config{"name": i.Domain}})
	for name, irc := range networks {
		i.Config.Set("networks/"+name, Config{
			"addresses": []string{"irc://" + irc.Addr},
			"flood":     Config{"burst": 100, "interval": "5ms"},
			"linger":    "1s",
			"reconnect": Config{"first": "200ms", "most": "1s"},
		})
		i.Config.Set("networks/"+name+"/connect_rate", Config{"burst": 100, "interval": "5ms"})
	}
	i.Config.Set("limits/messages", Config{"burst": 1000, "interval": "1ms"})
	i.Config.Set("store/path", dir+"/isthmus.db")
	i.Config.Set("store/key_file", dir+"/key")
	i.Config.Set("log/level", "debug")
	return i
}

// UseMatrix has the gateway be the bridge of a homeserver, with a domain of its
// own for Matrix beside the one it has.
func (i *Isthmus) UseMatrix(hs *Homeserver) {
	i.MatrixDomain = "matrix." + strings.TrimPrefix(i.Domain, "irc.")
	i.Config.Set("xmpp/domains", []any{Config{"name": i.Domain}, Config{"name": i.MatrixDomain, "network": "matrix"}})
	i.Config.Set("matrix", hs.config())
}

// Write writes the configuration file, for Start or for a reload.
func (i *Isthmus) Write(t T) {
	t.Helper()
	text, err := yaml.Marshal(i.Config)
	if err != nil {
		t.Fatalf("harness: %v", err)
	}
	writeFile(t, i.ConfigFile(), string(text))
}

// ConfigFile is where the gateway's configuration is.
func (i *Isthmus) ConfigFile() string { return i.dir + "/isthmus.yaml" }

// Start writes the configuration, starts the gateway and waits until it is
// connected to everything, as it says in its log. It is stopped when t ends;
// a failed test is told what it logged.
func (i *Isthmus) Start(t T) {
	t.Helper()
	already := strings.Count(i.Log(), readyLine)
	i.Launch(t)
	i.expect(t, readyLine, func() bool { return strings.Count(i.Log(), readyLine) > already })
}

// Launch is Start that doesn't wait.
func (i *Isthmus) Launch(t T) {
	t.Helper()
	path, err := Binary()
	if err != nil {
		t.Fatalf("%v", err)
	}
	i.Write(t)
	i.proc, err = start(command{path: path, args: []string{"run", "-c", i.ConfigFile()}, env: i.Env, dir: i.dir, log: i.logFile()})
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() {
		i.proc.end(syscall.SIGTERM, Patience)
		for _, sign := range []string{"WARNING: DATA RACE", "panic:", "fatal error:"} {
			if strings.Contains(i.Log(), sign) {
				t.Errorf("isthmus: %s", sign)
			}
		}
		if t.Failed() {
			t.Logf("isthmus logged:\n%s", tail(i.logFile(), 120))
		}
	})
}

// ExpectLog waits until the gateway has logged a line in which the pattern is found.
func (i *Isthmus) ExpectLog(t T, pattern string) {
	t.Helper()
	re := regexp.MustCompile(pattern)
	i.expect(t, pattern, func() bool { return re.MatchString(i.Log()) })
}

// expect waits until something is true of the log.
func (i *Isthmus) expect(t T, what string, is func() bool) {
	t.Helper()
	err := poll(time.Now().Add(Patience), i.proc.done, func() error {
		if !is() {
			return fmt.Errorf("no %q in the log", what)
		}
		return nil
	})
	if err != nil {
		t.Fatalf("isthmus: %v\n%s", err, tail(i.logFile(), 30))
	}
}

// readyLine is what the gateway logs when the component of every domain has
// joined its XMPP server, and the homeserver has answered.
const readyLine = "msg=ready"

func (i *Isthmus) logFile() string { return i.dir + "/isthmus.log" }

// Log is what the gateway has logged.
func (i *Isthmus) Log() string {
	text, err := os.ReadFile(i.logFile())
	if err != nil {
		return ""
	}
	return string(text)
}

// Running tells whether the process is there.
func (i *Isthmus) Running() bool { return i.proc.running() }

// Signal sends it a signal.
func (i *Isthmus) Signal(t T, sig syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(i.proc.pid, sig); err != nil {
		t.Fatalf("signal isthmus: %v", err)
	}
}

// Stop asks it to end (SIGTERM) and returns how it ended and how long that took.
func (i *Isthmus) Stop(t T) (time.Duration, error) {
	t.Helper()
	took, itself := i.proc.end(syscall.SIGTERM, Patience)
	if !itself {
		t.Fatalf("isthmus doesn't end on SIGTERM\n%s", tail(i.logFile(), 30))
	}
	return took, i.proc.err
}

// Kill ends it at once, as a crash does.
func (i *Isthmus) Kill() { i.proc.end(syscall.SIGKILL, Patience) }
