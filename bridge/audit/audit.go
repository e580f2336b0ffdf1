// Package audit keeps who moderated whom in mapped rooms, and where it took
// effect: a file of JSON, a line each, that any tool can read.
//
//	log := audit.Open(path, most, logger)
//	m := mapping.New(hub, mapping.Options{Audit: log})
//	...
//	log.Close()
//	err := audit.Read(path, func(r mapping.AuditRecord) error { ... })
package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync/atomic"

	"isthmus/bridge/actor"
	"isthmus/bridge/mapping"
)

// bound is how many records wait for the disk; who comes beyond is lost.
const bound = 4096

var records actor.Pool[mapping.AuditRecord]

// Counters count; each only grows.
type Counters struct {
	Written atomic.Int64 // records
	Lost    atomic.Int64 // records that could not be written
}

// Log is the file. It becomes FILE.1, in place of an older one, when it would
// grow beyond its bound.
type Log struct {
	Counters Counters

	path string
	most int64
	log  *slog.Logger
	box  *actor.Mailbox[mapping.AuditRecord]

	// Of the handler.
	file   *os.File
	size   int64
	failed bool // and the log has been told
}

var _ mapping.Audit = (*Log)(nil)

// Open makes a Log; the file is made with the first record. An empty path
// keeps nothing.
func Open(path string, most int64, log *slog.Logger) *Log {
	l := &Log{path: path, most: most, log: log}
	l.box = actor.New(bound, &records, l.write)
	return l
}

// Record implements mapping.Audit.
func (l *Log) Record(r mapping.AuditRecord) {
	if l.path != "" && !l.box.Offer(r) {
		l.Counters.Lost.Add(1)
	}
}

// Close writes what waits, and closes the file.
func (l *Log) Close() error {
	l.box.Close()
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

func (l *Log) write(batch []mapping.AuditRecord) {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	for _, r := range batch {
		enc.Encode(r) // of these types it never fails
	}
	if err := l.append(text.Bytes()); err != nil {
		l.Counters.Lost.Add(int64(len(batch)))
		if !l.failed {
			l.log.Error("the audit log can't be written", "file", l.path, "error", err)
		}
		l.failed = true
		return
	}
	l.failed = false
	l.Counters.Written.Add(int64(len(batch)))
}

// append writes whole lines at the end of the file.
func (l *Log) append(text []byte) error {
	if l.file == nil {
		if err := l.open(); err != nil {
			return err
		}
	}
	if l.size > 0 && l.size+int64(len(text)) > l.most {
		l.file.Close()
		l.file = nil
		if err := os.Rename(l.path, rotated(l.path)); err != nil {
			return err
		}
		if err := l.open(); err != nil {
			return err
		}
	}
	n, err := l.file.Write(text)
	l.size += int64(n)
	if err != nil { // perhaps a part of a line: begin a new one with the next
		l.file.Close()
		l.file = nil
	}
	return err
}

// open opens the file at its end, behind a line that a crash has cut.
func (l *Log) open() error {
	f, err := os.OpenFile(l.path, os.O_RDWR|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	end, err := f.Seek(0, io.SeekEnd)
	last := []byte{'\n'}
	if err == nil && end > 0 {
		_, err = f.ReadAt(last, end-1)
	}
	if err == nil && last[0] != '\n' {
		_, err = f.Write([]byte{'\n'})
	}
	if err != nil {
		f.Close()
		return err
	}
	l.file, l.size = f, end
	return nil
}

func rotated(path string) string { return path + ".1" }

// maxLine bounds a line that is read, in bytes: all fields are bounded by what
// networks carry.
const maxLine = 1 << 20

// Read calls each for every record, the oldest first, until it returns an
// error. Lines that are none are left out. No file at all is an empty one.
func Read(path string, each func(mapping.AuditRecord) error) error {
	for _, p := range []string{rotated(path), path} {
		f, err := os.Open(p)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return err
		}
		err = read(f, each)
		f.Close()
		if err != nil {
			return err
		}
	}
	return nil
}
