// Package config reads the one YAML file of Isthmus.
//
// It is strict: what it does not know or can't use is an error, and all the
// errors of a file are told at once, each as "file:line:col: path: what to
// do". What it accepts is complete: defaults filled in, secrets and
// certificates read, names in their canonical form, so that nobody after it
// has to check again.
//
//	cfg, err := config.Load("/etc/isthmus/config.yaml")
//	if err != nil {
//		return err // a Problems: one line each
//	}
//	for _, w := range cfg.Warnings() {
//		log.Warn(w.String())
//	}
//
// The keys are documented in config.example.yaml, which a test loads.
package config

import (
	"crypto/x509"
	"time"
)

// Config is the whole file.
type Config struct {
	XMPP     XMPP               `yaml:"xmpp"`
	Networks map[string]Network `yaml:"networks"`
	Matrix   Matrix             `yaml:"matrix"`
	Links    []Link             `yaml:"links"`
	Access   Access             `yaml:"access"`
	Limits   Limits             `yaml:"limits"`
	Store    Store              `yaml:"store"`
	Log      Log                `yaml:"log"`
	// Metrics is the address that /metrics is served on; empty means nowhere.
	Metrics string `yaml:"metrics"`
	// Control is the Unix socket that "isthmus status" and the like ask; after
	// Load it is where it is, and empty for none.
	Control string `yaml:"control"`
	Audit   Audit  `yaml:"audit"`

	source   source
	warnings Problems
}

// XMPP is how to reach the XMPP server and what we are called there.
type XMPP struct {
	Server     Endpoint `yaml:"server"`
	CAFile     string   `yaml:"ca_file"`
	SecretFile string   `yaml:"secret_file"`
	Domains    []Domain `yaml:"domains"`
	// Relay is who we are in mapped rooms, Mapped what holds for people of
	// other networks there.
	Relay  Occupant `yaml:"relay"`
	Mapped Mapped   `yaml:"mapped"`

	// Roots are the certificates of CAFile; nil means those of the system.
	Roots *x509.CertPool `yaml:"-"`
}

// Domain is one component domain.
type Domain struct {
	Name string `yaml:"name"` // as JIDs have it: lower case, Unicode
	// Network is the only network of this domain; empty means all of them.
	Network    string   `yaml:"network"`
	Server     Endpoint `yaml:"server"` // XMPP.Server where the file has none
	SecretFile string   `yaml:"secret_file"`

	Secret Secret `yaml:"-"`
}

// Network is one IRC network.
type Network struct {
	Addresses    []Endpoint `yaml:"addresses"` // tried in turn
	CAFile       string     `yaml:"ca_file"`
	TLSInsecure  bool       `yaml:"tls_insecure"`
	PasswordFile string     `yaml:"password_file"`
	// Nick, Username and RealName may hold {nick}, {local} and {jid}.
	Nick     string `yaml:"nick"`
	Username string `yaml:"username"`
	RealName string `yaml:"realname"`
	// Encoding is the WHATWG name of what is not UTF-8.
	Encoding    string        `yaml:"encoding"`
	Flood       Rate          `yaml:"flood"`        // lines of one session
	Sessions    int           `yaml:"sessions"`     // at once
	ConnectRate Rate          `yaml:"connect_rate"` // new sessions
	Reconnect   Reconnect     `yaml:"reconnect"`
	Linger      time.Duration `yaml:"linger"` // of a session without rooms
	Ping        time.Duration `yaml:"ping"`   // silence until the server is asked for a sign of life
	// Preset names what a public network asks of bridges: it fills in what the
	// file doesn't say. See presets.go.
	Preset string `yaml:"preset"`
	// Policy says which channels anybody may enter through us: open (any),
	// mapped (those of Links), consent (those whose operators have agreed).
	Policy string `yaml:"policy"`
	// Gateway says how users of XMPP and Matrix are in channels: by sessions of
	// their own, or without, so that the relay speaks for them.
	Gateway string `yaml:"gateway"`
	// Contact is the URI of whom an operator of the network can turn to.
	Contact string `yaml:"contact"`
	// PrivateMessages says to whom our people may write: all, or known (who
	// wrote to them, or is in a channel with them).
	PrivateMessages string `yaml:"private_messages"`
	// Bots marks everybody's session as a bot, where the server has a mode for
	// that. That of Relay is marked always.
	Bots   bool   `yaml:"bots"`
	Relay  Relay  `yaml:"relay"`  // who speaks for whom has no session
	Mapped Mapped `yaml:"mapped"` // what holds in mapped channels

	Roots    *x509.CertPool `yaml:"-"` // of CAFile; nil means those of the system
	Password Secret         `yaml:"-"`
}

// Matrix is the homeserver that we are an application service of. Without a
// Homeserver there is none.
type Matrix struct {
	Homeserver string `yaml:"homeserver"`  // URL of its client-server API
	ServerName string `yaml:"server_name"` // the part of user ids behind the colon
	// RegistrationFile is the file that the homeserver has, too: "isthmus
	// registration" writes it.
	RegistrationFile string   `yaml:"registration_file"`
	Listen           Endpoint `yaml:"listen"` // where the homeserver reaches us
	// Allow holds server names and user ids that may use the bridge from
	// Matrix. Empty: those of ServerName.
	Allow   []string `yaml:"allow"`
	Members Members  `yaml:"members"`
	Media   Media    `yaml:"media"`
	// Published lists rooms that we make in the homeserver's public directory,
	// Spaces gathers those of a network in a space.
	Published bool   `yaml:"published"`
	Spaces    bool   `yaml:"spaces"`
	Mapped    Mapped `yaml:"mapped"` // what holds for people of other networks in mapped rooms

	Registration Registration `yaml:"-"`
}

