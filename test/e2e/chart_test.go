package e2e

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/test/e2e/cluster"
	"github.com/forethought-autoscaler/forethought/test/e2e/components"
)

var rewrite = flag.Bool("rewrite", false, "write golden files instead of comparing them")

const (
	chartFolder = "../../deploy/chart/forethought"
	chartData   = "testdata/chart"
)

// doors are the switches of the chart: with each on and off there are 256 charts.
var doors = []string{
	"externalMetrics", "keda", "nodes", "actuators.scale", "actuators.capacityBuffer", "actuators.hpaFloor", "migration", "killSwitch",
}

// helm runs Helm on the chart, away from the user's own Helm, and returns what it prints.
func helm(t testing.TB, args ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(components.Path(t, components.Helm), args...)
	home := t.TempDir()
	cmd.Env = append(os.Environ(), "HOME="+home, "HELM_CACHE_HOME="+home, "HELM_CONFIG_HOME="+home, "HELM_DATA_HOME="+home)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("helm %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// render returns the chart as it is installed as forethought in the namespace forethought.
func render(t testing.TB, args ...string) (string, error) {
	t.Helper()
	return helm(t, append([]string{"template", "forethought", chartFolder, "--namespace=forethought"}, args...)...)
}

func valuesFile(name string) string {
	return "--values=" + filepath.Join(chartData, name+".values.yaml")
}

// chartCluster returns an API server with the namespaces of the chart and its examples, which take pods of the restricted profile only, and
// with every kind that they use.
func chartCluster(t *testing.T) *cluster.Cluster {
	c := cluster.Start(t, cluster.API)
	for _, name := range []string{"forethought", "batch"} {
		c.Apply(fmt.Sprintf(`{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {pod-security.kubernetes.io/enforce: restricted,
			pod-security.kubernetes.io/warn: restricted}}}`, name))
	}
	var names []string
	args := []string{"apply", "--server-side"}
	for _, k := range foreignKinds(t) {
		names, args = append(names, "crd/"+k.name), append(args, "--filename="+k.file)
	}
	if _, err := c.Kubectl(args...); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Kubectl(append([]string{"wait", "--for=condition=Established", "--timeout=60s"}, names...)...); err != nil {
		t.Fatal(err)
	}
	c.CapacityBufferCRD()
	return c
}

// foreignKind is the definition of a kind of somebody else's, as they publish it.
type foreignKind struct{ name, file string }

func foreignKinds(t *testing.T) []foreignKind {
	t.Helper()
	keda, err := components.Source(t.Context(), components.KEDAOperator)
	if err != nil {
		t.Fatal(err)
	}
	keda = filepath.Join(keda, "config/crd/bases")
	operator := filepath.Join(moduleFolder(t, "github.com/prometheus-operator/prometheus-operator@v0.85.0"), "example/prometheus-operator-crd")
	certs := filepath.Join(moduleFolder(t, "github.com/cert-manager/cert-manager@v1.19.1"), "deploy/crds")
	machines := filepath.Join(moduleFolder(t, "sigs.k8s.io/cluster-api@v1.11.0"), "config/crd/bases")
	return []foreignKind{
		{"scaledobjects.keda.sh", filepath.Join(keda, "keda.sh_scaledobjects.yaml")},
		{"triggerauthentications.keda.sh", filepath.Join(keda, "keda.sh_triggerauthentications.yaml")},
		{"servicemonitors.monitoring.coreos.com", filepath.Join(operator, "monitoring.coreos.com_servicemonitors.yaml")},
		{"prometheusrules.monitoring.coreos.com", filepath.Join(operator, "monitoring.coreos.com_prometheusrules.yaml")},
		{"certificates.cert-manager.io", filepath.Join(certs, "cert-manager.io_certificates.yaml")},
		{"machinedeployments.cluster.x-k8s.io", filepath.Join(machines, "cluster.x-k8s.io_machinedeployments.yaml")},
	}
}

// moduleFolder returns the folder of a module, which the Go command fetches where it is not there, and checks.
func moduleFolder(t *testing.T, module string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "mod", "download", "-json", module)
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "GOWORK=off")
	out, err := cmd.Output()
	var found struct{ Dir, Error string }
	if jsonErr := json.Unmarshal(out, &found); err != nil || jsonErr != nil || found.Dir == "" {
		t.Fatalf("go mod download %s: %v %v: %s", module, err, jsonErr, found.Error)
	}
	return found.Dir
}

// accepts asks the API server whether it would take the manifest. A warning, such as of a pod that is not of the restricted profile, is a
// refusal.
func accepts(c *cluster.Cluster, manifest string) error {
	_, err := c.KubectlAs(c.Kubeconfig(), manifest, "apply", "--server-side", "--dry-run=server", "--warnings-as-errors", "--filename=-")
	return err
}

