package components

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
)

// scratchModule names the module that components are built in, and with it the binary of its own package.
const scratchModule = "scratch"

// build builds the named components of the recipe in a scratch module and moves each to its place.
func (r recipe) build(ctx context.Context, folder string, names []string) error {
	// The scratch folder lies beside the places, so that a rename does not cross a file system.
	scratch, err := os.MkdirTemp(folder, scratchFolder)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	if err := r.writeModule(ctx, scratch); err != nil {
		return err
	}
	out := filepath.Join(scratch, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		return err
	}
	wanted := slices.DeleteFunc(slices.Clone(r.components), func(c component) bool { return !slices.Contains(names, c.name) })
	args := []string{"build", "-tags", r.tags, "-ldflags", "-s -w " + r.ldflags, "-o", out}
	for _, c := range wanted {
		args = append(args, c.pkg)
	}
	if _, err := goCommand(ctx, scratch, args...); err != nil {
		return err
	}
	for _, c := range wanted {
		program := filepath.Base(c.pkg)
		if c.pkg == "." {
			program = scratchModule
		}
		if err := os.Rename(filepath.Join(out, program), c.place(folder)); err != nil {
			return err
		}
	}
	return nil
}

// writeModule writes the module that the components are built in. It requires the modules of all components, whichever are built, so
// that a component is the same whatever it is built with.
func (r recipe) writeModule(ctx context.Context, scratch string) error {
	var requires []string
	for _, c := range r.components {
		if line := c.module + " " + c.version; !slices.Contains(requires, line) {
			requires = append(requires, line)
		}
	}
	if r.staging != "" {
		libraries, err := r.libraries(ctx)
		if err != nil {
			return err
		}
		requires = append(requires, libraries...)
	}
	text := fmt.Sprintf("module %s\n\ngo 1.26.0\n\nrequire (\n\t%s\n)\n", scratchModule, strings.Join(requires, "\n\t"))
	if err := os.WriteFile(filepath.Join(scratch, "go.mod"), []byte(text), 0o644); err != nil || r.main == "" {
		return err
	}
	return os.WriteFile(filepath.Join(scratch, "main.go"), []byte(r.main), 0o644)
}

// staged is a library that k8s.io/kubernetes replaces by a folder of its own.
var staged = regexp.MustCompile(`(?m)^\s+(k8s\.io/\S+) v0\.0\.0(?:$| //)`)

// libraries returns the libraries of k8s.io/kubernetes, each with the version to require.
func (r recipe) libraries(ctx context.Context) ([]string, error) {
	d, err := fetch(ctx, kubernetes, kubernetesVersion)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(d.GoMod)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, match := range staged.FindAllSubmatch(text, -1) {
		lines = append(lines, string(match[1])+" "+r.staging)
	}
	return lines, nil
}

// download is what the Go command says of a module that it has fetched.
type download struct{ Dir, GoMod string }

// fetch has the Go command bring the module from the module proxy.
func fetch(ctx context.Context, module, version string) (download, error) {
	var d download
	scratch, err := os.MkdirTemp("", "forethought-e2e-")
	if err != nil {
		return d, err
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	// Without a module of its own the Go command would read the one of the folder that it runs in.
	if err = os.WriteFile(filepath.Join(scratch, "go.mod"), []byte("module "+scratchModule+"\n\ngo 1.26.0\n"), 0o644); err != nil {
		return d, err
	}
	out, err := goCommand(ctx, scratch, "mod", "download", "-json", module+"@"+version)
	if err != nil {
		return d, err
	}
	return d, json.Unmarshal(out, &d)
}

// Source returns the folder of the module that the named component is built from, as the module proxy serves it. It is read only.
func Source(ctx context.Context, name string) (string, error) {
	c, _, err := find(name)
	if err != nil {
		return "", err
	}
	d, err := fetch(ctx, c.module, c.version)
	return d.Dir, err
}

// goCommand runs the Go command in the folder. Its error carries what was printed.
func goCommand(ctx context.Context, folder string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod -trimpath -buildvcs=false", "CGO_ENABLED=0", "GOTOOLCHAIN=local", "GOWORK=off")
	// The Go command starts compilers: they are of its process group and end with it.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out, err := cmd.Output()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		return out, fmt.Errorf("go %s: %w\n%s", strings.Join(args, " "), err, exit.Stderr)
	}
	return out, err
}
