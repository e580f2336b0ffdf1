// Command bench measures Isthmus beside Debian's biboumi and matterbridge: the same
// work, one after the other, between the same fake XMPP and IRC servers. docs/bench.md
// tells what the rows mean. Run it at the top of the repository:
//
//	go run ./e2e/bench                      # everything, some minutes
//	go run ./e2e/bench -only isthmus -rows fanout-cpu,start
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// bench is one run of the program.
type bench struct {
	base string   // where the bridges' data go
	caps bool     // whether the IRC server has CAP
	rows []string // those to measure
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	only := flag.String("only", "", "measure this bridge alone: isthmus, biboumi or matterbridge")
	rows := flag.String("rows", "", "measure these rows alone, comma-separated: "+strings.Join(rowNames(), ", "))
	caps := flag.Bool("caps", true, "let the IRC server offer IRCv3 capabilities")
	base := flag.String("data", "/dev/shm", "folder for the bridges' data; better be on tmpfs")
	binary := flag.String("isthmus", "", "Isthmus, if it is built already")
	flag.Parse()

	b := &bench{caps: *caps, rows: rowNames()}
	if *rows != "" {
		b.rows = strings.Split(*rows, ",")
		for _, name := range b.rows {
			if !slices.Contains(rowNames(), name) {
				return fmt.Errorf("there is no row %q; rows are %s", name, strings.Join(rowNames(), ", "))
			}
		}
	}
	var err error
	if b.base, err = os.MkdirTemp(*base, "isthmus-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(b.base)

	kinds, err := b.kinds(ctx, *only, *binary)
	if err != nil {
		return err
	}
	all := make(map[string]results)
	for _, k := range kinds {
		all[k.name] = b.measure(ctx, k)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	if !printTable(os.Stdout, b.rows, all) {
		return errors.New("some rows failed")
	}
	return nil
}

// kinds finds, and if need be builds, the bridges to measure.
func (b *bench) kinds(ctx context.Context, only, binary string) ([]kind, error) {
	var kinds []kind
	if only == "" || only == "biboumi" {
		path, err := exec.LookPath("biboumi")
		if err != nil {
			return nil, fmt.Errorf("%w (apt-get install --no-install-recommends biboumi, or -only isthmus)", err)
		}
		kinds = append(kinds, biboumi(path))
	}
	if only == "" || only == "matterbridge" {
		const path = ".cache/matterbridge/matterbridge"
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("%w (e2e/install-matterbridge.sh, or -only isthmus)", err)
		}
		kinds = append(kinds, matterbridge(path))
	}
	if only == "" || only == "isthmus" {
		if binary == "" {
			binary = filepath.Join(b.base, "isthmus")
			build := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/isthmus")
			build.Stderr = os.Stderr
			if err := build.Run(); err != nil {
				return nil, fmt.Errorf("building Isthmus: %w", err)
			}
		}
		kinds = append(kinds, isthmus(binary))
	}
	return kinds, nil
}

// measure runs the workloads that the wanted rows need. A workload that goes
// wrong fails those of its rows that it has not measured yet.
func (b *bench) measure(ctx context.Context, k kind) results {
	r := make(results)
	for _, w := range workloads {
		if k.name != "isthmus" && !slices.Contains(w.with, k.name) {
			continue
		}
		if !slices.ContainsFunc(w.rows, func(row string) bool { return slices.Contains(b.rows, row) }) {
			continue
		}
		fmt.Fprintf(os.Stderr, "%s: %s\n", k.name, strings.Join(w.rows, ", "))
		err := w.run(ctx, b, k, r)
		for _, row := range w.rows {
			if _, measured := r[row]; !measured {
				r[row] = measure{err: err}
			}
		}
	}
	return r
}

// dir makes a folder for a bridge's configuration and data.
func (b *bench) dir(k kind) (string, error) { return os.MkdirTemp(b.base, k.name+"-") }

// raise is the package's raise with new data, which the function returned
// removes after it has ended the bridge.
func (b *bench) raise(ctx context.Context, k kind) (*stage, func(), error) {
	dir, err := b.dir(k)
	if err != nil {
		return nil, nil, err
	}
	s, err := raise(ctx, k, dir, b.caps)
	if err != nil {
		os.RemoveAll(dir)
		return nil, nil, err
	}
	return s, func() { s.close(); os.RemoveAll(dir) }, nil
}
