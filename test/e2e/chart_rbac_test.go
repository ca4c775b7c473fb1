package e2e

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// objects returns what a manifest holds.
func objects(t *testing.T, manifest string) []unstructured.Unstructured {
	t.Helper()
	var out []unstructured.Unstructured
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(manifest), 4096)
	for {
		var o unstructured.Unstructured
		err := decoder.Decode(&o.Object)
		switch {
		case errors.Is(err, io.EOF):
			return out
		case err != nil:
			t.Fatal(err)
		case len(o.Object) > 0:
			out = append(out, o)
		}
	}
}

// permissions returns what the roles of a manifest grant to the given account, sorted: each as scope, resources and verbs. The scope is
// cluster or a namespace. A role that nobody is bound to, and one that is not in the manifest but bound to, is listed too.
func permissions(t *testing.T, manifest, account string) []string {
	t.Helper()
	roles := map[string][]rbacv1.PolicyRule{}
	var out []string
	all := objects(t, manifest)
	for _, o := range all {
		if k := o.GetKind(); k == "Role" || k == "ClusterRole" {
			var r rbacv1.ClusterRole
			convert(t, o, &r)
			roles[k+"/"+o.GetNamespace()+"/"+o.GetName()] = r.Rules
		}
	}
	bound := map[string]bool{}
	for _, o := range all {
		if k := o.GetKind(); k != "RoleBinding" && k != "ClusterRoleBinding" {
			continue
		}
		var b rbacv1.ClusterRoleBinding
		convert(t, o, &b)
		scope := o.GetNamespace()
		if scope == "" {
			scope = "cluster"
		}
		key := b.RoleRef.Kind + "/" + o.GetNamespace() + "/" + b.RoleRef.Name
		bound[key] = true
		if !slices.Equal(b.Subjects, []rbacv1.Subject{{Kind: "ServiceAccount", Name: account, Namespace: "forethought"}}) {
			continue
		}
		rules, ours := roles[key]
		if !ours {
			out = append(out, fmt.Sprintf("%s: %s %s", scope, b.RoleRef.Kind, b.RoleRef.Name))
		}
		for _, r := range rules {
			out = append(out, scope+": "+describe(r))
		}
	}
	for key := range roles {
		if !bound[key] {
			out = append(out, "nobody is bound to "+key)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func convert(t *testing.T, o unstructured.Unstructured, into any) {
	t.Helper()
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, into); err != nil {
		t.Fatal(err)
	}
}

// describe writes a rule as resource.group [names]: verbs.
func describe(r rbacv1.PolicyRule) string {
	var resources []string
	for _, group := range r.APIGroups {
		for _, resource := range r.Resources {
			resources = append(resources, strings.TrimSuffix(resource+"."+group, "."))
		}
	}
	names := ""
	if len(r.ResourceNames) > 0 {
		names = " " + strings.Join(r.ResourceNames, " ")
	}
	return strings.Join(resources, ", ") + names + ": " + strings.Join(r.Verbs, ", ")
}

// What each door needs. Whoever speaks to the API server heeds the kill switch, and who writes is elected.
var (
	heeds = []string{
		"forethought: configmaps: list, watch",
		"forethought: events.events.k8s.io: create, patch",
	}
	elected = append([]string{
		"forethought: leases.coordination.k8s.io forethought: get, update",
		"forethought: leases.coordination.k8s.io: create",
	}, heeds...)
	tells = "cluster: events.events.k8s.io: create, patch"

	needs = map[string][]string{
		"externalMetrics": append([]string{
			"cluster: ClusterRole system:auth-delegator",
			"kube-system: Role extension-apiserver-authentication-reader",
			"cluster: apiservices.apiregistration.k8s.io v1beta1.external.metrics.k8s.io: get, list, watch",
			"default: events.events.k8s.io: create, patch",
		}, heeds...),
		"keda":       nil,
		"nodes":      append([]string{"cluster: nodes, pods: list, watch"}, heeds...),
		"killSwitch": heeds,
		"actuators.scale": append([]string{
			"cluster: deployments/scale.apps: get, patch", "cluster: horizontalpodautoscalers.autoscaling: list", tells,
		}, elected...),
		"actuators.capacityBuffer": append([]string{"cluster: capacitybuffers.autoscaling.x-k8s.io: get, patch", tells}, elected...),
		"actuators.hpaFloor":       append([]string{"cluster: horizontalpodautoscalers.autoscaling: get, patch", tells}, elected...),
		"migration": append([]string{
			"cluster: nodes, pods: list, watch", "cluster: nodes: list, patch", "cluster: pods: list", "cluster: pods/eviction: create",
			"cluster: poddisruptionbudgets.policy: list", tells,
		}, elected...),
	}
)

// TestChartGrantsWhatDoorsNeed: each door has its permissions and no others, and a pod without any has no token.
func TestChartGrantsWhatDoorsNeed(t *testing.T) {
	binary(t)
	f := func(want []string, account string, args ...string) {
		t.Helper()
		manifest, err := render(t, append([]string{valuesFile("config")}, args...)...)
		if err != nil {
			t.Error(err)
			return
		}
		want = slices.Sorted(slices.Values(want))
		have := permissions(t, manifest, account)
		if !slices.Equal(have, slices.Compact(want)) {
			t.Errorf("%v grants %s\n%s\nwant\n%s", args, account, strings.Join(have, "\n"), strings.Join(want, "\n"))
		}
		if token := mountsToken(t, manifest, account); token != (len(want) > 0) {
			t.Errorf("%v: %s mounts a token: %v", args, account, token)
		}
	}
	f(nil, "forethought")
	var all, switches []string
	for _, door := range doors {
		f(needs[door], "forethought", "--set=doors."+door+".enabled=true")
		all = append(all, needs[door]...)
		switches = append(switches, "doors."+door+".enabled=true")
	}
	every := "--set=" + strings.Join(switches, ",")
	f(all, "forethought", every)

	// In split mode adapters serve and write nothing.
	f(needs["externalMetrics"], "forethought-adapter", every, "--set=split.enabled=true")
	var decides []string
	for _, door := range doors {
		if door != "externalMetrics" {
			decides = append(decides, needs[door]...)
		}
	}
	f(decides, "forethought", every, "--set=split.enabled=true")

	// Objects are written in the namespaces of the list only, and each shard has its own Lease.
	f(append([]string{
		"batch: capacitybuffers.autoscaling.x-k8s.io: get, patch", "batch: events.events.k8s.io: create, patch",
		"web: capacitybuffers.autoscaling.x-k8s.io: get, patch", "web: events.events.k8s.io: create, patch",
	}, elected...), "forethought", "--set=doors.actuators.capacityBuffer.enabled=true", "--set=doors.actuators.namespaces={batch,web}")
	f(append([]string{
		"forethought: leases.coordination.k8s.io forethought-1-of-2 forethought-2-of-2: get, update",
		"forethought: leases.coordination.k8s.io: create",
		"cluster: horizontalpodautoscalers.autoscaling: get, patch", tells,
	}, heeds...), "forethought", "--set=doors.actuators.hpaFloor.enabled=true,shards=2")

	// The API server does not apply the scale subresource of custom resources: there the object itself is written.
	f(append([]string{
		"batch: machinedeployments.cluster.x-k8s.io: get, patch", "batch: horizontalpodautoscalers.autoscaling: list",
		"batch: events.events.k8s.io: create, patch",
		"cluster: customresourcedefinitions.apiextensions.k8s.io machinedeployments.cluster.x-k8s.io: get",
	}, elected...), "forethought", "--set=doors.actuators.scale.enabled=true,doors.actuators.namespaces={batch}",
		"--set=doors.actuators.scale.resources[0].group=cluster.x-k8s.io,doors.actuators.scale.resources[0].resource=machinedeployments")
}

// mountsToken reports whether the pods of the account mount its token.
func mountsToken(t *testing.T, manifest, account string) bool {
	t.Helper()
	for _, o := range objects(t, manifest) {
		name, _, _ := unstructured.NestedString(o.Object, "spec", "template", "spec", "serviceAccountName")
		if o.GetKind() != "Deployment" || name != account {
			continue
		}
		mounts, there, err := unstructured.NestedBool(o.Object, "spec", "template", "spec", "automountServiceAccountToken")
		if err != nil || !there {
			t.Errorf("Deployment %s does not say whether it mounts a token: %v", o.GetName(), err)
		}
		return mounts
	}
	t.Errorf("no Deployment runs as %s", account)
	return false
}

// TestPermissionsAreDocumented: docs/deploy.md names each resource and its verbs beside its door.
func TestPermissionsAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	for door, permissions := range needs {
		for _, p := range permissions {
			_, p, _ = strings.Cut(p, ": ")
			resources, verbs, _ := strings.Cut(strings.ReplaceAll(p, " forethought:", ":"), ": ")
			resources, _, _ = strings.Cut(resources, " v1beta1.")
			if !strings.Contains(string(text), "`"+resources+"` | "+verbs) {
				t.Errorf("the permissions of docs/deploy.md lack those of %s: | `%s` | %s |", door, resources, verbs)
			}
		}
	}
}
