package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/forethought-autoscaler/forethought/adapter/externalmetrics"
	"github.com/forethought-autoscaler/forethought/config"
	"github.com/forethought-autoscaler/forethought/loop"
	"github.com/forethought-autoscaler/forethought/loop/actuator"
	"github.com/forethought-autoscaler/forethought/loop/kube"
	"github.com/forethought-autoscaler/forethought/loop/migrate"
)

// kubernetesOptions say how the cluster is reached whose nodes are counted and whose objects are written.
type kubernetesOptions struct {
	enable                       bool
	kubeconfig, namespace, lease string
}

func kubernetesFlags(cmd *kingpin.CmdClause, o *kubernetesOptions) {
	cmd.Flag("kubernetes.enable", "Count nodes, write what the configuration says, and watch the kill switch in the cluster of this pod.").
		BoolVar(&o.enable)
	cmd.Flag("kubernetes.kubeconfig", "The same in the cluster that this file leads to.").StringVar(&o.kubeconfig)
	cmd.Flag("kubernetes.namespace", "The namespace of the lease, and of the ConfigMaps whose label forethought.dev/kill is a kill switch; "+
		"that of the pod where empty.").StringVar(&o.namespace)
	cmd.Flag("kubernetes.lease", "The name of the Lease that the one process which writes holds.").Default("forethought").StringVar(&o.lease)
}

// cluster is what this process does in a Kubernetes cluster. A nil cluster does nothing.
type cluster struct {
	connection *kube.Connection
	watcher    *kube.Watcher
	election   *actuator.Election
	actuators  *actuator.Actuators
	migrator   *migrate.Migrator
	// needed is closed once there is something to write, and with it a reason to be a candidate for the lease.
	needed chan struct{}
}

// openCluster connects to the cluster where the flags ask for one.
func (a *app) openCluster(_ context.Context, c *config.Config) error {
	if err := a.refuseOutside(c); err != nil {
		return err
	}
	o := a.kubernetes
	if !o.enable && o.kubeconfig == "" {
		return nil
	}
	connection, err := kube.Connect(o.kubeconfig, a.log)
	if err != nil {
		return err
	}
	if o.namespace == "" {
		if o.namespace = connection.Namespace(); o.namespace == "" {
			return errors.New("--kubernetes.namespace is needed outside a pod")
		}
	}
	k := &cluster{connection: connection, needed: make(chan struct{})}
	k.watcher, err = kube.New(kube.Options{
		Client: connection.Client, Pools: nodesOf(c), Namespace: o.namespace, Events: connection.Events, Log: a.log, Registerer: a.registry,
		KillChanged: func() { go a.recheck() },
	})
	if err != nil {
		return err
	}
	if err = a.openWriters(k, o, c); err != nil {
		return err
	}
	a.cluster = k
	return nil
}

// openWriters builds what writes into the cluster: one process of all that hold the same lease does.
func (a *app) openWriters(k *cluster, o kubernetesOptions, c *config.Config) (err error) {
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("a name for the lease: %w", err)
	}
	name := o.lease
	if a.shard.of > 1 { // each shard writes for its own fleets
		name = fmt.Sprintf("%s-%d-of-%d", name, a.shard.index, a.shard.of)
	}
	k.election, err = actuator.NewElection(actuator.ElectionOptions{
		Client: k.connection.Client, Namespace: o.namespace, Name: name, Identity: fmt.Sprintf("%s_%d", host, os.Getpid()),
		Log: a.log, Registerer: a.registry,
	})
	if err != nil {
		return err
	}
	interval := max(time.Duration(c.Interval)/4, time.Second)
	k.actuators, err = actuator.New(actuator.Options{
		Board: a.board, Now: a.clock.Now, Log: a.log, Registerer: a.registry, Dynamic: k.connection.Dynamic, Mapper: k.connection.Mapper,
		Events: k.connection.Events, Targets: targetsOf(c), Interval: interval, Leading: k.election.Leading,
	})
	if err != nil {
		return err
	}
	k.migrator, err = migrate.New(migrate.Options{
		Board: a.board, Now: a.clock.Now, Log: a.log, Registerer: a.registry, Client: k.connection.Client, Events: k.connection.Events,
		Fleets: migrationsOf(c), Interval: interval, Leading: k.election.Leading,
	})
	k.need(c)
	return err
}

// need begins the candidature for the lease where a configuration has something to write. It is called by one goroutine at a time.
func (k *cluster) need(c *config.Config) {
	if len(targetsOf(c)) == 0 && len(migrationsOf(c)) == 0 {
		return
	}
	select {
	case <-k.needed:
	default:
		close(k.needed)
	}
}