func TestChartLint(t *testing.T) {
	binary(t)
	for _, name := range []string{"config", "minimal", "everything", "split", "embedded"} {
		if out, err := helm(t, "lint", "--strict", chartFolder, valuesFile(name)); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if out, err := helm(t, "lint", "--strict", chartFolder); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestChart has a real API server check what the chart makes, and the manifests beside it.
func TestChart(t *testing.T) {
	program := binary(t)
	c := chartCluster(t)
	t.Run("Doors", func(t *testing.T) { testDoors(t, c) })
	t.Run("Golden", func(t *testing.T) { testGolden(t, c, program) })
	t.Run("Manifests", func(t *testing.T) { testManifests(t, c) })
	t.Run("Install", func(t *testing.T) { testInstall(t, c) })
}

// testDoors has every combination of doors checked.
func testDoors(t *testing.T, c *cluster.Cluster) {
	begin := time.Now()
	const batch = 16 // what one kubectl is given: to start it takes longer than to check a chart
	firsts := make(chan int)
	var workers sync.WaitGroup
	for range runtime.NumCPU() + 1 {
		workers.Go(func() {
			for n := range firsts {
				testCombinations(t, c, n, n+batch)
			}
		})
	}
	for n := 0; n < 1<<len(doors); n += batch {
		firsts <- n
	}
	close(firsts)
	workers.Wait()
	t.Logf("%d combinations of doors are accepted in %s", 1<<len(doors), time.Since(begin).Round(time.Second))
}

// chosen returns the doors of a combination, one for each bit.
func chosen(n int) []string {
	var out []string
	for i, door := range doors {
		if n&(1<<i) != 0 {
			out = append(out, door)
		}
	}
	return out
}

// testCombinations has the combinations from first up to end checked together, and each for itself where something is wrong.
func testCombinations(t *testing.T, c *cluster.Cluster, first, end int) {
	manifests := map[int]string{}
	var all strings.Builder
	for n := first; n < end; n++ {
		args := []string{valuesFile("config")}
		for _, door := range chosen(n) {
			args = append(args, "--set=doors."+door+".enabled=true")
		}
		manifest, err := render(t, args...)
		if err != nil {
			t.Errorf("%s: %v", strings.Join(chosen(n), ", "), err)
			continue
		}
		manifests[n] = manifest
		all.WriteString(manifest)
	}
	if accepts(c, all.String()) == nil {
		return
	}
	refused := false
	for n, manifest := range manifests {
		if err := accepts(c, manifest); err != nil {
			refused = true
			t.Errorf("%s: %v", strings.Join(chosen(n), ", "), err)
		}
	}
	if !refused {
		t.Errorf("combinations %d to %d are accepted alone and refused together", first, end-1)
	}
}

// generated matches what Helm makes anew each time: keys and certificates.
var generated = regexp.MustCompile(`((?:tls\.crt|tls\.key|ca\.crt|caBundle): )[A-Za-z0-9+/=]{300,}`)

// testGolden compares what representative values make, has it checked, and has the program check the configuration.
func testGolden(t *testing.T, c *cluster.Cluster, program string) {
	for _, name := range []string{"minimal", "everything", "split", "embedded"} {
		manifest, err := render(t, valuesFile(name))
		if err != nil {
			t.Error(err)
			continue
		}
		compareGolden(t, filepath.Join(chartData, name+".yaml"), generated.ReplaceAllString(manifest, "${1}GENERATED"))
		if err := accepts(c, manifest); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		checkConfigs(t, program, name, manifest)
	}
}

func compareGolden(t *testing.T, file, have string) {
	t.Helper()
	if *rewrite {
		if err := os.WriteFile(file, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if have != string(want) {
		t.Errorf("%s is not what the chart makes: run go test -run TestChart/Golden -rewrite and look at the difference", file)
	}
}

// checkConfigs has the program check each configuration that the ConfigMap of a manifest holds.
func checkConfigs(t *testing.T, program, name, manifest string) {
	t.Helper()
	folder := t.TempDir()
	found := 0
	for _, o := range objects(t, manifest) {
		if o.GetKind() != "ConfigMap" {
			continue
		}
		data, _ := o.Object["data"].(map[string]any)
		for file, text := range data {
			if err := os.WriteFile(filepath.Join(folder, file), []byte(text.(string)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, file := range []string{"forethought.yml", "adapter.yml"} {
			if data[file] == nil {
				continue
			}
			found++
			if out, err := exec.Command(program, "check", "config", filepath.Join(folder, file)).CombinedOutput(); err != nil {
				t.Errorf("%s: %s: %v\n%s", name, file, err, out)
			}
		}
	}
	if found == 0 {
		t.Errorf("%s: no configuration is there", name)
	}
}

// testManifests has every example checked, by the definitions of the kinds as their owners publish them.
func testManifests(t *testing.T, c *cluster.Cluster) {
	files, err := filepath.Glob("../../deploy/manifests/*.yaml")
	if err != nil || len(files) < 10 {
		t.Fatalf("only %d manifests found: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := accepts(c, string(text)); err != nil {
			t.Errorf("%s: %v", filepath.Base(file), err)
		}
	}
}
