package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"
	promconfig "github.com/prometheus/common/config"

	"github.com/forethought-autoscaler/forethought/adapter/externalmetrics"
	"github.com/forethought-autoscaler/forethought/adapter/keda"
	"github.com/forethought-autoscaler/forethought/config"
	"github.com/forethought-autoscaler/forethought/exporter"
	"github.com/forethought-autoscaler/forethought/series"
)

// kedaOptions say where the KEDA scaler is served.
type kedaOptions struct {
	address    string // empty for nowhere
	tls        keda.TLS
	reflection bool
}

func kedaFlags(cmd *kingpin.CmdClause, o *kedaOptions) {
	cmd.Flag("keda.listen-address", "Where KEDA's external and external-push triggers are served, for example :9098; empty for nowhere. "+
		"On any other address than loopback it needs the flags below.").StringVar(&o.address)
	cmd.Flag("keda.tls-cert-file", "Serving certificate of the KEDA scaler.").StringVar(&o.tls.CertFile)
	cmd.Flag("keda.tls-private-key-file", "Its key.").StringVar(&o.tls.KeyFile)
	cmd.Flag("keda.client-ca-file", "The authority of the certificates that clients must have.").StringVar(&o.tls.ClientCAFile)
	cmd.Flag("keda.enable-reflection", "Let anyone who may connect list the methods of the KEDA scaler.").BoolVar(&o.reflection)
}

// validate refuses a part of the three files that only work together.
func (o kedaOptions) validate() error {
	given := 0
	for _, file := range []string{o.tls.CertFile, o.tls.KeyFile, o.tls.ClientCAFile} {
		if file != "" {
			given++
		}
	}
	switch {
	case o.address == "" && (given > 0 || o.reflection):
		return errors.New("the flags of keda have no effect without --keda.listen-address")
	case given > 0 && given < 3:
		return errors.New("--keda.tls-cert-file, --keda.tls-private-key-file and --keda.client-ca-file go together")
	}
	return nil
}

// openKEDA builds the KEDA scaler where the flags ask for one.
func (a *app) openKEDA() error {
	o := a.options.keda
	if o.address == "" {
		return nil
	}
	ln, err := a.listen(o.address)
	if err != nil {
		return err
	}
	k := keda.Options{Board: a.board, Now: a.clock.Now, Log: a.log, Registerer: a.registry, Listener: ln, Reflection: o.reflection}
	if o.tls.CertFile != "" {
		k.TLS = &o.tls
	}
	a.keda, err = keda.New(k)
	return err
}

// openExternal builds the external metrics API where the flags ask for it.
func (a *app) openExternal(c *config.Config) ([]exporter.Link, error) {
	if a.options.external == "" {
		return nil, nil
	}
	ln, err := a.listen(a.options.external)
	if err != nil {
		return nil, err
	}
	a.rules, err = externalmetrics.NewRules(externalmetrics.RulesOptions{
		Source: currentSource{a}, Interval: time.Duration(c.Interval), Validity: time.Duration(c.Validity), Now: a.clock.Now, Log: a.log,
		Registerer: a.registry,
	})
	if err != nil {
		return nil, err
	}
	if err = a.rules.Set(rulesOf(c)); err != nil {
		return nil, err
	}
	o := externalmetrics.Options{
		Board: a.board, Now: a.clock.Now, Log: a.log, Registerer: a.registry, Listener: ln, Cluster: a.delegated, Rules: a.rules,
	}
	if o.Delegate, err = delegateOf(c); err != nil {
		return nil, err
	}
	o.Owner = a.cluster.owner(a.service)
	if a.external, err = externalmetrics.New(o); err != nil {
		return nil, err
	}
	return []exporter.Link{{
		Name: "external metrics", URL: a.external.URL(), What: "the Kubernetes external metrics API, which HPAs read",
	}}, nil
}

// currentSource reads where the running configuration says.
type currentSource struct{ a *app }

// Range asks the source of the configuration that is running.
func (s currentSource) Range(ctx context.Context, q series.Query) ([]series.Series, error) {
	s.a.mu.Lock()
	source := s.a.current.source
	s.a.mu.Unlock()
	return source.Range(ctx, q)
}

func rulesOf(c *config.Config) []externalmetrics.Rule {
	var out []externalmetrics.Rule
	for _, r := range c.ExternalMetrics.Rules {
		out = append(out, externalmetrics.Rule{Name: r.Name, Expr: string(r.Query), Namespaced: r.Namespaced})
	}
	return out
}

// delegateOf returns the adapter that is asked for what is not ours, nil where there is none.
func delegateOf(c *config.Config) (*externalmetrics.Delegate, error) {
	d := c.ExternalMetrics.Delegate
	if d == nil {
		return nil, nil
	}
	client, err := promconfig.NewClientFromConfig(d.HTTPConfig, "external_metrics.delegate")
	if err != nil {
		return nil, fmt.Errorf("external_metrics.delegate.http_config: %w", err)
	}
	return &externalmetrics.Delegate{URL: strings.TrimSuffix(d.URL, "/"), Client: client}, nil
}

// doors returns what serves or writes decisions until its context ends.
func (a *app) doors() []func(context.Context) error {
	var out []func(context.Context) error
	if a.external != nil {
		out = append(out, a.external.Run, a.rules.Run)
	}
	if a.keda != nil {
		out = append(out, a.keda.Run)
	}
	if a.cluster != nil {
		out = append(out, a.cluster.runs()...)
	}
	return out
}
