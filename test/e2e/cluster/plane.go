package cluster

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/forethought-autoscaler/forethought/test/e2e/components"
)

// readyLimit is how long a component may take: a busy machine needs many times the seven seconds of an idle one.
const readyLimit = 3 * time.Minute

// startPlane runs the components that the options name, each when what it needs is ready.
func (c *Cluster) startPlane() {
	c.t.Helper()
	etcd := "http://" + address(c.network.host(), 2379)
	p := c.Run(&Process{Name: components.Etcd, Path: c.binaries[components.Etcd], Args: c.etcdArgs(etcd)})
	c.ready(p, etcd+"/health", `"health":"true"`)
	host := c.network.host()
	c.apiAddress = address(host, 6443)
	args, err := c.apiServerArgs(etcd, host)
	c.must(err)
	c.must(c.connect())
	c.apiServer = c.Run(&Process{Name: components.APIServer, Path: c.binaries[components.APIServer], Args: args})
	c.waitAPIServer()
	c.must(c.defaultAccount("default"))
	if c.options.Controllers {
		c.startController(components.ControllerManager, 10257, c.controllerArgs())
	}
	if c.options.Scheduler {
		c.startController(components.Scheduler, 10259, []string{"--leader-elect=false"})
	}
	if c.options.Kwok {
		c.startKwok()
	}
}

func (c *Cluster) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *Cluster) makeAuthorities() (err error) {
	if c.ca, err = newAuthority("forethought-e2e"); err != nil {
		return err
	}
	if c.frontProxy, err = newAuthority("forethought-e2e-front-proxy"); err != nil {
		return err
	}
	roots := x509.NewCertPool()
	roots.AddCert(c.ca.cert)
	c.prober = &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, DisableKeepAlives: true},
	}
	c.caFile = filepath.Join(c.private, "ca.crt")
	if err := replace(c.caFile, c.ca.pem); err != nil {
		return err
	}
	return replace(filepath.Join(c.private, "front-proxy-ca.crt"), c.frontProxy.pem)
}

func (c *Cluster) etcdArgs(url string) []string {
	peer := "http://" + address(c.network.host(), 2380)
	return []string{
		"--name=e2e", "--data-dir=" + filepath.Join(c.private, "etcd"),
		"--listen-client-urls=" + url, "--advertise-client-urls=" + url,
		"--listen-peer-urls=" + peer, "--initial-advertise-peer-urls=" + peer, "--initial-cluster=e2e=" + peer,
		"--unsafe-no-fsync", // the data need not survive the machine
		"--log-level=warn",
	}
}

