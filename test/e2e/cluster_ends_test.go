package e2e_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/forethought-autoscaler/forethought/test/e2e/cluster"
)

// TestEnding is not a test: TestEverythingEnds runs it in a process of its own and says how it ends.
func TestEnding(t *testing.T) {
	how := os.Getenv("FORETHOUGHT_E2E_ENDING")
	if how == "" {
		t.Skip("TestEverythingEnds runs it")
	}
	c := cluster.Start(t, cluster.Options{})
	script := "echo awake; sleep 600 & sleep 600"
	if how == "hang" { // the kernel ends a process with its parent, not with its parent's parent
		script = "echo awake; exec sleep 600"
	}
	p := c.Run(&cluster.Process{Name: "sleeper", Path: "/bin/sh", Args: []string{"-c", script}})
	cluster.WaitFor(t, "the sleeper is awake", 20*time.Second, func() error {
		if !strings.Contains(p.Log(), "awake") {
			return fmt.Errorf("it prints %q", p.Log())
		}
		return nil
	})
	fmt.Printf("\npid %d\n", p.PID())
	switch how {
	case "fail":
		t.Fatal("as asked")
	case "panic":
		panic("as asked")
	case "subtest":
		t.Run("of", func(t *testing.T) {
			c.In(t)
			t.Error("as asked")
		})
	case "hang":
		time.Sleep(time.Hour)
	}
}

// TestEverythingEnds proves that no process outlives its test however that ends, and that logs are kept where it has failed only.
func TestEverythingEnds(t *testing.T) {
	cluster.Binary(t)
	f := func(how string, kept bool) {
		t.Helper()
		logs := t.TempDir()
		cmd := exec.Command(os.Args[0], "-test.run=^TestEnding$", "-test.v")
		cmd.Env = append(os.Environ(), "FORETHOUGHT_E2E_ENDING="+how, "FORETHOUGHT_E2E_LOGS="+logs)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err = cmd.Start(); err != nil {
			t.Fatal(err)
		}
		pid := 0
		var text strings.Builder
		for lines := bufio.NewScanner(out); lines.Scan(); {
			text.WriteString(lines.Text() + "\n")
			if number, ok := strings.CutPrefix(lines.Text(), "pid "); ok {
				pid, _ = strconv.Atoi(number)
				if how == "hang" {
					_ = cmd.Process.Kill()
				}
			}
		}
		_ = cmd.Wait()
		printed := text.String()
		if pid == 0 {
			t.Fatalf("%s: no process was started:\n%s", how, printed)
		}
		cluster.WaitFor(t, how+": the process group is gone", 20*time.Second, func() error {
			if left := group(t, pid); len(left) > 0 {
				return fmt.Errorf("%v are there", left)
			}
			return nil
		})
		files, _ := filepath.Glob(filepath.Join(logs, "*", "sleeper.log"))
		if (len(files) == 1) != kept {
			t.Errorf("%s: the logs that are kept are %v:\n%s", how, files, printed)
		}
		named := strings.Contains(printed, "logs are kept in "+logs) && strings.Contains(printed, "awake")
		if how != "hang" && named != kept {
			t.Errorf("%s: that logs are kept is said: %v, want %v:\n%s", how, named, kept, printed)
		}
	}
	f("pass", false)
	f("fail", true)
	f("subtest", true)
	f("panic", true)
	f("hang", true) // killed: nobody can say where the logs are
}

// group returns the processes of a process group that run. One that has ended and that nobody has waited for yet does not count.
func group(t *testing.T, pgid int) (running []string) {
	t.Helper()
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(files) == 0 {
		t.Fatalf("no processes are seen: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has just ended
		}
		// The name, which stands in parentheses, may hold anything; state, parent and group follow.
		name, rest, _ := strings.Cut(string(text), ") ")
		if fields := strings.Fields(rest); len(fields) > 2 && fields[0] != "Z" && fields[2] == strconv.Itoa(pgid) {
			running = append(running, name+")")
		}
	}
	return running
}
