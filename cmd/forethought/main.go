// Command forethought forecasts the demand of fleets of VMs from PromQL, plans their pools ahead of it, and publishes the plan.
//
// This package holds flags and wiring, nothing else: what is decided, and how, is in the packages it ties together.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"
	"github.com/prometheus/common/promslog/flag"
)

// version is set by the linker.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// command is a subcommand: what runs after its flags are parsed.
type command func(ctx context.Context, stdout, stderr io.Writer) error

// execute runs one command line and returns the exit status: 0, 1 for an error, 2 for a wrong command line.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	app, commands := newCommandLine()
	app.UsageWriter(stdout).ErrorWriter(stderr)
	ended := -1
	app.Terminate(func(code int) {
		if ended < 0 {
			ended = code
		}
	})
	name, err := app.Parse(args)
	if ended >= 0 {
		return ended // --help and --version print and end
	}
	if err != nil {
		fmt.Fprintf(stderr, "forethought: %v, try --help\n", err)
		return 2
	}
	if err := commands[name](ctx, stdout, stderr); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(stderr, "forethought: %v\n", err)
		return 1
	}
	return 0
}

// newCommandLine returns the flags of the binary and what each subcommand runs.
func newCommandLine() (*kingpin.Application, map[string]command) {
	app := kingpin.New("forethought", "Forecasts the demand of pools of VMs and plans them before requests arrive.")
	app.Version(version)
	app.HelpFlag.Short('h')
	logs := &promslog.Config{}
	flag.AddFlags(app, logs)
	app.Command("flags", "Print FLAGS.md.").Hidden()
	return app, map[string]command{
		"flags":        func(_ context.Context, stdout, _ io.Writer) error { return writeFlags(stdout, app) },
		"serve":        serveCommand(app.Command("serve", "Forecast, plan and publish, as the configuration says."), logs),
		"demo":         demoCommand(app.Command("demo", "Run a generated organisation, or a real trace, end to end on this machine."), logs),
		"check config": checkCommand(app.Command("check", "Check files without running anything.")),
		"forecast":     forecastCommand(app.Command("forecast", "Forecast every series of a CSV file.")),
		"replay": replayCommand(app.Command("replay", "Say what would have happened on a history: every decision, what it would have cost and missed, "+
			"and what other policies would have."), logs),
		"backtest": backtestCommand(app.Command("backtest", "Say how good each method would have been on a history: forecasts from the past, "+
			"scored against what came."), logs),
		"explain": explainCommand(app.Command("explain", "Say why a running forethought wants what it wants.")),
	}
}
