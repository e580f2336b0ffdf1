package main

import (
	"bufio"
	"cmp"
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/spf13/cobra"

	"isthmus/bridge/config"
)

// What init writes and prints.
var (
	//go:embed init.yaml.tmpl
	initFile string
	//go:embed init.txt.tmpl
	initAdvice string
	//go:embed next.txt.tmpl
	initNext string
)

// setup is what init needs to know.
type setup struct {
	File    string // the configuration
	Domain  string // ours
	Server  string // the XMPP server's component port
	Network string // "" for none
	Address string // of the network

	Homeserver   string // URL; "" for none
	ServerName   string
	MatrixDomain string // our domain for Matrix

	Secret                       string
	SecretFile, RegistrationFile string // beside File
}

func initCommand() *cobra.Command {
	var s setup
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Write a configuration to begin with",
		Long: `Writes a small configuration that works, and a file with a new secret beside it,
then prints what to paste into prosody.cfg.lua or ejabberd.yml. With a homeserver
it also writes the registration file, and prints the homeserver's lines. It asks for
what the flags don't say, when it runs on a terminal. Files that exist are left alone.`,
		Example: `  isthmus init -c isthmus.yaml
  isthmus init -c isthmus.yaml --domain irc.example.org \
      --homeserver http://127.0.0.1:8008 --server-name example.org
  isthmus init -c isthmus.yaml --domain irc.example.org \
      --network oftc --address ircs://irc.oftc.net:6697`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return s.run(cmd.InOrStdin(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	f.StringVarP(&s.File, "config", "c", "isthmus.yaml", "file to write")
	f.StringVar(&s.Domain, "domain", "", "domain of the gateway, as in irc.example.org")
	f.StringVar(&s.Server, "server", "127.0.0.1:5347", "component port of the XMPP server")
	f.StringVar(&s.Network, "network", "libera", "short name of an IRC network, the part behind % in addresses; \"\" for none")
	f.StringVar(&s.Address, "address", "ircs://irc.libera.chat:6697", "server of that network")
	f.StringVar(&s.Homeserver, "homeserver", "", "URL of a Matrix homeserver's client API, as in http://127.0.0.1:8008")
	f.StringVar(&s.ServerName, "server-name", "", "its name, the part of user ids behind the colon (default: the domain above --domain)")
	f.StringVar(&s.MatrixDomain, "matrix-domain", "", "domain of the gateway to Matrix (default: matrix. and the domain above --domain)")
	return cmd
}

func (s *setup) run(in io.Reader, out io.Writer) error {
	if s.Domain == "" {
		if err := s.ask(in, out); err != nil {
			return err
		}
	}
	s.Secret = rand.Text()
	s.SecretFile, s.RegistrationFile = "component-secret", "registration.yaml"
	if s.Homeserver != "" {
		s.ServerName = cmp.Or(s.ServerName, s.Parent())
		s.MatrixDomain = cmp.Or(s.MatrixDomain, "matrix."+s.Parent())
	}
	text, err := fill(initFile, s)
	if err != nil {
		return err
	}
	cfg, err := config.Parse(s.File, []byte(text))
	if err != nil {
		return fmt.Errorf("that would not work:\n%w", err)
	}
	if err := s.write(text, cfg); err != nil {
		return err
	}
	advice, err := fill(initAdvice, s)
	if err != nil {
		return err
	}
	fmt.Fprint(out, advice)
	if s.Homeserver != "" {
		fmt.Fprintln(out)
		if err := adviseHomeserver(out, s.registrationPath()); err != nil {
			return err
		}
	}
	next, err := fill(initNext, s)
	fmt.Fprint(out, next)
	return err
}

// fill is a template's text.
func fill(text string, with any) (string, error) {
	var out strings.Builder
	err := template.Must(template.New("").Parse(text)).Execute(&out, with)
	return out.String(), err
}

// write writes the files, none of which may be there yet.
func (s *setup) write(text string, cfg *config.Config) error {
	dir := filepath.Dir(s.File)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	files := []string{s.File, filepath.Join(dir, s.SecretFile)}
	if s.Homeserver != "" {
		files = append(files, s.registrationPath())
	}
	for _, file := range files {
		if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("%s is there already: remove it, or name another file with -c", file)
		}
	}
	if err := create(files[1], s.Secret+"\n", 0o600); err != nil {
		return err
	}
	if s.Homeserver != "" {
		r := newRegistration(s.registrationPath(), "http://"+cfg.Matrix.Listen.Address(), cfg.Matrix.ServerName)
		if err := r.write(); err != nil {
			return err
		}
	}
	return create(s.File, text, 0o644)
}

func (s *setup) registrationPath() string {
	return filepath.Join(filepath.Dir(s.File), s.RegistrationFile)
}

// Domains are ours.
func (s *setup) Domains() []string {
	if s.Homeserver == "" {
		return []string{s.Domain}
	}
	return []string{s.Domain, s.MatrixDomain}
}

// Port is the component port, as the XMPP server's own file names it.
func (s *setup) Port() string {
	return s.Server[strings.LastIndexByte(s.Server, ':')+1:]
}

// Parent is the domain above ours, whose users the gateway is for; "" if
// there is none.
func (s *setup) Parent() string {
	_, parent, _ := strings.Cut(s.Domain, ".")
	return parent
}

// create writes a file that must not be there yet.
func create(path, text string, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// ask asks whoever sits at the terminal.
func (s *setup) ask(in io.Reader, out io.Writer) error {
	f, isFile := in.(*os.File)
	if isFile {
		info, err := f.Stat()
		if err != nil || info.Mode()&os.ModeCharDevice == 0 {
			return errors.New("which domain? Say it with --domain irc.example.org")
		}
	}
	lines := bufio.NewScanner(in)
	for _, q := range []struct {
		question string
		answer   *string
	}{
		{"Domain of the gateway, as in irc.example.org", &s.Domain},
		{"Component port of the XMPP server", &s.Server},
		{"Short name of an IRC network", &s.Network},
		{"Server of that network", &s.Address},
		{"URL of a Matrix homeserver, empty for none", &s.Homeserver},
	} {
		fmt.Fprint(out, q.question)
		if *q.answer != "" {
			fmt.Fprintf(out, " [%s]", *q.answer)
		}
		fmt.Fprint(out, ": ")
		if !lines.Scan() {
			return errors.Join(errors.New("no answer; nothing was written"), lines.Err())
		}
		if answer := strings.TrimSpace(lines.Text()); answer != "" {
			*q.answer = answer
		}
	}
	return nil
}
