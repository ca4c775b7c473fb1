package components

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Path returns the binary of the named component and builds it first where it is not there. A build that fails ends the test with what
// the Go command printed.
func Path(t testing.TB, name string) string {
	t.Helper()
	return Paths(t, name)[name]
}

// Paths is Path for several components, by name; those that share packages are built together.
func Paths(t testing.TB, names ...string) map[string]string {
	t.Helper()
	paths, err := Build(context.Background(), names...)
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// Build returns the binaries of the named components by name and builds those that are not there. It waits for another process that
// builds.
func Build(ctx context.Context, names ...string) (map[string]string, error) {
	folder, err := Folder()
	if err != nil {
		return nil, err
	}
	paths, missing, err := look(folder, names)
	if err != nil || len(missing) == 0 {
		return paths, err
	}
	unlock, err := lock(folder)
	if err != nil {
		return nil, err
	}
	defer unlock()
	// Another process may have built them in the meantime.
	if _, missing, err = look(folder, names); err != nil {
		return nil, err
	}
	if err := sweep(folder); err != nil {
		return nil, err
	}
	for _, group := range Groups(missing) {
		_, r, err := find(group[0])
		if err != nil {
			return nil, err
		}
		if err := r.build(ctx, folder, group); err != nil {
			return nil, fmt.Errorf("build %s: %w", strings.Join(group, ", "), err)
		}
	}
	return paths, nil
}

// scratchFolder begins the names of the folders that are built in.
const scratchFolder = ".build-"

// sweep removes what builds have left that were killed. Nobody builds while it runs.
func sweep(folder string) error {
	left, err := filepath.Glob(filepath.Join(folder, scratchFolder+"*"))
	if err != nil {
		return err
	}
	var errs []error
	for _, scratch := range left {
		errs = append(errs, os.RemoveAll(scratch))
	}
	return errors.Join(errs...)
}

// look returns the place of each named component and the names of those that are not there.
func look(folder string, names []string) (paths map[string]string, missing []string, err error) {
	paths = map[string]string{}
	for _, name := range names {
		c, _, err := find(name)
		if err != nil {
			return nil, nil, err
		}
		paths[name] = c.place(folder)
		if _, err := os.Stat(paths[name]); errors.Is(err, fs.ErrNotExist) {
			missing = append(missing, name)
		} else if err != nil {
			return nil, nil, err
		}
	}
	return paths, missing, nil
}

// lock waits until no other process builds and returns what lets the next one begin. The kernel releases it when the process ends.
func lock(folder string) (unlock func(), err error) {
	if err = os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(filepath.Join(folder, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for err = syscall.EINTR; errors.Is(err, syscall.EINTR); {
		err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX)
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", file.Name(), err)
	}
	return func() { _ = file.Close() }, nil
}
