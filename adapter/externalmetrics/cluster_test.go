package externalmetrics

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"
	authentication "k8s.io/api/authentication/v1"
	authorization "k8s.io/api/authorization/v1"
	core "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// authority signs certificates.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t testing.TB, name string) authority {
	t.Helper()
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return authority{sign(t, template, template, key, key), key}
}

func sign(t testing.TB, template, parent *x509.Certificate, of, by *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	template.SerialNumber = big.NewInt(1)
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &of.PublicKey, by)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func (a authority) pem() string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw}))
}

// issue returns a certificate for 127.0.0.1 and its key, both in PEM.
func (a authority) issue(t testing.TB, name string) (certificate, key []byte) {
	t.Helper()
	return a.issueFor(t, name, net.IPv4(127, 0, 0, 1))
}

// issueFor returns a certificate for the name and addresses.
func (a authority) issueFor(t testing.TB, name string, addresses ...net.IP) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := sign(t, &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, DNSNames: []string{name}, IPAddresses: addresses, KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}, a.certificate, private, a.key)
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})
	return certificate, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
}

// controlPlane is as much of a cluster's API server as delegation asks for: whom to believe, whose a token is, and who may read. The
// token "good" is that of the user autoscaler, and "poor" that of one who may nothing. Only autoscaler may list external metrics and their names.
type controlPlane struct {
	settings core.ConfigMap
	stopped  chan struct{}
}

func (c *controlPlane) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch path := r.URL.Path; {
	case path == "/apis/authentication.k8s.io/v1/tokenreviews":
		review := body(r).(*authentication.TokenReview)
		name, ok := map[string]string{"good": "autoscaler", "poor": "somebody"}[review.Spec.Token]
		review.Status = authentication.TokenReviewStatus{Authenticated: ok, User: authentication.UserInfo{Username: name}}
		answer(w, http.StatusCreated, review)
	case path == "/apis/authorization.k8s.io/v1/subjectaccessreviews":
		review := body(r).(*authorization.SubjectAccessReview)
		of, list := review.Spec.ResourceAttributes, review.Spec.NonResourceAttributes
		review.Status.Allowed = review.Spec.User == "autoscaler" &&
			(of != nil && of.Group == "external.metrics.k8s.io" && of.Verb == "list" || list != nil && list.Path == Path)
		answer(w, http.StatusCreated, review)
	case strings.HasSuffix(path, "/namespaces/kube-system/configmaps/extension-apiserver-authentication"):
		answer(w, http.StatusOK, &c.settings)
	case !strings.HasSuffix(path, "/namespaces/kube-system/configmaps"):
		http.NotFound(w, r)
	case r.URL.Query().Get("sendInitialEvents") == "true": // this server has no streaming lists
		answer(w, http.StatusUnprocessableEntity, &metav1.Status{Status: metav1.StatusFailure, Reason: metav1.StatusReasonInvalid, Code: 422})
	case r.URL.Query().Get("watch") != "":
		select {
		case <-r.Context().Done():
		case <-c.stopped:
		}
	default:
		answer(w, http.StatusOK, &core.ConfigMapList{Items: []core.ConfigMap{c.settings}})
	}
}

func body(r *http.Request) runtime.Object {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		panic(err)
	}
	o, _, err := scheme.Codecs.UniversalDeserializer().Decode(b, nil, nil)
	if err != nil {
		panic(err)
	}
	return o
}

func answer(w http.ResponseWriter, code int, o runtime.Object) {
	kinds, _, err := scheme.Scheme.ObjectKinds(o)
	if err != nil {
		panic(err)
	}
	o.GetObjectKind().SetGroupVersionKind(kinds[0])
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(o)
}

// cluster is a server in cluster mode with what it needs around it.
type cluster struct {
	options    Options
	front      authority // signs the certificate with which the cluster's API server forwards requests
	serving    authority
	kubeconfig string
}

func newTestCluster(t testing.TB) cluster {
	t.Helper()
	c := cluster{front: newAuthority(t, "front-proxy-ca"), serving: newAuthority(t, "serving-ca")}
	plane := &controlPlane{stopped: make(chan struct{}), settings: core.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{Name: "extension-apiserver-authentication", Namespace: "kube-system", ResourceVersion: "1"},
		Data: map[string]string{
			"client-ca-file":                     newAuthority(t, "client-ca").pem(),
			"requestheader-client-ca-file":       c.front.pem(),
			"requestheader-allowed-names":        `["front-proxy-client"]`,
			"requestheader-username-headers":     `["X-Remote-User"]`,
			"requestheader-group-headers":        `["X-Remote-Group"]`,
			"requestheader-extra-headers-prefix": `["X-Remote-Extra-"]`,
		},
	}}
	api := httptest.NewTLSServer(plane)
	t.Cleanup(api.Close)
	t.Cleanup(func() { close(plane.stopped) })

	dir := t.TempDir()
	c.kubeconfig = filepath.Join(dir, "kubeconfig")
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{
		Server: api.URL, CertificateAuthorityData: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: api.Certificate().Raw}),
	}
	config.Contexts["c"] = &clientcmdapi.Context{Cluster: "c"}
	config.CurrentContext = "c"
	if err := clientcmd.WriteToFile(*config, c.kubeconfig); err != nil {
		t.Fatal(err)
	}
	certificate, key := c.serving.issue(t, "forethought")
	k := Cluster{
		CertFile: filepath.Join(dir, "tls.crt"), KeyFile: filepath.Join(dir, "tls.key"),
		AuthenticationKubeconfig: c.kubeconfig, AuthorizationKubeconfig: c.kubeconfig,
	}
	for file, content := range map[string][]byte{k.CertFile: certificate, k.KeyFile: key} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c.options = optionsFor(t, boardOf(snapshot("web")))
	c.options.Cluster = &k
	return c
}

