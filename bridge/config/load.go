package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// maxFileSize is far more than thousands of networks need, in bytes.
const maxFileSize = 4 << 20

// Load reads the file and the secrets and certificates that it names or the
// environment holds. Paths in it are relative to the file's folder. The error
// is a Problems, with all that is wrong, or that of reading the file.
func Load(path string) (*Config, error) {
	data, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	return Read(path, data)
}

// ReadFile returns a file's text, no more of it than Read takes.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxFileSize+1))
}

// Read is Load of a file whose text is data.
func Read(path string, data []byte) (*Config, error) {
	cfg, problems := parse(path, data)
	if cfg != nil {
		r := reader{source: cfg.source, dir: folder(path), env: os.Getenv}
		r.readAll(cfg)
		problems = append(problems, r.problems...)
		cfg.warnings = append(cfg.warnings, r.warnings...)
		cfg.warnings.sort()
	}
	problems.sort()
	return cfg, problems.err()
}

// folder is that of a file, the same from wherever it is named: paths in the
// file are relative to it.
func folder(path string) string {
	dir := filepath.Dir(path)
	if abs, err := filepath.Abs(dir); err == nil {
		return abs
	}
	return dir
}

// Paths gives where the socket and the audit log of a file are, without
// reading what else it names, and whatever is wrong with it unless it is no
// YAML at all.
func Paths(path string, data []byte) (control, audit string, err error) {
	cfg, problems := parse(path, data)
	if cfg == nil {
		return "", "", problems.err()
	}
	r := reader{dir: folder(path)}
	r.paths(cfg)
	return cfg.Control, cfg.Audit.File, nil
}

// Parse is Load without looking at anything but data: secrets and
// certificates stay empty and paths as they are written. name is what the
// problems call the file.
func Parse(name string, data []byte) (*Config, error) {
	cfg, problems := parse(name, data)
	problems.sort()
	return cfg, problems.err()
}

// parse returns what it could understand, nil when that is nothing.
func parse(name string, data []byte) (*Config, Problems) {
	d := decoder{source: source{file: name, at: map[string]position{}}}
	if len(data) > maxFileSize {
		d.fail("", "the file is larger than %d bytes", maxFileSize)
		return nil, d.problems
	}
	root, err := document(data)
	if err != nil {
		d.problems = append(d.problems, d.syntaxProblem(err))
		d.problems = append(d.problems, d.lostHashes(data)...)
	}
	if root == nil {
		return nil, d.problems
	}
	cfg := Default()
	d.value(root, reflect.ValueOf(cfg).Elem(), "")
	if root.Kind != yaml.MappingNode {
		return nil, d.problems
	}
	c := checker{source: d.source, wrong: failedPaths(d.problems)}
	c.check(cfg)
	cfg.source, cfg.warnings = d.source, c.warnings
	return cfg, append(d.problems, c.problems...)
}

// document returns the root of the first document in data, and an error unless
// it is the only one.
func document(data []byte) (root *yaml.Node, err error) {
	defer func() { // yaml.v3 panics on some input that is not YAML
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); err == io.EOF {
		return nil, errors.New("the file is empty: see config.example.yaml, or let isthmus init write one")
	} else if err != nil {
		return nil, err
	}
	if len(doc.Content) != 1 {
		return nil, errors.New("the file is empty: see config.example.yaml, or let isthmus init write one")
	}
	root = doc.Content[0]
	switch err := dec.Decode(&second); {
	case err == nil:
		return root, fmt.Errorf("line %d: a second document begins here: remove it and the ---", second.Line)
	case err != io.EOF:
		return root, err
	}
	return root, nil
}

var yamlLine = regexp.MustCompile(`^(?:yaml: )?(?:line ([0-9]+): )?`)

// syntaxProblem moves the line number out of the library's text.
func (s source) syntaxProblem(err error) Problem {
	m := yamlLine.FindStringSubmatch(err.Error())
	p := s.problem("", "%s", strings.TrimPrefix(err.Error(), m[0]))
	if line, err := strconv.Atoi(m[1]); err == nil {
		p.Line = max(line, 1)
	}
	if strings.HasPrefix(err.Error(), "yaml: ") {
		p.Text = "not YAML from about here on: " + p.Text
	}
	if strings.HasSuffix(p.Text, "cannot start any token") {
		p.Text += ": indent by spaces, not tabs, and put text that begins with @, % or ` in quotes"
	}
	return p
}

// failedPaths are those whose value could not be decoded: checking what is
// left there would only blame the same line twice.
func failedPaths(ps Problems) map[string]bool {
	failed := make(map[string]bool, len(ps))
	for _, p := range ps {
		failed[p.Path] = true
	}
	return failed
}

// lostHash is a channel without quotes within braces: a comment, which takes
// the closing brace with it.
var lostHash = regexp.MustCompile(`(?m)^[^#'"\n]*\{[^#'"}\n]*?:[ \t]+(#)\S`)

// lostHashes explains the syntax errors that those are.
func (s source) lostHashes(data []byte) (ps Problems) {
	for _, at := range lostHash.FindAllSubmatchIndex(data, -1) {
		p := s.problem("", `what begins with # is a comment: put it in quotes, as in "#chan"`)
		p.Line = bytes.Count(data[:at[2]], []byte("\n")) + 1
		p.Col = at[2] - bytes.LastIndexByte(data[:at[2]], '\n')
		ps = append(ps, p)
	}
	return ps
}