// refuseOutside refuses a configuration that does not go with the flags: one that means a cluster where there is none, or shards of what is
// read back.
func (a *app) refuseOutside(c *config.Config) error {
	if a.shard.of > 1 && c.Source == readsBack {
		return errors.New("--shard is for processes that make decisions; with source: prometheus name the fleets to serve in the configuration")
	}
	if err := checkOutside(c); err != nil {
		return err
	}
	if a.kubernetes.enable || a.kubernetes.kubeconfig != "" {
		return nil
	}
	for _, f := range c.Fleets {
		for _, p := range f.Pools {
			if p.Nodes != nil || len(p.Actuate) > 0 {
				return fmt.Errorf("pool %s of fleet %s has nodes or actuate, which need --kubernetes.enable or --kubernetes.kubeconfig", p.Name, f.Name)
			}
		}
	}
	return nil
}

// setOutside hands a new configuration to what runs beside the loop. Nothing changes where it returns an error.
func (a *app) setOutside(c *config.Config) error {
	if a.cluster != nil {
		if err := a.cluster.set(c); err != nil {
			return err
		}
	}
	if a.rules != nil {
		return a.rules.Set(rulesOf(c))
	}
	return nil
}

// checkOutside returns why what a configuration says about a cluster can't be done, whatever the cluster.
func checkOutside(c *config.Config) error {
	if err := kube.Check(nodesOf(c)); err != nil {
		return err
	}
	if err := actuator.Check(targetsOf(c)); err != nil {
		return err
	}
	return migrate.Check(migrationsOf(c))
}

// set hands over a configuration that checkOutside accepts, so that none of the parts refuses what another has taken.
func (k *cluster) set(c *config.Config) error {
	err := errors.Join(k.watcher.SetPools(nodesOf(c)), k.migrator.SetFleets(migrationsOf(c)), k.actuators.SetTargets(targetsOf(c)))
	k.need(c)
	return err
}

// over lets nodes say how the pools stand.
func (k *cluster) over(configured loop.Fleet) loop.Fleet {
	if k == nil {
		return configured
	}
	return k.watcher.Over(configured)
}

// firstRead is how long the first turn waits for what the cluster says.
const firstRead = 10 * time.Second

// await returns when the cluster was read once, so that a restart neither lets go of a kill switch nor forgets how pools stand, or after
// firstRead where it can't be.
func (k *cluster) await(ctx context.Context) {
	if k == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, firstRead)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !k.watcher.Synced() {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// held reports whether a label in the cluster turns a fleet's kill switch on.
func (k *cluster) held(fleet string) bool { return k != nil && k.watcher.Killed(fleet) }

// recheck applies kill switches that were set in the cluster.
func (a *app) recheck() {
	a.mu.Lock()
	current := a.current
	a.mu.Unlock()
	for _, name := range unknownKills(a.cluster.kills(), a.board) {
		a.log.Warn("kill switch by label is of no fleet of this process", "fleet", name, "fleets", len(a.board.Snapshots()))
	}
	if current == nil {
		return // the first turn knows of them
	}
	if err := current.Recheck(context.Background()); err != nil {
		a.log.Error("kill switch of the cluster is applied with the next turn", "err", err)
	}
}

// kills returns the values of the labels that set kill switches.
func (k *cluster) kills() []string {
	if k == nil {
		return nil // the app is not built yet
	}
	return k.watcher.Kills()
}

// unknownKills returns the values that name no fleet on the board: a slip, or a fleet of another shard.
func unknownKills(values []string, board *loop.Board) []string {
	return slices.DeleteFunc(values, func(name string) bool {
		_, known := board.Snapshot(name)
		return known || name == kube.KillAll
	})
}

// owner says who is to own the APIService of external metrics, nil where no Service, as NAMESPACE/NAME, was named.
func (k *cluster) owner(service string) *externalmetrics.Owner {
	namespace, name, ok := strings.Cut(service, "/")
	if k == nil || !ok {
		return nil
	}
	return &externalmetrics.Owner{Dynamic: k.connection.Dynamic, Events: k.connection.Events, Namespace: namespace, Service: name}
}

// runs returns what runs until its context ends.
func (k *cluster) runs() []func(context.Context) error {
	return []func(context.Context) error{k.connection.Run, k.watcher.Run, k.campaign, k.actuators.Run, k.migrator.Run}
}

// campaign is a candidate for the lease once there is something to write.
func (k *cluster) campaign(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-k.needed:
		return k.election.Run(ctx)
	}
}
