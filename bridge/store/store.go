// Package store is what the bridge remembers over a restart: which id a
// message has on which network, how people log in to networks, whose presence
// they have subscribed to, which rooms and accounts there are on Matrix, and
// what came from there and has not been carried on yet.
//
// It runs on SQLite (a file, the default) or PostgreSQL (a postgres:// URL)
// with one set of SQL. A single goroutine owns the connection. What it is
// asked to do while it commits is done together in the next commit, and message
// ids wait a quarter of a second for company, so that remembering a message
// costs microseconds and no fsync: a commit survives the death of the process,
// and the machine's in all but its last moments (SQLite's synchronous=NORMAL,
// PostgreSQL's own setting).
//
//	s, err := store.Open(ctx, store.Options{Path: "isthmus.db", KeyFile: "key", Log: log})
//	hub := bridge.NewHub(s, log)
//	...
//	err = s.Close()
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"isthmus/bridge"
)

// Logins is how people log in to networks.
type Logins interface {
	// Login returns the zero Login where none was set.
	Login(ctx context.Context, person bridge.Person, network string) (Login, error)
	// SetLogin replaces what was set; the zero Login removes it.
	SetLogin(ctx context.Context, person bridge.Person, network string, l Login) error
}

// MessageIDs is which message has which id on which network.
type MessageIDs interface {
	bridge.Recorder
	// MessageID returns our id of what a network calls native; "" if unknown.
	MessageID(ctx context.Context, room bridge.Room, native string) (string, error)
	// NativeIDs returns what room's network calls our id, in no order: more
	// than one where the network took it in pieces.
	NativeIDs(ctx context.Context, id string, room bridge.Room) ([]string, error)
}

// Subscriptions are who has subscribed to the presence of the other party of
// a private conversation.
type Subscriptions interface {
	// Subscriptions returns the conversations, in the order of their owners.
	Subscriptions(ctx context.Context) ([]bridge.Room, error)
	// SetSubscriptions sets for each conversation whether its owner has
	// subscribed. It keeps so many subscriptions, of one person and of all,
	// and counts in Counters.Refused what is too much.
	SetSubscriptions(ctx context.Context, changes map[bridge.Room]bool) error
}

var (
	_ Logins        = (*Store)(nil)
	_ MessageIDs    = (*Store)(nil)
	_ Subscriptions = (*Store)(nil)
)

// Options are where the store is and how much it keeps.
type Options struct {
	// Path is SQLite's file, made if missing, or a postgres:// URL.
	Path string
	// Key encrypts secrets; where it is empty, KeyFile is read, and made if missing.
	Key     string
	KeyFile string
	// Message ids older than KeepAge, and all but the KeepCount newest, are
	// forgotten within the hour; zero keeps them.
	KeepAge   time.Duration
	KeepCount int64
	Log       *slog.Logger
}

// Counters count what the store did; each only grows.
type Counters struct {
	Recorded atomic.Int64 // message ids committed
	Lost     atomic.Int64 // message ids that could not be recorded
	Refused  atomic.Int64 // subscriptions that there was no place for
	Commits  atomic.Int64
}

// Errors that a caller may want to tell apart.
var (
	// ErrClosed is returned once Close has been called.
	ErrClosed = errors.New("the store is closed")
	// ErrKey means that the key is not the one that secrets were encrypted with.
	ErrKey = errors.New("the key is not the one that the stored passwords were encrypted with")
	// ErrNewer means that a newer program has changed the schema.
	ErrNewer = errors.New("the database belongs to a newer version of isthmus")
)

// Store implements the interfaces above. Any goroutine may use it.
type Store struct {
	Counters Counters

	opts   Options
	db     *sql.DB
	key    []byte
	sealer *sealer
	stuck  atomic.Bool // records was full for longer than anybody should wait

	// What waits for the writer.
	records   chan bridge.Record
	gathering atomic.Bool   // a timer is set to tell due
	due       chan struct{} // has a place; told when records have waited enough
	ops       chan *op

	insertSQL [insertRows + 1]string // by number of rows

	ctx       context.Context // of every statement; ends when Close has waited enough
	cancel    context.CancelFunc
	closeOnce sync.Once
	closing   chan struct{}
	closed    chan struct{} // the writer has ended

	rooms *roomNumbers // the writer's own
}

// Open opens or makes the store and brings its schema up to date. A newer
// schema and a file that is none of ours are left as they were; a wrong or
// missing key is refused before anything is written that needs one.
func Open(ctx context.Context, opts Options) (*Store, error) {
	db, err := openDB(opts.Path)
	if err != nil {
		return nil, err
	}
	s, err := prepare(ctx, db, opts)
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("store %s: %w", redact(opts.Path), err)
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	go s.write()
	return s, nil
}

// prepare makes the store of a database, all but the goroutine.
func prepare(ctx context.Context, db *sql.DB, opts Options) (*Store, error) {
	if err := migrate(ctx, db, migrations()); err != nil {
		return nil, err
	}
	sealed, err := sealedCheck(ctx, db)
	if err != nil {
		return nil, err
	}
	// Only a new database may have a new key: another one's would be a key to nothing.
	key, err := loadKey(opts.Key, opts.KeyFile, sealed == "")
	if err != nil {
		return nil, err
	}
	s := &Store{
		opts: opts, db: db, key: key, sealer: newSealer(key),
		records: make(chan bridge.Record, queueBound), due: make(chan struct{}, 1), ops: make(chan *op, opsBound),
		closing: make(chan struct{}), closed: make(chan struct{}),
		insertSQL: insertStatements(isPostgres(opts.Path)),
	}
	s.rooms = newRoomNumbers(s.DeriveKey("room numbers"))
	return s, s.checkKey(ctx, sealed)
}

// closePatience is how long Close lets the database take.
const closePatience = 10 * time.Second

// Close commits what is queued and closes the database. Nothing may be
// recorded from the moment that it is called.
func (s *Store) Close() error {
	s.closeOnce.Do(func() { close(s.closing) })
	select {
	case <-s.closed:
	case <-time.After(closePatience):
		s.cancel()
		<-s.closed
	}
	s.cancel()
	return s.db.Close()
}
