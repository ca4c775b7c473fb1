package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"sync"
)

// killSwitches are the kill switches set while running, kept in a file so that a restart does not let go of one.
type killSwitches struct {
	path string
	mu   sync.Mutex
	on   map[string]bool
}

// openKillSwitches reads the switches kept in a folder, which need not exist.
func openKillSwitches(folder string) (*killSwitches, error) {
	k := &killSwitches{path: filepath.Join(folder, "kill-switches.json"), on: map[string]bool{}}
	data, err := os.ReadFile(k.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return k, nil
	case err != nil:
		return nil, fmt.Errorf("read kill switches: %w", err)
	}
	if err := json.Unmarshal(data, &k.on); err != nil {
		return nil, fmt.Errorf("read kill switches: %s: %w; mend or remove the file", k.path, err)
	}
	if k.on == nil { // the file says null
		k.on = map[string]bool{}
	}
	return k, nil
}

// all returns the fleets whose switch is on. The caller owns the answer.
func (k *killSwitches) all() map[string]bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return maps.Clone(k.on)
}

// set keeps one fleet's switch. The file is replaced as a whole, so that a crash leaves the old or the new one.
func (k *killSwitches) set(fleet string, on bool) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	next := maps.Clone(k.on)
	delete(next, fleet)
	if on {
		next[fleet] = true
	}
	if err := k.write(next); err != nil {
		return fmt.Errorf("keep the kill switch of %s: %w", fleet, err)
	}
	k.on = next
	return nil
}

func (k *killSwitches) write(on map[string]bool) error {
	data, err := json.Marshal(on)
	if err != nil {
		return err
	}
	if err = os.MkdirAll(filepath.Dir(k.path), 0o750); err != nil {
		return err
	}
	f, err := os.Create(k.path + ".tmp")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), k.path)
}
