package forethought_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/forethought-autoscaler/forethought/"

// floors says on which floor each folder lives. A package imports lower floors only.
var floors = map[string]int{
	"series": 0, "config": 0, "forecast": 1, "pool": 2, "plot": 3, "loop": 3, "exporter": 3, "adapter": 3, "rules": 3, "demo": 4, "replay": 4, "cmd": 5,
}

// fences says which packages may import a heavy module; a prefix with a slash at its end covers everything below.
var fences = map[string][]string{
	"github.com/prometheus/prometheus/":       {"series/embedded"},
	"k8s.io/":                                 {"adapter/externalmetrics", "loop/kube", "loop/actuator", "loop/migrate"},
	"k8s.io/apiserver/":                       {"adapter/externalmetrics"},
	"sigs.k8s.io/":                            {"adapter/externalmetrics"},
	"google.golang.org/grpc":                  {"adapter/keda"},
	"github.com/alecthomas/kingpin/":          {"cmd/forethought"},
	"github.com/oklog/run":                    {"cmd/forethought"},
	module + "config":                         {"cmd/forethought"},
	"github.com/prometheus/exporter-toolkit/": {"cmd/forethought"},
}

// pure are the folders without a clock, I/O or global randomness, and what they therefore do not import.
var (
	pure    = []string{"forecast", "pool"}
	effects = []string{"net", "os", "log", "syscall", "math/rand", "github.com/prometheus/", "k8s.io/", "golang.org/x/sync"}
)

// source is one Go file that is not a test.
type source struct {
	path, dir string
	file      *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	var out []source
	set := token.NewFileSet()
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (path == "test" || path != "." && strings.HasPrefix(d.Name(), ".")):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(set, path, nil, parser.ParseComments)
		out = append(out, source{path: path, dir: filepath.ToSlash(filepath.Dir(path)), file: f})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(out) < 20 {
		t.Fatalf("only %d source files found", len(out))
	}
	return out
}

func imports(f *ast.File) []string {
	var out []string
	for _, spec := range f.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err == nil {
			out = append(out, path)
		}
	}
	return out
}

func top(dir string) string {
	name, _, _ := strings.Cut(dir, "/")
	return name
}

func TestFloors(t *testing.T) {
	for _, s := range sources(t) {
		floor, known := floors[top(s.dir)]
		if !known {
			t.Errorf("%s: folder %s has no floor", s.path, top(s.dir))
			continue
		}
		for _, path := range imports(s.file) {
			if target, ours := strings.CutPrefix(path, module); ours && !mayImport(s.dir, floor, target) {
				t.Errorf("%s: %s, on floor %d, imports %s, on floor %d", s.path, s.dir, floor, target, floors[top(target)])
			}
		}
	}
}

// mayImport: lower floors, and what lies above the package in its own folder. A sub-package of a lower floor is an implementation, which
// only cmd ties to the rest.
func mayImport(dir string, floor int, target string) bool {
	if strings.HasPrefix(dir, target+"/") {
		return true // its own parent
	}
	if top(dir) == top(target) && strings.HasPrefix(target, dir+"/") {
		return dir == "exporter" // the page's assets
	}
	if floors[top(target)] >= floor {
		return false
	}
	return !strings.Contains(target, "/") || top(dir) == "cmd"
}

func TestFences(t *testing.T) {
	for _, s := range sources(t) {
		for _, path := range imports(s.file) {
			for prefix, inside := range fences {
				if strings.HasPrefix(path, prefix) && !slices.Contains(inside, s.dir) {
					t.Errorf("%s: imports %s, which only %v may", s.path, path, inside)
				}
			}
		}
	}
}

func TestPureFloors(t *testing.T) {
	for _, s := range sources(t) {
		if !slices.Contains(pure, top(s.dir)) {
			continue
		}
		for _, path := range imports(s.file) {
			for _, effect := range effects {
				if path == effect || strings.HasPrefix(path, strings.TrimSuffix(effect, "/")+"/") && path != "math/rand/v2" {
					t.Errorf("%s: a pure package imports %s", s.path, path)
				}
			}
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			call, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			x, ok := call.X.(*ast.Ident)
			if ok && x.Name == "time" && slices.Contains([]string{"Now", "Since", "Until", "After", "Tick", "Sleep"}, call.Sel.Name) {
				t.Errorf("%s: a pure package calls time.%s", s.path, call.Sel.Name)
			}
			if ok && x.Name == "rand" && call.Sel.Name != "New" && !strings.HasPrefix(call.Sel.Name, "New") && ast.IsExported(call.Sel.Name) &&
				!slices.Contains([]string{"Rand", "Source", "PCG", "ChaCha8"}, call.Sel.Name) {
				t.Errorf("%s: a pure package uses the global random source: rand.%s", s.path, call.Sel.Name)
			}
			return true
		})
	}
}

func TestPackageComments(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		documented[s.dir] = documented[s.dir] || s.file.Doc.Text() != ""
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("package %s has no package comment", dir)
		}
	}
}
