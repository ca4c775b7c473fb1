package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/prometheus/common/promslog"

	"github.com/forethought-autoscaler/forethought/adapter/externalmetrics"
)

// wallClock is the machine's clock, moved by an offset.
type wallClock struct{ offset time.Duration }

func (c wallClock) Now() time.Time { return time.Now().Add(c.offset) }

func (c wallClock) Wait(ctx context.Context, until time.Time) error {
	t := time.NewTimer(until.Sub(c.Now()))
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

func serveCommand(cmd *kingpin.CmdClause, logs *promslog.Config) command {
	o := options{speed: 1}
	clock := wallClock{}
	cmd.Flag("clock.offset", "Move the clock: what a machine whose clock is wrong does, for tests.").Hidden().DurationVar(&clock.offset)
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
	cmd.Flag("external-metrics.service", "The Service, as NAMESPACE/NAME, that the APIService of external metrics is to point to. With "+
		"--kubernetes.enable it is compared with what owns that; nothing ever changes it.").StringVar(&o.service)
	kedaFlags(cmd, &o.keda)
	kubernetesFlags(cmd, &o.kubernetes)
	shardFlag(cmd, &o.shard)
	return func(ctx context.Context, _, stderr io.Writer) error {
		logs.Writer = stderr
		o.log = promslog.New(logs)
		o.clock = clock
		if o.external != "" {
			if cluster.CertFile == "" || cluster.KeyFile == "" {
				return errors.New("--external-metrics.listen-address needs --external-metrics.tls-cert-file and --external-metrics.tls-private-key-file: " +
					"only the demo serves that API without a cluster")
			}
			o.delegated = cluster
		}
		if err := refuseIdle(o, *cluster); err != nil {
			return err
		}
		if namespace, name, ok := strings.Cut(o.service, "/"); o.service != "" && (!ok || namespace == "" || name == "" || strings.Contains(name, "/")) {
			return fmt.Errorf("--external-metrics.service: %q is no Service, want NAMESPACE/NAME", o.service)
		}
		if err := o.keda.validate(); err != nil {
			return err
		}
		return runApp(ctx, o)
	}
}

// refuseIdle refuses flags that have no effect without another.
func refuseIdle(o options, c externalmetrics.Cluster) error {
	inCluster := o.kubernetes.enable || o.kubernetes.kubeconfig != ""
	switch {
	case o.external == "" && c != externalmetrics.Cluster{}:
		return errors.New("the certificate and kubeconfig flags of external-metrics have no effect without --external-metrics.listen-address")
	case o.service != "" && (o.external == "" || !inCluster):
		return errors.New("--external-metrics.service has no effect without --external-metrics.listen-address and --kubernetes.enable or --kubernetes.kubeconfig")
	case o.kubernetes.namespace != "" && !inCluster:
		return errors.New("--kubernetes.namespace has no effect without --kubernetes.enable or --kubernetes.kubeconfig")
	}
	return nil
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