// client trusts the server's certificate and shows its own, if any.
func (c cluster) client(t testing.TB, certificates ...tls.Certificate) *http.Client {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AddCert(c.serving.certificate)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Certificates: certificates}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// awaitAuthorities returns once the server asks for certificates of the cluster's authorities. Until it has read them, which takes a
// moment after it starts, it believes no certificate.
func (c cluster) awaitAuthorities(t *testing.T) {
	t.Helper()
	authorities := 0
	config := c.client(t).Transport.(*http.Transport).TLSClientConfig
	config.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		authorities = len(request.AcceptableCAs)
		return &tls.Certificate{}, nil
	}
	for began := time.Now(); authorities < 2; {
		conn, err := tls.Dial("tcp", c.options.Listener.Addr().String(), config)
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
		if time.Since(began) > time.Minute {
			t.Fatal("the server asks for no client certificates")
		}
	}
}

func TestClusterAsksWhoMayRead(t *testing.T) {
	before := goleak.IgnoreCurrent()
	t.Run("server", func(t *testing.T) {
		c := newTestCluster(t)
		registry := prometheus.NewRegistry()
		c.options.Registerer = registry
		s := start(t, c.options)
		value := s.valueURL("forethought_pool_instances_desired", "fleet=web")
		plain := c.client(t)
		f := func(client *http.Client, address, header, content string, want int, part string) {
			t.Helper()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
			if err != nil {
				t.Fatal(err)
			}
			if header != "" {
				r.Header.Set(header, content)
			}
			resp, err := client.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != want || !strings.Contains(string(b), part) {
				t.Errorf("%s with %s %q: %d %s %v, want %d with %q", address, header, content, resp.StatusCode, b, err, want, part)
			}
		}
		f(plain, value, "", "", 403, "system:anonymous")
		f(plain, value, "Authorization", "Bearer bad", 401, "Unauthorized")
		f(plain, value, "Authorization", "Bearer poor", 403, "somebody")
		f(plain, value, "Authorization", "Bearer good", 200, `"value":"10"`)
		f(plain, value, "X-Remote-User", "autoscaler", 403, "system:anonymous") // spoofed: no certificate of the front proxy
		f(plain, s.URL(), "", "", 403, "system:anonymous")
		f(plain, strings.TrimSuffix(s.URL(), Path)+"/healthz", "", "", 200, "ok")

		c.awaitAuthorities(t)
		certificate, err := tls.X509KeyPair(c.front.issue(t, "front-proxy-client"))
		if err != nil {
			t.Fatal(err)
		}
		f(c.client(t, certificate), value, "X-Remote-User", "autoscaler", 200, `"value":"10"`)
		other, err := tls.X509KeyPair(c.front.issue(t, "another-name"))
		if err != nil {
			t.Fatal(err)
		}
		f(c.client(t, other), value, "X-Remote-User", "autoscaler", 401, "Unauthorized")

		want := `
# HELP forethought_externalmetrics_requests_total Requests for the value of an external metric, by HTTP status code and metric, with rule for every rule and other for every one that is not ours.
# TYPE forethought_externalmetrics_requests_total counter
forethought_externalmetrics_requests_total{code="200",metric="forethought_pool_instances_desired"} 2
forethought_externalmetrics_requests_total{code="401",metric="forethought_pool_instances_desired"} 2
forethought_externalmetrics_requests_total{code="403",metric="forethought_pool_instances_desired"} 3
`
		if err = testutil.GatherAndCompare(registry, strings.NewReader(want)); err != nil {
			t.Error(err)
		}
	})
	goleak.VerifyNone(t, before)
}

func TestClusterRefusesToStartWithoutDelegation(t *testing.T) {
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	c := newTestCluster(t)
	defer c.options.Listener.Close()
	f := func(part string, change func(*Cluster)) {
		t.Helper()
		o, k := c.options, *c.options.Cluster
		change(&k)
		o.Cluster = &k
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("New = %v, want an error with %q", err, part)
		}
	}
	f("delegated authentication", func(k *Cluster) { k.AuthenticationKubeconfig = "" }) // and this is no pod
	f("delegated authorisation", func(k *Cluster) { k.AuthorizationKubeconfig = "" })
	f("delegated authentication", func(k *Cluster) { k.AuthenticationKubeconfig = "testdata/none" })
	f("delegated authorisation", func(k *Cluster) { k.AuthorizationKubeconfig = "testdata/none" })
	f("serving certificate", func(k *Cluster) { k.CertFile = c.kubeconfig })

	away := filepath.Join(t.TempDir(), "away")
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: "https://127.0.0.1:1"}
	config.Contexts["c"] = &clientcmdapi.Context{Cluster: "c"}
	config.CurrentContext = "c"
	if err := clientcmd.WriteToFile(*config, away); err != nil {
		t.Fatal(err)
	}
	f("connection refused", func(k *Cluster) { k.AuthenticationKubeconfig = away })
}

// A server in cluster mode may be on any address; what it must not be without is delegation.
func TestClusterServesOnAnyAddress(t *testing.T) {
	c := newTestCluster(t)
	c.options.Listener.Close()
	every, err := net.Listen("tcp", ":0")
	if err != nil {
		t.Fatal(err)
	}
	c.options.Listener = every
	s, err := New(c.options)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err = s.Run(ctx); err != nil {
		t.Errorf("Run: %v", err)
	}
}
