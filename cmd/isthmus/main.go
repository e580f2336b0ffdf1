// Command isthmus joins XMPP, IRC and Matrix.
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
		Short: "A gateway between XMPP, IRC and Matrix",
		Long: `Isthmus lets people on XMPP, IRC and Matrix meet, each in the client that they
have: from XMPP they join #channel%network@gateway or #room%server@gateway, from
Matrix #irc_network_#channel:server or #xmpp_room_muc.example.org:server.

It runs beside the XMPP server as an external component (XEP-0114) and beside a
Matrix homeserver, if there is one, as an application service.`,
		Example: `  # the first time: write a configuration, and see what to paste into the server's
  isthmus init -c isthmus.yaml --domain irc.example.org

  # ever after
  isthmus check-config isthmus.yaml
  isthmus run -c isthmus.yaml

  # while it runs
  isthmus status -c isthmus.yaml
  isthmus plan -c isthmus.yaml`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(runCommand(), checkConfigCommand(), initCommand(), registrationCommand(), versionCommand(),
		planCommand(), statusCommand(), explainCommand(), unbanCommand(), traceCommand(), auditCommand())
	return root
}
