package main

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"isthmus/bridge/config"
)

func runCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the gateway",
		Long: `Runs the gateway in the foreground and logs to standard error. It logs "ready"
when every domain has joined its XMPP server.

  SIGHUP            reads the configuration again; a bad one changes nothing
  SIGTERM, SIGINT   tell everybody in a room, quit IRC, and end; twice: end at once`,
		Example: "  isthmus run -c /etc/isthmus/isthmus.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return run(path, cmd.ErrOrStderr())
		},
	}
	cmd.Flags().StringVarP(&path, "config", "c", "/etc/isthmus/isthmus.yaml", "configuration file")
	return cmd
}

// run is the gateway from start to end.
func run(path string, logTo io.Writer) error {
	// Before anything else, so that no signal is missed.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT)

	cfg, err := config.Load(path)
	if err != nil {
		return err
	}
	log, level := newLogger(cfg.Log, logTo)
	for _, w := range cfg.Warnings() {
		log.Warn(w.String())
	}
	log.Info("starting", "version", version, "config", path)
	g, err := newGateway(cfg, log)
	if err != nil {
		return err
	}
	g.start()
	for {
		select {
		case err := <-g.failed:
			log.Error("stopping", "error", err)
			g.stop()
			return err
		case s := <-signals:
			if s == syscall.SIGHUP {
				if next := reload(g, path); next != nil {
					level.Set(levels[next.Log.Level])
				}
				continue
			}
			log.Info("stopping", "signal", s.String())
			signal.Reset(syscall.SIGTERM, syscall.SIGINT) // the next one ends us
			g.stop()
			log.Info("stopped")
			return nil
		}
	}
}

// reload reads the file again and applies what is different; nil when it is
// bad, and nothing was changed.
func reload(g *gateway, path string) *config.Config {
	next, err := config.Load(path)
	if err == nil {
		err = g.reload(next)
	}
	var problems config.Problems
	switch {
	case errors.As(err, &problems):
		for _, p := range problems {
			g.log.Error("not reloaded", "problem", p.String())
		}
		return nil
	case err != nil:
		g.log.Error("not reloaded", "error", err)
		return nil
	}
	for _, w := range next.Warnings() {
		g.log.Warn(w.String())
	}
	return next
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// newLogger returns the log and its level, which a reload may change.
func newLogger(c config.Log, to io.Writer) (*slog.Logger, *slog.LevelVar) {
	level := new(slog.LevelVar)
	level.Set(levels[c.Level])
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(to, options)), level
	}
	return slog.New(slog.NewTextHandler(to, options)), level
}
