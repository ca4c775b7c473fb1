package components

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// program is a recipe whose source imports the standard library only.
func program(source string) recipe {
	return recipe{main: source, components: []component{{name: "tool", module: "golang.org/x/sys", version: "v0.47.0", pkg: "."}}}
}

func left(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func TestEveryNameHasAPlace(t *testing.T) {
	t.Setenv("FORETHOUGHT_E2E_CACHE", "/cache")
	f := func(name, want string) {
		t.Helper()
		c, _, err := find(name)
		if err != nil || c.place("/cache") != want {
			t.Errorf("%s lies at %s, want %s: %v", name, c.place("/cache"), want, err)
		}
	}
	f(Etcd, "/cache/etcd-v3.7.1")
	f(APIServer, "/cache/kube-apiserver-v1.37.2")
	f(Kwok, "/cache/kwok-v0.8.0")
	f(Prometheus, "/cache/prometheus-v0.315.0")
	f(Helm, "/cache/helm-v4.3.1")
	f(KEDAAdapter, "/cache/keda-adapter-v2.21.0")
	if len(Names()) != 10 {
		t.Errorf("the names are %v", Names())
	}
	if groups := Groups(Names()); len(groups) != 2 || !slices.Equal(groups[1], []string{KEDAOperator, KEDAAdapter}) {
		t.Errorf("the groups are %v", groups)
	}
	if _, err := Build(context.Background(), "etcdd"); err == nil || !strings.Contains(err.Error(), "kube-apiserver") {
		t.Errorf("a name that is no component's gives %v, want the names there are", err)
	}
}

func TestABuildIsWholeOrNotThere(t *testing.T) {
	folder := t.TempDir()
	err := program("package main\n\nfunc main() { undefined() }\n").build(t.Context(), folder, []string{"tool"})
	if err == nil || !strings.Contains(err.Error(), "undefined: undefined") {
		t.Errorf("a build that fails says %v, want what the compiler printed", err)
	}
	if names := left(t, folder); len(names) > 0 {
		t.Errorf("a build that fails leaves %v", names)
	}
	if err := program("package main\n\nfunc main() {}\n").build(t.Context(), folder, []string{"tool"}); err != nil {
		t.Fatal(err)
	}
	if names := left(t, folder); !slices.Equal(names, []string{"tool-v0.47.0"}) {
		t.Errorf("a build leaves %v", names)
	}
}

// TestOneProcessBuilds has a second process find what the first has built while it waited.
func TestOneProcessBuilds(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("FORETHOUGHT_E2E_CACHE", folder)
	unlock, err := lock(folder)
	if err != nil {
		t.Fatal(err)
	}
	type answer struct {
		paths map[string]string
		err   error
	}
	answers := make(chan answer)
	go func() {
		paths, err := Build(t.Context(), Etcd)
		answers <- answer{paths, err}
	}()
	select {
	case a := <-answers:
		t.Fatalf("a build does not wait for another: %v", a)
	case <-time.After(50 * time.Millisecond):
	}
	place := filepath.Join(folder, "etcd-v3.7.1")
	if err := os.WriteFile(place, []byte("built"), 0o755); err != nil {
		t.Fatal(err)
	}
	unlock()
	if a := <-answers; a.err != nil || a.paths[Etcd] != place {
		t.Errorf("after another has built, a build answers %v", a)
	}
	if built, err := os.ReadFile(place); err != nil || string(built) != "built" {
		t.Errorf("what another process has built is replaced: %q %v", built, err)
	}
}

func TestWhatAKilledBuildLeavesGoes(t *testing.T) {
	folder := t.TempDir()
	for _, name := range []string{scratchFolder + "1", "etcd-v3.7.1"} {
		if err := os.Mkdir(filepath.Join(folder, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := sweep(folder); err != nil {
		t.Fatal(err)
	}
	if names := left(t, folder); !slices.Equal(names, []string{"etcd-v3.7.1"}) {
		t.Errorf("there are %v", names)
	}
}

func TestStagedLibraries(t *testing.T) {
	const text = "require (\n\tk8s.io/api v0.0.0\n\tk8s.io/klog/v2 v2.140.0\n\tk8s.io/kms v0.0.0 // indirect\n)\n" +
		"replace (\n\tk8s.io/api => ./staging/api\n)\n"
	var got []string
	for _, match := range staged.FindAllStringSubmatch(text, -1) {
		got = append(got, match[1])
	}
	if want := []string{"k8s.io/api", "k8s.io/kms"}; !slices.Equal(got, want) {
		t.Errorf("the libraries are %v, want %v", got, want)
	}
}
