package kube

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// countEvery is the least time between two counts: all fleets of a turn are answered from one.
const countEvery = time.Second

// cluster is what is kept of nodes and pods.
type cluster struct {
	log     *slog.Logger
	metrics *metrics
	taints  []string

	mu     sync.Mutex
	pools  []*nodePool
	fleets map[string][]*nodePool // pools by fleet
	nodes  map[string]*node
	// pods has the occupation of its node for each counted pod, by namespace and name; occupied has them by the node's name.
	pods     map[string]*occupation
	occupied map[string]*occupation
	// shared are the pairs of pools of which was said that both match a node.
	shared map[[2]*nodePool]bool
	// counted is the time of the tallies, zero where they are not those of pools.
	counted time.Time
}

// occupation is what counted pods make of a node.
type occupation struct {
	node string
	pods int
	// first is the start of the pod that ran first, zero where none does.
	first start
}

func newCluster(log *slog.Logger, m *metrics, taints []string) *cluster {
	return &cluster{
		log: log, metrics: m, taints: taints, nodes: map[string]*node{}, pods: map[string]*occupation{}, occupied: map[string]*occupation{},
	}
}

// setPools replaces the pools. A pool that stays keeps its metrics, and its nodes are not learnt from twice.
func (c *cluster) setPools(pools []*nodePool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fleets := map[string][]*nodePool{}
	for _, p := range pools {
		fleets[p.fleet] = append(fleets[p.fleet], p)
		c.metrics.begin(p)
	}
	for _, p := range c.pools {
		if !slices.ContainsFunc(fleets[p.fleet], p.isSame) {
			c.metrics.end(p)
		}
	}
	c.pools, c.fleets, c.shared, c.counted = pools, fleets, map[[2]*nodePool]bool{}, time.Time{}
	for name, n := range c.nodes {
		old := n.pool
		if n.pool = c.poolOf(name, n); n.pool == nil || old == nil || !n.pool.isSame(old) {
			n.lead = lead{isStart: n.lead.isStart}
		}
		c.learn(name, n, nil)
	}
}

// poolOf returns the pool that a node belongs to, nil for none, and says where two claim it. The caller holds the lock.
func (c *cluster) poolOf(name string, n *node) *nodePool {
	all := matching(c.pools, n.labels)
	if len(all) == 0 {
		return nil
	}
	for _, other := range all[1:] {
		if pair := [2]*nodePool{all[0], other}; !c.shared[pair] {
			c.shared[pair] = true
			c.log.Warn("a node matches the selectors of two pools and belongs to the first", "node", name,
				"fleet", all[0].fleet, "pool", all[0].name, "other_fleet", other.fleet, "other_pool", other.name)
		}
	}
	return all[0]
}

// learn takes note of a node's lead times. before is what was known of it, nil for nothing. The caller holds the lock.
func (c *cluster) learn(name string, n, before *node) {
	if n.pool == nil {
		return
	}
	observe := c.metrics.observe(n.pool)
	n.learnReady(before, time.Now(), observe)
	if o := c.occupied[name]; o != nil {
		n.learnPod(o.first, observe)
	}
}

// putNode takes a node that is new or changed.
func (c *cluster) putNode(o *corev1.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n, before := nodeOf(o, c.taints), c.nodes[o.Name]
	if before != nil && before.uid != n.uid {
		before = nil
	}
	switch {
	case before == nil:
		n.pool = c.poolOf(o.Name, n)
	case maps.Equal(before.labels, n.labels):
		n.pool, n.lead, n.labels = before.pool, before.lead, before.labels
	default:
		n.pool, n.lead = c.poolOf(o.Name, n), before.lead
	}
	c.nodes[o.Name] = n
	c.learn(o.Name, n, before)
}

// removeNode takes a node that is gone.
func (c *cluster) removeNode(o *corev1.Node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.nodes, o.Name)
}

// replaceNodes takes all nodes that there are.
func (c *cluster) replaceNodes(all []*corev1.Node) {
	there := make(map[string]bool, len(all))
	for _, o := range all {
		there[o.Name] = true
		c.putNode(o)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	maps.DeleteFunc(c.nodes, func(name string, _ *node) bool { return !there[name] })
	c.counted = time.Time{} // a count of what was not all must not be the answer once it is
}

// putPod takes a pod that is new or changed.
func (c *cluster) putPod(p *corev1.Pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !isCounted(p) {
		c.forget(podKey(p))
		return
	}
	o := c.occupy(podKey(p), p.Spec.NodeName)
	s := startOf(p)
	if s.running.IsZero() || !o.first.running.IsZero() && !s.running.Before(o.first.running) {
		return
	}
	o.first = s
	if n := c.nodes[o.node]; n != nil {
		c.learn(o.node, n, n)
	}
}

func podKey(p *corev1.Pod) string { return p.Namespace + "/" + p.Name }

// occupy returns the occupation of a pod's node, the pod included. The caller holds the lock.
func (c *cluster) occupy(key, name string) *occupation {
	o := c.pods[key]
	if o != nil && o.node == name {
		return o
	}
	c.forget(key) // a pod of the same name was replaced while nothing was read
	if o = c.occupied[name]; o == nil {
		o = &occupation{node: name}
		c.occupied[name] = o
	}
	o.pods++
	c.pods[key] = o
	return o
}

// forget takes a pod off its node. The caller holds the lock.
func (c *cluster) forget(key string) {
	o := c.pods[key]
	if o == nil {
		return
	}
	delete(c.pods, key)
	if o.pods--; o.pods == 0 {
		delete(c.occupied, o.node)
	}
}

// removePod takes a pod that is gone.
func (c *cluster) removePod(p *corev1.Pod) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(podKey(p))
}

// replacePods takes all pods that there are.
func (c *cluster) replacePods(all []*corev1.Pod) {
	there := make(map[string]bool, len(all))
	for _, p := range all {
		there[podKey(p)] = true
		c.putPod(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.pods {
		if !there[key] {
			c.forget(key)
		}
	}
	c.counted = time.Time{}
}

// unmatched returns the pools that no node belongs to.
func (c *cluster) unmatched() []*nodePool {
	c.mu.Lock()
	defer c.mu.Unlock()
	has := map[*nodePool]bool{}
	for _, n := range c.nodes {
		has[n.pool] = true
	}
	return slices.DeleteFunc(slices.Clone(c.pools), func(p *nodePool) bool { return has[p] })
}

// tallies returns how many nodes the pools of a fleet have at a time, by pool. They are at most countEvery old.
func (c *cluster) tallies(fleet string, at time.Time) map[string]tally {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.Before(c.counted) || at.Sub(c.counted) >= countEvery {
		c.count(at)
	}
	out := map[string]tally{}
	for _, p := range c.fleets[fleet] {
		out[p.name] = p.tally
	}
	return out
}

// count counts the nodes of each pool. The caller holds the lock.
func (c *cluster) count(at time.Time) {
	c.counted = at
	for _, p := range c.pools {
		p.tally = tally{}
	}
	for name, n := range c.nodes {
		if n.pool == nil {
			continue
		}
		pods := 0
		if o := c.occupied[name]; o != nil {
			pods = o.pods
		}
		switch n.phase(pods, at) {
		case absent:
		case warming:
			n.pool.tally.warming++
		case warm:
			n.pool.tally.warm++
		case active:
			n.pool.tally.active++
		}
	}
}
