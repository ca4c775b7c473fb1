package e2e

import (
	"debug/elf"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/util/yaml"
)

// TestChartRefuses: a wrong value is refused by its name, before anything is installed.
func TestChartRefuses(t *testing.T) {
	binary(t)
	f := func(want string, args ...string) {
		t.Helper()
		_, err := render(t, append([]string{valuesFile("config")}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", args, err, want)
		}
	}
	// The schema knows every key and every word.
	f("additional properties 'replica' not allowed", "--set=replica=3")
	f("additional properties 'enable' not allowed", "--set=doors.keda.enable=true")
	f("at '/replicas'", "--set=replicas=two")
	f("at '/replicas'", "--set=replicas=0")
	f("at '/doors/keda/tls/mode'", "--set=doors.keda.tls.mode=none")
	f("at '/doors/nodes/enabled'", "--set-string=doors.nodes.enabled=true")
	f("at '/log/level'", "--set=log.level=verbose")
	f("at '/image/digest'", "--set=image.digest=latest")
	f("at '/networkPolicy/apiServer/cidrs/0'", "--set=networkPolicy.apiServer.cidrs={10.0.0.1}")
	f("additional properties 'a/b' not allowed", "--set=configFiles.a/b=x")

	// What depends on several values is refused by the templates.
	f("image.repository is empty", "--set=image.repository=")
	f("config.fleets is empty", "--set=config.fleets=null")
	f("configFiles has forethought.yml", "--set=configFiles.forethought\\.yml=x")
	f("give one of them", "--set=existingConfigMap=mine")
	f("needs split.enabled: a shard knows its own fleets only", "--set=shards=2,doors.keda.enabled=true")
	f("need replicas: 1 and shards: 1", "--set=persistence.enabled=true")
	f("need replicas: 1 and shards: 1", "--set=config.embedded.path=tsdb")
	f("an adapter cannot read an embedded Prometheus", "--set=split.enabled=true,replicas=1,config.embedded.path=tsdb")
	f("doors.keda.tls.secretName is empty", "--set=doors.keda.enabled=true,doors.keda.tls.mode=secret")
	f("doors.externalMetrics.tls.issuerRef.name is empty", "--set=doors.externalMetrics.enabled=true,doors.externalMetrics.tls.mode=certManager")
	f("doors.externalMetrics.tls.ca is empty",
		"--set=doors.externalMetrics.enabled=true,doors.externalMetrics.tls.mode=secret,doors.externalMetrics.tls.secretName=x")
	f("networkPolicy.prometheus.peers is empty", "--set=networkPolicy.enabled=true")
	f("networkPolicy.apiServer.cidrs is empty", "--set=networkPolicy.enabled=true,doors.nodes.enabled=true,networkPolicy.prometheus.peers[0].podSelector.a=b")

	// A configuration that needs a door which is closed would find out in production.
	f("nodes of pool batch-fixed of fleet batch needs doors.nodes.enabled", "--set=config.fleets[0].pools[0].name=batch-fixed",
		"--set=config.fleets[0].pools[0].nodes.selector=a", "--set=config.fleets[0].name=batch")
	f("policy.migration.act of fleet batch needs doors.migration.enabled", "--set=config.fleets[0].name=batch,config.fleets[0].policy.migration.act=true")
	actuate := `--set-json=config.fleets=[{"name":"batch","pools":[{"name":"p","actuate":[{"kind":"hpa_floor","namespace":"web","name":"x"}]}]}]`
	f("needs doors.actuators.hpaFloor.enabled", actuate)
	f("in namespace web, which doors.actuators.namespaces lacks", actuate, "--set=doors.actuators.hpaFloor.enabled=true,doors.actuators.namespaces={batch}")
}

// valuesSchema is what is needed of a JSON schema here.
type valuesSchema struct {
	Properties map[string]valuesSchema `json:"properties"`
}

// keys returns the paths of all values that are no sections.
func (s valuesSchema) keys(prefix string) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		if p := s.Properties[name]; len(p.Properties) > 0 {
			out = append(out, p.keys(prefix+name+".")...)
		} else {
			out = append(out, prefix+name)
		}
	}
	return out
}

// isIn reports whether a value has the path.
func isIn(values map[string]any, path string) bool {
	name, rest, deeper := strings.Cut(path, ".")
	v, there := values[name]
	if !there || !deeper {
		return there
	}
	inner, ok := v.(map[string]any)
	return ok && isIn(inner, rest)
}

var valueRow = regexp.MustCompile("(?m)^\\| `([A-Za-z.]+)` \\|")

// TestChartValuesAreDocumented: each key of the schema is in values.yaml and in docs/deploy.md, and no other.
func TestChartValuesAreDocumented(t *testing.T) {
	var s valuesSchema
	var values map[string]any
	read := func(file string) []byte {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	if err := json.Unmarshal(read(filepath.Join(chartFolder, "values.schema.json")), &s); err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(read(filepath.Join(chartFolder, "values.yaml")), &values); err != nil {
		t.Fatal(err)
	}
	var documented []string
	_, table, _ := strings.Cut(string(read("../../docs/deploy.md")), "\n## Values\n")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, row := range valueRow.FindAllStringSubmatch(table, -1) {
		documented = append(documented, row[1])
	}
	for _, key := range s.keys("") {
		if key == "global" || strings.Contains(key, ".issuerRef.") { // of Helm, and of cert-manager
			continue
		}
		if !isIn(values, key) {
			t.Errorf("values.yaml lacks %s", key)
		}
		i := slices.Index(documented, key)
		if i < 0 {
			t.Errorf("the values of docs/deploy.md lack %s", key)
			continue
		}
		documented = slices.Delete(documented, i, i+1)
	}
	for _, key := range documented {
		if !isIn(values, key) {
			t.Errorf("docs/deploy.md has %s, which is no value", key)
		}
	}
}

// TestContainerfile: the image has a binary that needs nothing, and the user that the chart runs it as.
func TestContainerfile(t *testing.T) {
	program, err := elf.Open(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	for _, p := range program.Progs {
		if p.Type == elf.PT_INTERP {
			t.Error("the binary is linked dynamically")
		}
	}
	text, err := os.ReadFile("../../deploy/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	_, user, _ := strings.Cut(string(text), "\nUSER ")
	user, _, _ = strings.Cut(user, ":")
	manifest, err := render(t, valuesFile("minimal"))
	if err != nil {
		t.Fatal(err)
	}
	if user == "" || !strings.Contains(manifest, "runAsUser: "+user+"\n") {
		t.Errorf("the image runs as %q, the chart as another", user)
	}
}
