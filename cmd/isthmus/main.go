// Command isthmus is a gateway between XMPP and IRC.
//
// Each command has a file of its own; gateway.go wires the packages together.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
)

func main() {
	if err := rootCommand().Execute(); err != nil {
		fmt.Fprintln(os.Stderr, "isthmus:", err)
		os.Exit(1)
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "isthmus",
		Short: "A gateway between XMPP and IRC",
		Long: `Isthmus lets people on an XMPP server use IRC from the client that they have:
they join the room #channel%network@gateway, and talk.

It runs beside the XMPP server as an external component (XEP-0114).`,
		Example: `  # the first time: write a configuration, and see what to paste into the server's
  isthmus init -c isthmus.yaml --domain irc.example.org

  # ever after
  isthmus check-config isthmus.yaml
  isthmus run -c isthmus.yaml`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(runCommand(), checkConfigCommand(), initCommand(), versionCommand())
	return root
}
