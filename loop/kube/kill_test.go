package kube

import (
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// configMap returns a ConfigMap with a value of the kill label, without it where the value is empty.
func configMap(name, value string) *corev1.ConfigMap {
	m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "ours", Name: name}}
	if value != "" {
		m.Labels = map[string]string{KillLabel: value}
	}
	return m
}

func TestKillSwitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil, configMap("first", "web"), configMap("plain", ""))
		if b.Killed("web") {
			t.Error("killed before anything is read")
		}
		b.start()
		changes := 1
		f := func(killed, alive []string, events ...string) {
			t.Helper()
			synctest.Wait()
			for _, fleet := range killed {
				if !b.Killed(fleet) {
					t.Errorf("%s is not killed", fleet)
				}
			}
			for _, fleet := range alive {
				if b.Killed(fleet) {
					t.Errorf("%s is killed", fleet)
				}
			}
			if got := b.events.take(); !slices.Equal(got, events) {
				t.Errorf("got events %q, want %q", got, events)
			}
			if b.changes != changes {
				t.Errorf("told %d times of a change, want %d", b.changes, changes)
			}
		}
		maps := b.client.CoreV1().ConfigMaps("ours")
		put := func(m *corev1.ConfigMap) {
			t.Helper()
			_, err := maps.Update(t.Context(), m, metav1.UpdateOptions{})
			if err != nil {
				_, err = maps.Create(t.Context(), m, metav1.CreateOptions{})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		const set, let = "Warning|KillSwitchSet|Kill|Label forethought.dev/kill: ", "Normal|KillSwitchReleased|Resume|Label forethought.dev/kill is gone: "

		f([]string{"web"}, []string{"batch", "all"}) // set before: no news
		put(configMap("second", "batch"))
		changes++
		f([]string{"web", "batch"}, []string{"other"}, "second|"+set+"fleet batch is held on what the present demand needs.")
		put(configMap("third", "batch")) // twice is once
		f([]string{"web", "batch"}, []string{"other"})
		put(configMap("second", ""))
		f([]string{"batch"}, nil)
		if err := maps.Delete(t.Context(), "third", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		changes++
		f([]string{"web"}, []string{"batch"}, "third|"+let+"it no longer holds fleet batch on what the present demand needs.")
		put(configMap("second", "all"))
		changes++
		f([]string{"web", "batch", "other"}, nil, "second|"+set+"every fleet is held on what the present demand needs.")
		put(configMap("second", "other")) // one change of two switches
		changes++
		f([]string{"web", "other"}, []string{"batch"}, "second|"+let+"it no longer holds every fleet on what the present demand needs.",
			"second|"+set+"fleet other is held on what the present demand needs.")
		if got := b.Kills(); !slices.Equal(got, []string{"other", "web"}) {
			t.Errorf("got %q, want other and web", got)
		}
		if n := b.logs.count("kill switch is set by label"); n != 4 {
			t.Errorf("logged %d times, want 4:\n%s", n, b.logs)
		}
	})
}

// What was known last holds while nothing can be read, and what was missed meanwhile is found after.
func TestKillSwitchWhileWatchIsBroken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, nil, configMap("first", "web"), configMap("second", "batch"))
		b.start()
		b.cut(errors.New("connection refused"))
		if err := b.client.Tracker().Delete(corev1.SchemeGroupVersion.WithResource("configmaps"), "ours", "first"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if !b.Killed("web") || !b.Killed("batch") {
			t.Error("let go of while nothing is read")
		}
		b.cut(nil)
		time.Sleep(2 * time.Minute)
		if b.Killed("web") || !b.Killed("batch") {
			t.Errorf("web is killed %t and batch %t, want batch only", b.Killed("web"), b.Killed("batch"))
		}
		if got := b.events.take(); len(got) != 1 || got[0][:len("first|Normal")] != "first|Normal" {
			t.Errorf("got events %q, want that of first", got)
		}
	})
}