func (c *Cluster) apiServerArgs(etcd, host string) ([]string, error) {
	serving, err := c.ca.sign(pkix.Name{CommonName: "kube-apiserver"}, host, "localhost", "kubernetes.default.svc")
	if err != nil {
		return nil, err
	}
	proxy, err := c.frontProxy.sign(pkix.Name{CommonName: "front-proxy-client"})
	if err != nil {
		return nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	accounts, err := encodeKey(key)
	if err != nil {
		return nil, err
	}
	file := func(name string) string { return filepath.Join(c.private, name) }
	_, _, errServing := serving.write(c.private, "apiserver")
	_, _, errProxy := proxy.write(c.private, "front-proxy-client")
	args := []string{
		"--etcd-servers=" + etcd,
		"--bind-address=" + host, "--advertise-address=" + host, "--secure-port=6443",
		// The API server announces its own address as an endpoint, which may not be a loopback address.
		"--endpoint-reconciler-type=none",
		"--service-cluster-ip-range=" + c.network.services(),
		"--client-ca-file=" + c.caFile, "--tls-cert-file=" + file("apiserver.crt"), "--tls-private-key-file=" + file("apiserver.key"),
		"--authorization-mode=RBAC", "--allow-privileged=true",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + file("accounts.key"), "--service-account-signing-key-file=" + file("accounts.key"),
		"--requestheader-client-ca-file=" + file("front-proxy-ca.crt"), "--requestheader-allowed-names=front-proxy-client",
		"--requestheader-username-headers=X-Remote-User", "--requestheader-group-headers=X-Remote-Group",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + file("front-proxy-client.crt"), "--proxy-client-key-file=" + file("front-proxy-client.key"),
	}
	return append(args, c.gates()...), errors.Join(errServing, errProxy, replace(file("accounts.key"), accounts))
}

func (c *Cluster) gates() []string {
	if c.options.FeatureGates == "" {
		return nil
	}
	return []string{"--feature-gates=" + c.options.FeatureGates}
}

func (c *Cluster) controllerArgs() []string {
	return []string{
		"--leader-elect=false", "--use-service-account-credentials=true",
		"--service-account-private-key-file=" + filepath.Join(c.private, "accounts.key"), "--root-ca-file=" + c.caFile,
		"--kube-api-qps=200", "--kube-api-burst=400",
		fmt.Sprintf("--horizontal-pod-autoscaler-sync-period=%s", c.options.HPASync),
		fmt.Sprintf("--horizontal-pod-autoscaler-downscale-stabilization=%s", c.options.DownscaleStabilization),
	}
}

// startController runs a component that serves /healthz over TLS and is known by system:NAME.
func (c *Cluster) startController(name string, port int, args []string) {
	c.t.Helper()
	kubeconfig := c.ClientCert("system:" + name)
	host := c.network.host()
	certFile, keyFile := c.SignServing(host)
	args = append(args,
		"--kubeconfig="+kubeconfig, "--authentication-kubeconfig="+kubeconfig, "--authorization-kubeconfig="+kubeconfig,
		"--bind-address="+host, fmt.Sprintf("--secure-port=%d", port), "--tls-cert-file="+certFile, "--tls-private-key-file="+keyFile)
	p := c.Run(&Process{Name: name, Path: c.binaries[name], Args: append(args, c.gates()...)})
	c.ready(p, "https://"+address(host, port)+"/healthz", "ok")
}

// kwokStages are files of kwok's own module: what becomes of the nodes and pods that it runs.
var kwokStages = []string{
	"node/fast/node-initialize", "node/heartbeat-with-lease/node-heartbeat-with-lease",
	"pod/fast/pod-ready", "pod/fast/pod-complete", "pod/fast/pod-delete",
}

func (c *Cluster) startKwok() {
	c.t.Helper()
	source, err := components.Source(context.Background(), components.Kwok)
	c.must(err)
	host := c.network.host()
	args := []string{
		"--kubeconfig=" + c.kubeconfig, "--manage-nodes-with-annotation-selector=" + kwokAnnotation + "=fake",
		"--node-lease-duration-seconds=40", "--cidr=10.0.0.1/16", "--server-address=" + address(host, 10247),
	}
	for _, stage := range kwokStages {
		args = append(args, "--config="+filepath.Join(source, "kustomize", "stage", stage+".yaml"))
	}
	p := c.Run(&Process{Name: components.Kwok, Path: c.binaries[components.Kwok], Args: args})
	c.ready(p, "http://"+address(host, 10247)+"/healthz", "ok")
}

// ready waits until what the process answers has the given text.
func (c *Cluster) ready(p *Process, url, text string) {
	c.t.Helper()
	WaitFor(c.t, p.Name+" is ready", readyLimit, func() error {
		if p.Ended() {
			c.t.Fatalf("%s has ended:\n%s", p.Name, tail(p.log, 30))
		}
		body, err := c.Get(url)
		if err == nil && !strings.Contains(body, text) {
			err = fmt.Errorf("%s answers %q", url, body)
		}
		return err
	})
	c.t.Logf("%s is ready at %s", p.Name, c.Age())
}

// Get asks a component or another server whose certificate is the cluster's own and returns the body; any status but 200 is an error.
func (c *Cluster) Get(url string) (string, error) {
	resp, err := c.prober.Get(url)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answers %s: %s", url, resp.Status, body)
	}
	return string(body), err
}

func (c *Cluster) waitAPIServer() {
	c.t.Helper()
	c.ready(c.apiServer, "https://"+c.apiAddress+"/readyz", "ok")
}

// StopAPIServer ends kube-apiserver as a crash does. Everything else runs on.
func (c *Cluster) StopAPIServer() {
	c.apiServer.Kill()
}

// RestartAPIServer ends kube-apiserver where it runs, starts it on the same address and the same etcd, and returns when it is ready.
func (c *Cluster) RestartAPIServer() {
	c.t.Helper()
	c.StopAPIServer()
	c.must(c.apiServer.Start())
	c.waitAPIServer()
}

// defaultAccount makes the account that a pod has when it names none; the controllers would make it later.
func (c *Cluster) defaultAccount(namespace string) error {
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default"}}
	for deadline := time.Now().Add(readyLimit); ; time.Sleep(100 * time.Millisecond) {
		_, err := c.client.CoreV1().ServiceAccounts(namespace).Create(context.Background(), account, metav1.CreateOptions{})
		if err == nil || apierrors.IsAlreadyExists(err) {
			return nil
		}
		// The API server makes the first namespaces after it is ready.
		if !apierrors.IsNotFound(err) || time.Now().After(deadline) {
			return fmt.Errorf("make the account default of %s: %w", namespace, err)
		}
	}
}
