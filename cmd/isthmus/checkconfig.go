package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"isthmus/bridge/config"
)

func checkConfigCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "check-config FILE",
		Short: "Tell all that is wrong with a configuration",
		Long: `Reads FILE and the secrets and certificates that it names, connects nowhere and
changes nothing. Every mistake is a line of its own:

  isthmus.yaml:7:5: networks.libera.sesions: is not a known key: remove it, or …

It ends with status 0 when "isthmus run" would take the file.`,
		Example: "  isthmus check-config /etc/isthmus/isthmus.yaml",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return checkConfig(cmd.OutOrStdout(), args[0])
		},
	}
}

func checkConfig(out io.Writer, path string) error {
	cfg, err := config.Load(path)
	if err != nil {
		return fmt.Errorf("%s can't be used:\n%w", path, err)
	}
	for _, w := range cfg.Warnings() {
		fmt.Fprintln(out, "warning:", w)
	}
	fmt.Fprintf(out, "%s is fine. XMPP domains: %d, IRC networks: %d, links: %d\n", path, len(cfg.XMPP.Domains), len(cfg.Networks), len(cfg.Links))
	return nil
}
