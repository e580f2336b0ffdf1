package harness

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// A Driver is a process in another language that hosts clients of a library
// that we didn't write. It speaks JSON lines; see node/driver.js.
type Driver struct {
	Library string // "@xmpp/client", "slixmpp" or "matrix-js-sdk"
	proc    *process
	log     string

	mu      sync.Mutex
	in      io.Writer
	next    int
	clients map[string]func(driverEvent)
}

type driverCommand struct {
	Client   string `json:"client"`
	Op       string `json:"op"`
	Host     string `json:"host,omitempty"`
	Port     int    `json:"port,omitempty"`
	Domain   string `json:"domain,omitempty"`
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	Resource string `json:"resource,omitempty"`
	XML      string `json:"xml,omitempty"`
	To       string `json:"to,omitempty"`
	Text     string `json:"text,omitempty"`
	URL      string `json:"url,omitempty"`
	Token    string `json:"token,omitempty"`
	ID       int64  `json:"id,omitempty"`
	Method   string `json:"method,omitempty"`
	Args     []any  `json:"args,omitempty"`
}

type driverEvent struct {
	Client string `json:"client"`
	Event  string `json:"event"` // online, stanza, said, joined, matrix, result, error, closed
	JID    string `json:"jid"`
	XML    string `json:"xml"`
	From   string `json:"from"`
	To     string `json:"to"`
	Text   string `json:"text"`
	ID     int64  `json:"id"`

	Data json.RawMessage `json:"data"`
}

// StartNode starts the driver of @xmpp/client.
func StartNode(t T) *Driver {
	t.Helper()
	return startDriver(t, "@xmpp/client", "node", filepath.Join(Root(), "e2e/node/driver.js"))
}

// StartMatrixNode starts the driver of matrix-js-sdk.
func StartMatrixNode(t T) *Driver {
	t.Helper()
	return startDriver(t, "matrix-js-sdk", "node", filepath.Join(Root(), "e2e/node/matrix-driver.js"))
}

// StartSlixmpp starts the driver of slixmpp, with Debian's own Python: another
// one in the PATH would not see Debian's packages.
func StartSlixmpp(t T) *Driver {
	t.Helper()
	return startDriver(t, "slixmpp", "/usr/bin/python3", filepath.Join(Root(), "e2e/python/driver.py"))
}

func startDriver(t T, library, program, script string) *Driver {
	t.Helper()
	dir := tempDir(t, "driver")
	commands, commandsIn, err := os.Pipe()
	if err != nil {
		t.Fatalf("harness: %v", err)
	}
	events, eventsIn, err := os.Pipe()
	if err != nil {
		t.Fatalf("harness: %v", err)
	}
	d := &Driver{Library: library, in: commandsIn, log: dir + "/driver.log", clients: map[string]func(driverEvent){}}
	d.proc, err = start(command{path: program, args: []string{script}, log: d.log, stdin: commands, out: eventsIn})
	if err != nil {
		t.Fatalf("harness: %v", err)
	}
	commands.Close()
	read := make(chan struct{})
	go func() {
		defer close(read)
		d.read(events)
	}()
	t.Cleanup(func() {
		commandsIn.Close()
		d.proc.end(syscall.SIGTERM, 5*time.Second)
		<-read
		events.Close()
	})
	return d
}

// read hands each event to its client, until the process ends.
func (d *Driver) read(events io.Reader) {
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var event driverEvent
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			event = driverEvent{Event: "error", Text: fmt.Sprintf("%v: %s", err, lines.Text())}
		}
		d.mu.Lock()
		handle := d.clients[event.Client]
		d.mu.Unlock()
		if handle != nil {
			handle(event)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, handle := range d.clients {
		handle(driverEvent{Event: "closed", Text: "the driver ended: " + tail(d.log, 20)})
	}
}

// add registers a client and returns its id.
func (d *Driver) add(handle func(driverEvent)) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.next++
	id := fmt.Sprintf("c%d", d.next)
	d.clients[id] = handle
	return id
}

func (d *Driver) remove(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.clients, id)
}

func (d *Driver) tell(c driverCommand) error {
	line, err := json.Marshal(c)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	_, err = d.in.Write(append(line, '\n'))
	return err
}
