package kube

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/events"
	"k8s.io/klog/v2"
)

// component is how the API server and its events name this program.
const component = "forethought"

// namespaceFile is where a pod finds its own namespace.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// Connection is how one cluster's API server is reached, and what speaks to it. Its fields are safe for concurrent use.
type Connection struct {
	Client  kubernetes.Interface
	Dynamic dynamic.Interface
	// Mapper knows the resources that the API server serves. It asks for them when it is first used, and again where it knows no match.
	Mapper meta.RESTMapper
	// Config leads to the API server. What it yields to is the priority and fairness of that server: no rate is limited here.
	Config *rest.Config
	// Events records events of component forethought. What is recorded before Run begins, or after it ends, is dropped.
	Events events.EventRecorder

	namespace   string
	broadcaster events.EventBroadcaster
	log         *slog.Logger
}

// Connect returns a connection to the cluster that a kubeconfig file leads to, or to that of the pod where the path is empty. It says nothing
// to the API server yet, which need not be there. Run must be called, since it ends what Connect began.
func Connect(kubeconfig string, log *slog.Logger) (*Connection, error) {
	if log == nil {
		return nil, errors.New("kube: the log is missing")
	}
	c := &Connection{log: log}
	var err error
	if c.Config, c.namespace, err = restConfig(kubeconfig); err != nil {
		return nil, err
	}
	c.Config.UserAgent = component
	c.Config.QPS = -1
	c.Config.WarningHandlerWithContext = warnings{log}
	if err := c.open(); err != nil {
		return nil, fmt.Errorf("connect to the cluster at %s: %w", c.Config.Host, err)
	}
	return c, nil
}

// Namespace returns the namespace of the pod, or outside a pod that of the kubeconfig, which is "default" where it names none.
func (c *Connection) Namespace() string { return c.namespace }

// Run sends the events that are recorded until ctx ends.
func (c *Connection) Run(ctx context.Context) error {
	defer c.broadcaster.Shutdown()
	if err := c.broadcaster.StartRecordingToSinkWithContext(quietly(ctx, c.log)); err != nil {
		return fmt.Errorf("record events: %w", err)
	}
	<-ctx.Done()
	return nil
}

// open makes the clients, which share their connections.
func (c *Connection) open() error {
	shared, err := rest.HTTPClientFor(c.Config)
	if err != nil {
		return err
	}
	// Nodes and pods take a third of the time to decode, and half of the bytes. What is not built in has no such form.
	typed := rest.CopyConfig(c.Config)
	typed.ContentType = runtime.ContentTypeProtobuf
	typed.AcceptContentTypes = runtime.ContentTypeProtobuf + "," + runtime.ContentTypeJSON
	client, err := kubernetes.NewForConfigAndClient(typed, shared)
	if err != nil {
		return err
	}
	if c.Dynamic, err = dynamic.NewForConfigAndClient(c.Config, shared); err != nil {
		return err
	}
	c.Client, c.Mapper = client, newMapper(client.Discovery())
	c.broadcaster = events.NewBroadcaster(&events.EventSinkImpl{Interface: client.EventsV1()})
	c.Events = c.broadcaster.NewRecorder(scheme.Scheme, component).WithLogger(quiet(c.log))
	return nil
}

// restConfig returns the configuration of a kubeconfig file, or of the pod where the path is empty, and the namespace to work in.
func restConfig(kubeconfig string) (c *rest.Config, namespace string, err error) {
	if kubeconfig == "" {
		return podConfig()
	}
	loader := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(
		&clientcmd.ClientConfigLoadingRules{ExplicitPath: kubeconfig, WarnIfAllMissing: false}, &clientcmd.ConfigOverrides{})
	if c, err = loader.ClientConfig(); err != nil {
		return nil, "", fmt.Errorf("kubeconfig %s: %w", kubeconfig, err)
	}
	if namespace, _, err = loader.Namespace(); err != nil {
		return nil, "", fmt.Errorf("kubeconfig %s: namespace: %w", kubeconfig, err)
	}
	return c, namespace, nil
}

func podConfig() (c *rest.Config, namespace string, err error) {
	c, err = rest.InClusterConfig()
	switch {
	case errors.Is(err, rest.ErrNotInCluster):
		return nil, "", errors.New("this process is not in a pod, and no kubeconfig leads to a cluster: give --kubernetes.kubeconfig")
	case err != nil:
		return nil, "", fmt.Errorf("service account of the pod: %w", err)
	}
	data, err := os.ReadFile(namespaceFile)
	if err != nil {
		return nil, "", fmt.Errorf("namespace of the pod: %w", err)
	}
	return c, strings.TrimSpace(string(data)), nil
}

// warnings logs what the API server warns of, such as a version that it will not serve for much longer.
type warnings struct{ log *slog.Logger }

// HandleWarningHeaderWithContext logs one warning. Code 299 is the only one that API servers send.
func (w warnings) HandleWarningHeaderWithContext(_ context.Context, code int, agent, text string) {
	if code == 299 && text != "" {
		w.log.Debug("api server warns", "agent", agent, "warning", text)
	}
}

// quietly returns ctx with a log of the Kubernetes libraries that goes to log.
func quietly(ctx context.Context, log *slog.Logger) context.Context {
	return klog.NewContext(ctx, quiet(log))
}
