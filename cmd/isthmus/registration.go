package main

import (
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"isthmus/bridge/config"
	"isthmus/matrixside/names"
)

// What registration writes and prints.
var (
	//go:embed registration.yaml.tmpl
	registrationFile string
	//go:embed registration.txt.tmpl
	registrationAdvice string
)

// botLocalpart is what the bridge's own user is called.
const botLocalpart = "isthmusbot"

// registration is an application service's registration, as a homeserver
// reads it (Matrix application service API, "Registration").
type registration struct {
	File             string // where it goes
	URL              string // where the homeserver reaches us
	ASToken, HSToken string
	Bot              string
	Users, Aliases   []string // what ghosts and rooms of ours are called
}

func newRegistration(file, url, server string) registration {
	users, aliases := names.Names{Server: server, Bot: botLocalpart}.Namespaces()
	return registration{
		File: file, URL: url, ASToken: rand.Text() + rand.Text(), HSToken: rand.Text() + rand.Text(),
		Bot: botLocalpart, Users: users, Aliases: aliases,
	}
}

func (r registration) write() error {
	text, err := fill(registrationFile, r)
	if err != nil {
		return err
	}
	return create(r.File, text, 0o600)
}

// adviseHomeserver says what to do with a registration file.
func adviseHomeserver(out io.Writer, file string) error {
	path, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	text, err := fill(registrationAdvice, path)
	fmt.Fprint(out, text)
	return err
}

func registrationCommand() *cobra.Command {
	var path, url string
	cmd := &cobra.Command{
		Use:   "registration",
		Short: "Write the registration file for the homeserver",
		Long: `Writes the registration file that the configuration names, with new tokens, and
prints what to add to the configuration of Synapse or Dendrite. A file that exists
is left alone.`,
		Example: "  isthmus registration -c /etc/isthmus/isthmus.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			cfg, err := config.Parse(path, data) // without the file, which is not there yet
			if err != nil {
				return err
			}
			if !cfg.Matrix.On() {
				return fmt.Errorf("%s has no matrix section: add one with homeserver and server_name", path)
			}
			file := cfg.Matrix.RegistrationFile
			if !filepath.IsAbs(file) {
				file = filepath.Join(filepath.Dir(path), file)
			}
			if url == "" {
				url = "http://" + cfg.Matrix.Listen.Address()
			}
			r := newRegistration(file, url, cfg.Matrix.ServerName)
			if err := r.write(); errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("%s is there already: remove it first if its tokens are to be replaced", file)
			} else if err != nil {
				return err
			}
			return adviseHomeserver(cmd.OutOrStdout(), file)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&path, "config", "c", "/etc/isthmus/isthmus.yaml", "configuration file")
	f.StringVar(&url, "url", "", "where the homeserver reaches isthmus (default: matrix.listen)")
	return cmd
}
