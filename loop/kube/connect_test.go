package kube

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/kubernetes/scheme"
)

// kubeconfig returns a file that leads to an API server, with a namespace, which may be empty.
func kubeconfig(t *testing.T, url, namespace string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf(`{apiVersion: v1, kind: Config, current-context: c, contexts: [{name: c, context: {cluster: k, user: u, namespace: %q}}],
  clusters: [{name: k, cluster: {server: %q}}], users: [{name: u, user: {}}]}`, namespace, url)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// quietLog drops what is logged.
func quietLog() *slog.Logger { return slog.New(slog.DiscardHandler) }

func TestConnectErrors(t *testing.T) {
	f := func(path, want string) {
		t.Helper()
		if _, err := Connect(path, quietLog()); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	f("", "this process is not in a pod, and no kubeconfig leads to a cluster")
	missing := filepath.Join(t.TempDir(), "missing")
	f(missing, "kubeconfig "+missing+": ")
	file := kubeconfig(t, "http://127.0.0.1:1", "")
	if err := os.WriteFile(file, []byte("{apiVersion: v1, kind: Config}"), 0o600); err != nil {
		t.Fatal(err)
	}
	f(file, "kubeconfig "+file+": ")
	f(kubeconfig(t, "http://[bad", ""), "connect to the cluster at http://[bad: ")
	t.Setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1")
	t.Setenv("KUBERNETES_SERVICE_PORT", "1")
	f("", "service account of the pod: ")
	if _, err := Connect(file, nil); err == nil {
		t.Error("connected without a log")
	}
}

// api is an API server that keeps what is asked of it.
type api struct {
	mu     sync.Mutex
	agents map[string]bool
	events []string
	posted chan struct{}
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.agents[r.UserAgent()] = true
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Warning", `299 - "this version will end"`)
	if r.Method != http.MethodPost {
		fmt.Fprint(w, `{"kind":"NodeList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"n"}}]}`)
		return
	}
	body, _ := io.ReadAll(r.Body)
	decoded, _, err := scheme.Codecs.UniversalDeserializer().Decode(body, nil, nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer, _ := json.Marshal(decoded)
	a.events = append(a.events, r.URL.Path+" "+string(answer))
	w.WriteHeader(http.StatusCreated)
	_, _ = w.Write(answer)
	a.posted <- struct{}{}
}

func TestConnection(t *testing.T) {
	a := &api{agents: map[string]bool{}, posted: make(chan struct{}, 1)}
	server := httptest.NewServer(a)
	defer server.Close()
	text := &logs{}
	c, err := Connect(kubeconfig(t, server.URL, "ours"), slog.New(slog.NewTextHandler(text, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		t.Fatal(err)
	}
	defer server.CloseClientConnections()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	if c.Namespace() != "ours" {
		t.Errorf("namespace %q, want ours", c.Namespace())
	}
	soon, enough := context.WithTimeout(ctx, 15*time.Second)
	defer enough()
	for range 100 { // client-go's own limit is 10 at once, then 5 a second, and refuses to wait beyond the deadline
		if _, err = c.Client.CoreV1().Nodes().List(soon, metav1.ListOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	list, err := c.Dynamic.Resource(corev1.SchemeGroupVersion.WithResource("nodes")).List(ctx, metav1.ListOptions{})
	if err != nil || len(list.Items) != 1 {
		t.Errorf("got %v, %v", list, err)
	}
	about := &corev1.ObjectReference{Kind: "ConfigMap", APIVersion: "v1", Namespace: "ours", Name: "first"}
	for i := range 100 { // what is recorded before Run has begun is dropped
		c.Events.Eventf(about, nil, corev1.EventTypeWarning, "Reason", fmt.Sprintf("Action%d", i), "since %d", 1)
		select {
		case <-a.posted:
		case <-time.After(50 * time.Millisecond):
			continue
		}
		break
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.agents) != 1 || !a.agents["forethought"] {
		t.Errorf("user agents %v, want forethought", a.agents)
	}
	if len(a.events) == 0 || !strings.HasPrefix(a.events[0], "/apis/events.k8s.io/v1/namespaces/ours/events ") ||
		!strings.Contains(a.events[0], `"reportingController":"forethought"`) || !strings.Contains(a.events[0], `"note":"since 1"`) {
		t.Errorf("got events %q", a.events)
	}
	if text.count("this version will end") == 0 {
		t.Error("the API server's warning is not logged")
	}
	if text.count("level=ERROR")+text.count("level=INFO")+text.count("level=WARN") > 0 {
		t.Errorf("the libraries' log is not quiet:\n%s", text)
	}
}

func TestNamespaceOfKubeconfig(t *testing.T) {
	c, err := Connect(kubeconfig(t, "http://127.0.0.1:1", ""), quietLog())
	if err != nil {
		t.Fatal(err)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Run(ended); err != nil {
		t.Error(err)
	}
	if c.Namespace() != "default" {
		t.Errorf("got %q, want default", c.Namespace())
	}
}

// A kind that is installed later is found, without asking each time for one that is not.
func TestMapperAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := fake.NewClientset()
		client.Resources = []*metav1.APIResourceList{{GroupVersion: "v1", APIResources: []metav1.APIResource{{Name: "nodes", Kind: "Node"}}}}
		m := newMapper(client.Discovery())
		buffers := schema.GroupKind{Group: "autoscaling.x-k8s.io", Kind: "CapacityBuffer"}
		find := func(want bool) {
			t.Helper()
			found, err := m.RESTMapping(buffers)
			if want != (err == nil) || !want && !meta.IsNoMatchError(err) {
				t.Errorf("got %v, %v", found, err)
			}
		}
		if node, err := m.RESTMapping(schema.GroupKind{Kind: "Node"}); err != nil || node.Resource.Resource != "nodes" {
			t.Fatalf("got %v, %v", node, err)
		}
		find(false)
		asked := len(client.Actions())
		for range 100 {
			find(false)
		}
		if more := len(client.Actions()) - asked; more > 0 {
			t.Errorf("asked %d times in a minute", more)
		}
		client.Resources = append(client.Resources, &metav1.APIResourceList{
			GroupVersion: "autoscaling.x-k8s.io/v1beta1", APIResources: []metav1.APIResource{{Name: "capacitybuffers", Kind: "CapacityBuffer"}},
		})
		find(false)
		time.Sleep(time.Minute)
		find(true)
		gvr := schema.GroupVersionResource{Resource: "capacitybuffers"}
		if kind, err := m.KindFor(gvr); err != nil || kind.GroupKind() != buffers {
			t.Errorf("kind: got %v, %v", kind, err)
		}
		if r, err := m.ResourceFor(gvr); err != nil || r.Version != "v1beta1" {
			t.Errorf("resource: got %v, %v", r, err)
		}
	})
}
