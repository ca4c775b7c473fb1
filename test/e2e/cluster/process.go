package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a program that runs in a process group of its own. It ends with the test that started it, with this process, or when it is
// told to. What it prints goes to its log file; a Process that is started again appends to the same file.
type Process struct {
	// Name is that of the log file, without .log.
	Name string
	// Path, Args and Env are what is run. Env comes on top of the environment of the tests.
	Path string
	Args []string
	Env  []string

	log  string
	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
}

// threads runs functions on one thread that lives as long as this process: the kernel ends a child that has a parent-death signal with
// the thread that started it.
var threads = sync.OnceValue(func() chan<- func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// Start runs the process, again where it has ended.
func (p *Process) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil && !ended(p.done) {
		return fmt.Errorf("%s runs already", p.Name)
	}
	file, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	defer file.Close()
	cmd := exec.Command(p.Path, p.Args...)
	cmd.Env = append(os.Environ(), p.Env...)
	cmd.Stdout, cmd.Stderr = file, file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	threads() <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	done := make(chan struct{})
	p.cmd, p.done = cmd, done
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	return nil
}

func ended(done <-chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// running returns what runs and the channel that is closed when it ends, or nil and nil before the first start.
func (p *Process) running() (*exec.Cmd, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd, p.done
}

// Signal sends the signal to the process and to all that it started. A process that has ended gets none.
func (p *Process) Signal(signal syscall.Signal) {
	if cmd, done := p.running(); cmd != nil && !ended(done) {
		_ = syscall.Kill(-cmd.Process.Pid, signal)
	}
}

// Kill ends the process as a crash does and returns when it has ended.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	if _, done := p.running(); done != nil {
		<-done
	}
}

// Stop ends the process as its user does and returns its exit status: -1 where it does not end within fifteen seconds and is killed.
func (p *Process) Stop() int {
	p.Signal(syscall.SIGTERM)
	cmd, done := p.running()
	if cmd == nil {
		return -1
	}
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		p.Kill()
	}
	return cmd.ProcessState.ExitCode()
}

// Ended reports whether the process is not running.
func (p *Process) Ended() bool {
	cmd, done := p.running()
	return cmd == nil || ended(done)
}

// PID returns the process's number, which is that of its group, or 0 before the first start.
func (p *Process) PID() int {
	cmd, _ := p.running()
	if cmd == nil {
		return 0
	}
	return cmd.Process.Pid
}

// RSS returns the memory that the process holds, in bytes, or an error where it has ended.
func (p *Process) RSS() (uint64, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.PID()))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(rest), "kB")), 10, 64)
			return n << 10, err
		}
	}
	return 0, errors.New(p.Name + " holds no memory: it has ended")
}

// LogFile returns the path of the file that holds what the process has printed since its first start.
func (p *Process) LogFile() string { return p.log }

// Log returns what the process has printed since its first start.
func (p *Process) Log() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// tail returns the last n lines of a log file.
func tail(file string, n int) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := bytes.SplitAfter(bytes.TrimRight(text, "\n"), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-n):], nil))
}

// Run starts a program that logs into the cluster's folder under the given name and ends with the test.
func (c *Cluster) Run(p *Process) *Process {
	c.t.Helper()
	p.log = filepath.Join(c.logs, p.Name+".log")
	if err := p.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.keep(p)
	return p
}

// keep has the process end with the test.
func (c *Cluster) keep(p *Process) {
	c.mu.Lock()
	c.processes = append(c.processes, p)
	c.mu.Unlock()
	c.t.Cleanup(p.Kill)
}

// WaitFor asks again until f returns no error, every 100 ms; past the limit the test ends with the last error. It may be called from a
// clean-up.
func WaitFor(t testing.TB, what string, limit time.Duration, f func() error) {
	t.Helper()
	deadline := time.Now().Add(limit)
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not so within %s: %s: %v", limit, what, err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}