// On reports whether there is a homeserver.
func (m Matrix) On() bool { return m.Homeserver != "" }

// Members bounds the member lists of Matrix rooms that XMPP users see.
type Members struct {
	Most   int    `yaml:"most"`   // a room with more shows those whom Beyond names
	Beyond string `yaml:"beyond"` // all, active, none
}

// Media is how files on Matrix reach people of other networks.
type Media struct {
	// PublicURL is under what Listen can be reached from outside; without one
	// there are no links to files.
	PublicURL string        `yaml:"public_url"`
	Expire    time.Duration `yaml:"expire"` // of links
	Most      Size          `yaml:"most"`   // of one file
}

// Reconnect bounds the wait between two attempts to connect.
type Reconnect struct {
	First time.Duration `yaml:"first"`
	Most  time.Duration `yaml:"most"`
}

// Access says who may use the gateway, and for what.
type Access struct {
	// Allow and Deny hold bare JIDs and domains in canonical form. An empty
	// Allow lets everybody in; Deny wins.
	Allow []string `yaml:"allow"`
	Deny  []string `yaml:"deny"`
	// LocalOnly adds to Allow the domain above each of ours ("example.org"
	// for "irc.example.org"); Load has done that already.
	LocalOnly        bool `yaml:"local_only"`
	UnlistedNetworks bool `yaml:"unlisted_networks"`
	PrivateAddresses bool `yaml:"private_addresses"`
}

// Limits are per XMPP user, over all their resources.
type Limits struct {
	NetworksPerUser int  `yaml:"networks_per_user"`
	RoomsPerUser    int  `yaml:"rooms_per_user"`
	Messages        Rate `yaml:"messages"`
}

// Store is where the bridge remembers.
type Store struct {
	Path    string `yaml:"path"` // a file for SQLite, or a postgres:// URL
	KeyFile string `yaml:"key_file"`
	// Keep bounds what is remembered of messages; 0 is no bound.
	Keep Keep `yaml:"keep"`

	// Key is what the environment gave in place of KeyFile.
	Key Secret `yaml:"-"`
}

// Keep says which message ids are remembered: those that are neither older
// than Age nor beyond the newest Messages.
type Keep struct {
	Age      time.Duration `yaml:"age"`
	Messages int           `yaml:"messages"`
}

// Log is how the log looks.
type Log struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"`
}

// Default returns what holds where the file says nothing.
func Default() *Config {
	return &Config{
		XMPP: XMPP{
			Server: Endpoint{Host: "127.0.0.1", Port: 5347},
			Relay:  Occupant{Nick: "isthmus", Template: "<{name}> "},
			Mapped: Mapped{As: AsPuppets, Enter: EnterJoin, Puppets: 1000, Name: "{name}"},
		},
		Matrix: Matrix{
			RegistrationFile: "registration.yaml",
			Listen:           Endpoint{Host: "127.0.0.1", Port: 29329},
			Members:          Members{Most: 1000, Beyond: "active"},
			Media:            Media{Expire: 168 * time.Hour, Most: 50 << 20},
			Mapped:           Mapped{As: AsPuppets, Enter: EnterJoin, Puppets: 1000, Name: "{name}"},
		},
		Limits: Limits{
			NetworksPerUser: 10,
			RoomsPerUser:    100,
			Messages:        Rate{Burst: 20, Interval: 500 * time.Millisecond},
		},
		Store: Store{
			Path:    "/var/lib/isthmus/isthmus.db",
			KeyFile: "/var/lib/isthmus/key",
			Keep:    Keep{Age: 2160 * time.Hour, Messages: 1_000_000},
		},
		Log:   Log{Level: "info", Format: "text"},
		Audit: Audit{Most: 10 << 20},
	}
}

// DefaultNetwork returns what holds for a network where the file says
// nothing, and for every network that it doesn't list.
func DefaultNetwork() Network {
	return Network{
		Nick:        "{nick}",
		Username:    "{local}",
		RealName:    "{local} via Isthmus",
		Encoding:    "windows-1252",
		Flood:       Rate{Burst: 5, Interval: 2 * time.Second},
		Sessions:    100,
		ConnectRate: Rate{Burst: 5, Interval: 2 * time.Second},
		Reconnect:   Reconnect{First: 2 * time.Second, Most: 5 * time.Minute},
		Linger:      30 * time.Second,
		Ping:        2 * time.Minute,

		Policy:          PolicyOpen,
		Gateway:         GatewaySessions,
		PrivateMessages: MessagesAll,
		Relay:           Relay{Nick: "isthmus", Template: "<{name}> ", Colour: true, RelayMsg: "auto", Guard: true},
		Mapped:          Mapped{As: AsRelay, Enter: EnterSpeak, Idle: 48 * time.Hour, Puppets: 50, Name: "{name}"},
	}
}

func (n *Network) setDefaults() { *n = DefaultNetwork() }

// Warnings are what works but had better be otherwise, in the file's order.
func (c *Config) Warnings() Problems { return c.warnings }
