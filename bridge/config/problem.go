package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing in a file that somebody must change.
type Problem struct {
	File string
	// Line and Col count from 1; Col counts bytes.
	Line, Col int
	// Path is the key, as in networks.libera.addresses[0]; empty for the file.
	Path string
	// Text says what to do.
	Text string
}

func (p Problem) String() string {
	if p.Path == "" {
		return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.Text)
	}
	return fmt.Sprintf("%s:%d:%d: %s: %s", p.File, p.Line, p.Col, p.Path, p.Text)
}

// Problems is all that is wrong with a file, in the file's order. As an error
// it is one line each.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// err returns ps as an error: nil when there is none.
func (ps Problems) err() error {
	if len(ps) == 0 {
		return nil
	}
	return ps
}

func (ps Problems) sort() {
	slices.SortStableFunc(ps, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col),
			cmp.Compare(a.Path, b.Path), cmp.Compare(a.Text, b.Text))
	})
}

// source knows where in the file each path stands.
type source struct {
	file string
	at   map[string]position
}

type position struct{ line, col int }

// problem makes a Problem at path or, where the file has no such key, at the
// nearest one above it.
func (s source) problem(path, format string, args ...any) Problem {
	p := Problem{File: s.file, Line: 1, Col: 1, Path: path, Text: fmt.Sprintf(format, args...)}
	for near := path; near != ""; near = near[:max(strings.LastIndexAny(near, ".["), 0)] {
		if at, ok := s.at[near]; ok {
			p.Line, p.Col = at.line, at.col
			break
		}
	}
	return p
}
