package migrate

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
)

func TestFleetsThatMakeNoSense(t *testing.T) {
	f := func(want string, change func(*Fleet)) {
		t.Helper()
		fleet := newWorld(t).fleet
		change(&fleet)
		_, err := compile(map[string]Fleet{"web": fleet})
		switch {
		case want == "" && err != nil:
			t.Errorf("unexpected: %v", err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "fleet web")):
			t.Errorf("got %v, want %q", err, want)
		}
	}
	pools := func(p ...Pool) func(*Fleet) {
		return func(f *Fleet) { f.Pools = p }
	}
	a := Pool{Name: "a", Selector: "pool=a", Labels: map[string]string{"pool": "a"}}
	b := Pool{Name: "b", Selector: "pool=b", Labels: map[string]string{"pool": "b"}}
	with := func(change func(*Pool)) func(*Fleet) {
		c := b
		change(&c)
		return pools(a, c)
	}
	f("", pools(a, b))
	f("no Drain is given", func(f *Fleet) { f.Drain = 0 })
	f("PerHour 0", func(f *Fleet) { f.PerHour = 0 })
	f("a negative Concurrent or Cooldown", func(f *Fleet) { f.Concurrent = -1 })
	f("a negative Concurrent or Cooldown", func(f *Fleet) { f.Cooldown = -time.Second })
	f("1 pools", pools(a))
	f("pool a: there are two of the name", pools(a, a))
	f("no Name is given", with(func(p *Pool) { p.Name = "" }))
	f(`pool b: selector "pool==,="`, with(func(p *Pool) { p.Selector = "pool==,=" }))
	f("selects every node", with(func(p *Pool) { p.Selector = "" }))
	f("no Labels are given", with(func(p *Pool) { p.Labels = nil }))
	f("does not select the labels", with(func(p *Pool) { p.Selector = "pool=b,zone=z1" }))
	f("in pool a and in pool b", with(func(p *Pool) { p.Selector = "pool in (a,b)" }))
	f("in pool a and in pool b", with(func(p *Pool) { p.Selector, p.Labels = "!gpu", map[string]string{"tier": "b"} }))
	f("labels", with(func(p *Pool) { p.Labels = map[string]string{"pool": "b", "-": "x"} }))
	f(migratingLabel+" is kept", with(func(p *Pool) { p.Labels = map[string]string{"pool": "b", migratingLabel: "x"} }))
	f("taint", with(func(p *Pool) { p.Taints = []corev1.Taint{noSchedule("", "")} }))
	f(`value "a b"`, with(func(p *Pool) { p.Taints = []corev1.Taint{noSchedule("k", "a b")} }))
	f(`effect "Never"`, with(func(p *Pool) { p.Taints = []corev1.Taint{{Key: "k", Effect: "Never"}} }))
	f("there are two with the effect NoSchedule", with(func(p *Pool) { p.Taints = []corev1.Taint{noSchedule("k", "a"), noSchedule("k", "b")} }))
}

func TestFleetsShareNoNode(t *testing.T) {
	one, other := newWorld(t).fleet, newWorld(t).fleet
	if _, err := compile(map[string]Fleet{"web": one, "x": other}); err == nil || !strings.Contains(err.Error(), "in pool a and in pool a of web") {
		t.Errorf("got %v", err)
	}
}

func TestSetFleetsChangesNothingWhereItFails(t *testing.T) {
	w := newWorld(t)
	if err := w.m.SetFleets(map[string]Fleet{"web": {}}); err == nil {
		t.Fatal("a fleet without pools is accepted")
	}
	w.node("n1")
	w.pass()
	if w.under("n1") != draining {
		t.Error("the former fleet is gone")
	}
}

func TestMissingOptions(t *testing.T) {
	w := newWorld(t)
	f := func(field string, change func(*Options)) {
		t.Helper()
		o := w.m.o
		o.Registerer = prometheus.NewRegistry()
		change(&o)
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("New without %s = %v", field, err)
		}
	}
	f("Board", func(o *Options) { o.Board = nil })
	f("Now", func(o *Options) { o.Now = nil })
	f("Log", func(o *Options) { o.Log = nil })
	f("Registerer", func(o *Options) { o.Registerer = nil })
	f("Client", func(o *Options) { o.Client = nil })
	f("Events", func(o *Options) { o.Events = nil })
	f("Interval", func(o *Options) { o.Interval = 0 })
	f("Leading", func(o *Options) { o.Leading = nil })
	f("fleet x", func(o *Options) { o.Fleets = map[string]Fleet{"x": {}} })
	f("duplicate", func(o *Options) { o.Registerer = w.reg })
}
