// Package components turns a name such as kube-apiserver into the path of its binary: built from the Go module proxy by the Go command
// and kept outside the checkout, by name and version. It is the only place that names a component or its version.
//
// The folder is forethought-e2e in the user's cache folder; FORETHOUGHT_E2E_CACHE names another one. A build is written beside its
// place and renamed, and one process builds at a time, so a binary that is there is whole.
package components

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// Names of the components.
const (
	Etcd              = "etcd"
	APIServer         = "kube-apiserver"
	ControllerManager = "kube-controller-manager"
	Scheduler         = "kube-scheduler"
	Kubectl           = "kubectl"
	Kwok              = "kwok"
	Prometheus        = "prometheus"
	Helm              = "helm"
	KEDAOperator      = "keda-operator"
	KEDAAdapter       = "keda-adapter"
)

// component is a binary and where its source is.
type component struct {
	name string
	// module and version are what the module proxy serves.
	module, version string
	// pkg is the package of the program. It is "." where the source is the recipe's own.
	pkg string
}

// recipe is how components are built that share one scratch module, so that the packages they have in common are compiled once.
type recipe struct {
	components []component
	// staging is the version of the libraries of k8s.io/kubernetes, or empty where it is not among the modules. Its go.mod requires them
	// as v0.0.0 and replaces them by its own folders, which holds in its own repository only.
	staging string
	tags    string
	ldflags string
	// main is the source of the package ".".
	main string
}

const (
	kubernetes        = "k8s.io/kubernetes"
	kubernetesVersion = "v1.37.2"
	keda              = "github.com/kedacore/keda/v2"
	kedaVersion       = "v2.21.0"
)

const etcdMain = `package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
`

// sayVersion has Kubernetes say its own version, which clients and feature gates compare.
const sayVersion = "-X k8s.io/component-base/version.gitVersion=" + kubernetesVersion +
	" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37" +
	" -X k8s.io/client-go/pkg/version.gitVersion=" + kubernetesVersion

// recipes returns what there is to build, in the order of building. KEDA is apart: it is tested with the libraries that it is released
// with, while the others may be given newer ones of each other.
func recipes() []recipe {
	return []recipe{
		{
			components: []component{
				{name: Etcd, module: "go.etcd.io/etcd/server/v3", version: "v3.7.1", pkg: "."},
				{name: APIServer, module: kubernetes, version: kubernetesVersion, pkg: "k8s.io/kubernetes/cmd/kube-apiserver"},
				{name: ControllerManager, module: kubernetes, version: kubernetesVersion, pkg: "k8s.io/kubernetes/cmd/kube-controller-manager"},
				{name: Scheduler, module: kubernetes, version: kubernetesVersion, pkg: "k8s.io/kubernetes/cmd/kube-scheduler"},
				{name: Kubectl, module: kubernetes, version: kubernetesVersion, pkg: "k8s.io/kubernetes/cmd/kubectl"},
				{name: Kwok, module: "sigs.k8s.io/kwok", version: "v0.8.0", pkg: "sigs.k8s.io/kwok/cmd/kwok"},
				{
					name: Prometheus, module: "github.com/prometheus/prometheus", version: "v0.315.0",
					pkg: "github.com/prometheus/prometheus/cmd/prometheus",
				},
				{name: Helm, module: "helm.sh/helm/v4", version: "v4.3.1", pkg: "helm.sh/helm/v4/cmd/helm"},
			},
			staging: "v0.37.2", ldflags: sayVersion, main: etcdMain,
			tags: "remove_all_sd", // Prometheus finds its targets in its configuration
		},
		{components: []component{
			{name: KEDAOperator, module: keda, version: kedaVersion, pkg: "github.com/kedacore/keda/v2/cmd/operator"},
			{name: KEDAAdapter, module: keda, version: kedaVersion, pkg: "github.com/kedacore/keda/v2/cmd/adapter"},
		}},
	}
}

// Names returns the name of every component, in the order of building.
func Names() []string {
	var names []string
	for _, r := range recipes() {
		for _, c := range r.components {
			names = append(names, c.name)
		}
	}
	return names
}

// Groups returns the names in the order of building, those that are built together in one element. Unknown names are left out.
func Groups(names []string) [][]string {
	var groups [][]string
	for _, r := range recipes() {
		var group []string
		for _, c := range r.components {
			if slices.Contains(names, c.name) {
				group = append(group, c.name)
			}
		}
		if len(group) > 0 {
			groups = append(groups, group)
		}
	}
	return groups
}

// find returns the named component and its recipe.
func find(name string) (component, recipe, error) {
	for _, r := range recipes() {
		for _, c := range r.components {
			if c.name == name {
				return c, r, nil
			}
		}
	}
	return component{}, recipe{}, fmt.Errorf("no component is named %q: there are %v", name, Names())
}

// Version returns the version of the module that the named component is built from.
func Version(name string) (string, error) {
	c, _, err := find(name)
	return c.version, err
}

// Folder returns the folder that holds the binaries. It makes none.
func Folder() (string, error) {
	if folder := os.Getenv("FORETHOUGHT_E2E_CACHE"); folder != "" {
		return filepath.Abs(folder)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("FORETHOUGHT_E2E_CACHE names no folder: %w", err)
	}
	return filepath.Join(cache, "forethought-e2e"), nil
}

// place returns where the binary lies or will lie.
func (c component) place(folder string) string { return filepath.Join(folder, c.name+"-"+c.version) }
