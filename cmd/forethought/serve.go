package main

import (
	"context"
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"

	"github.com/forethought-autoscaler/forethought/adapter/externalmetrics"
)

// wallClock is the machine's clock.
type wallClock struct{}

func (wallClock) Now() time.Time { return time.Now() }

func (wallClock) Wait(ctx context.Context, until time.Time) error {
	t := time.NewTimer(time.Until(until))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func serveCommand(cmd *kingpin.CmdClause, logs *promslog.Config) command {
	o := options{clock: wallClock{}, speed: 1}
	cluster := &externalmetrics.Cluster{}
	cmd.Flag("config.file", "The configuration.").Default("forethought.yml").StringVar(&o.configFile)
	webFlags(cmd, &o, ":9095")
	cmd.Flag("external-metrics.listen-address", "Where the Kubernetes external metrics API is served, for example :6443; empty for nowhere. "+
		"It needs a cluster that says who may read, which is found through the flags below.").StringVar(&o.external)
	cmd.Flag("external-metrics.tls-cert-file", "Serving certificate of the external metrics API.").StringVar(&cluster.CertFile)
	cmd.Flag("external-metrics.tls-private-key-file", "Its key.").StringVar(&cluster.KeyFile)
	cmd.Flag("external-metrics.authentication-kubeconfig", "How to reach the API server that says who a reader is; empty in a pod.").
		StringVar(&cluster.AuthenticationKubeconfig)
	cmd.Flag("external-metrics.authorization-kubeconfig", "How to reach the API server that says what a reader may read; empty in a pod.").
		StringVar(&cluster.AuthorizationKubeconfig)
	return func(ctx context.Context, _, stderr io.Writer) error {
		logs.Writer = stderr
		o.log = promslog.New(logs)
		if o.external != "" {
			if cluster.CertFile == "" || cluster.KeyFile == "" {
				return errors.New("--external-metrics.listen-address needs --external-metrics.tls-cert-file and --external-metrics.tls-private-key-file: " +
					"only the demo serves that API without a cluster")
			}
			o.cluster = cluster
		}
		return runApp(ctx, o)
	}
}

// webFlags are the flags of our own port, the same for every command that serves.
func webFlags(cmd *kingpin.CmdClause, o *options, address string) {
	cmd.Flag("web.listen-address", "Where metrics, the API and the page are served.").Default(address).StringVar(&o.webAddress)
	cmd.Flag("web.config.file", "TLS and authentication of that address, in the form of exporter-toolkit.").StringVar(&o.webConfig)
	cmd.Flag("web.enable-admin-api", "Let POST /api/v1/fleets/NAME/kill and .../resume set the kill switch.").BoolVar(&o.admin)
}

// runApp runs an app until ctx ends, and reads its configuration again on SIGHUP.
func runApp(ctx context.Context, o options) error {
	hangUp := hangUps() // before anything takes time, so that no signal ends the process
	defer signal.Stop(hangUp)
	a, err := newApp(ctx, o)
	if err != nil {
		return err
	}
	o.log.Info("serving", "web", a.web.Addr(), "fleets", len(a.board.Snapshots()))
	a.reloadOn(hangUp)
	err = a.run(ctx)
	if closeErr := a.close(); err == nil {
		err = closeErr
	}
	return err
}

// hangUps returns the channel on which SIGHUP comes.
func hangUps() chan os.Signal {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGHUP)
	return c
}

// reloadOn lets run read the configuration again on each signal.
func (a *app) reloadOn(signals <-chan os.Signal) { a.signals = signals }

// reloadOnSignals reads the configuration again on each signal until ctx ends. What is wrong with the file is logged by tryReload.
func (a *app) reloadOnSignals(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.signals:
			_ = a.tryReload()
		}
	}
}
