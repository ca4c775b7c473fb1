package cluster

import (
	"bytes"
	"context"
	"crypto/x509/pkix"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/forethought-autoscaler/forethought/test/e2e/components"
)

// connect makes the clients of the administrator. It asks nothing of the API server.
func (c *Cluster) connect() (err error) {
	admin, err := c.ca.sign(pkix.Name{CommonName: "e2e-admin", Organization: []string{"system:masters"}})
	if err != nil {
		return err
	}
	user := &clientcmdapi.AuthInfo{ClientCertificateData: admin.cert, ClientKeyData: admin.key}
	if c.kubeconfig, err = c.writeKubeconfig("admin", user); err != nil {
		return err
	}
	if c.config, err = clientcmd.BuildConfigFromFlags("", c.kubeconfig); err != nil {
		return err
	}
	c.config.QPS = -1 // no limit
	if c.client, err = kubernetes.NewForConfig(c.config); err != nil {
		return err
	}
	c.dynamic, err = dynamic.NewForConfig(c.config)
	return err
}

// writeKubeconfig writes a file by which the user reaches the API server.
func (c *Cluster) writeKubeconfig(name string, user *clientcmdapi.AuthInfo) (string, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters["e2e"] = &clientcmdapi.Cluster{Server: c.URL(), CertificateAuthorityData: c.ca.pem}
	config.AuthInfos["user"] = user
	config.Contexts["e2e"] = &clientcmdapi.Context{Cluster: "e2e", AuthInfo: "user"}
	config.CurrentContext = "e2e"
	file := filepath.Join(c.private, fmt.Sprintf("%s-%d.kubeconfig", unsafeInName.ReplaceAllString(name, "-"), c.count()))
	return file, clientcmd.WriteToFile(*config, file)
}

// count returns a number that it has not returned before.
func (c *Cluster) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.files++
	return c.files
}

// URL returns the API server's address, as in https://127.96.200.3:6443.
func (c *Cluster) URL() string { return "https://" + c.apiAddress }

// Config returns the administrator's client configuration, without a limit of requests. It is the caller's.
func (c *Cluster) Config() *rest.Config { return rest.CopyConfig(c.config) }

// Client returns the administrator's typed client.
func (c *Cluster) Client() kubernetes.Interface { return c.client }

// Dynamic returns the administrator's client for any kind of object.
func (c *Cluster) Dynamic() dynamic.Interface { return c.dynamic }

// Kubeconfig returns the administrator's kubeconfig file.
func (c *Cluster) Kubeconfig() string { return c.kubeconfig }

// Kubectl runs kubectl as the administrator and returns what it prints. The error carries what it says of a failure.
func (c *Cluster) Kubectl(args ...string) (string, error) {
	return c.KubectlAs(c.kubeconfig, "", args...)
}

// KubectlAs runs kubectl as the user of the kubeconfig file with the given input.
func (c *Cluster) KubectlAs(kubeconfig, input string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), readyLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, c.binaries[components.Kubectl], append([]string{"--kubeconfig=" + kubeconfig}, args...)...)
	cmd.Env = append(os.Environ(), "HOME="+c.private, "KUBERC=off")
	cmd.Stdin = strings.NewReader(input)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, stderr.String())
	}
	return stdout.String(), nil
}

// Apply applies the manifest, one or several documents of YAML, by server-side apply as the field manager e2e.
func (c *Cluster) Apply(manifest string) {
	c.t.Helper()
	if _, err := c.KubectlAs(c.kubeconfig, manifest, "apply", "--server-side", "--field-manager=e2e", "-f", "-"); err != nil {
		c.t.Fatal(err)
	}
}

// Namespace makes the namespace, with the account that its pods use. One that is there already stays as it is.
func (c *Cluster) Namespace(name string) {
	c.t.Helper()
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := c.client.CoreV1().Namespaces().Create(context.Background(), namespace, metav1.CreateOptions{})
	c.must(unlessThere(err))
	c.must(c.defaultAccount(name))
}

// ServiceAccount makes an account and its namespace and returns a kubeconfig file that carries a real token bound to it, valid for an
// hour. Where rules are given a ClusterRole e2e:NAMESPACE:NAME grants them in the whole cluster, in place of those of an earlier call.
func (c *Cluster) ServiceAccount(namespace, name string, rules ...rbacv1.PolicyRule) string {
	c.t.Helper()
	c.Namespace(namespace)
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := c.client.CoreV1().ServiceAccounts(namespace).Create(context.Background(), account, metav1.CreateOptions{})
	c.must(unlessThere(err))
	if len(rules) > 0 {
		role := "e2e:" + namespace + ":" + name
		subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}
		c.must(c.grant(role, subject, rules))
	}
	file, err := c.writeKubeconfig(namespace+"-"+name, &clientcmdapi.AuthInfo{Token: c.Token(namespace, name)})
	c.must(err)
	return file
}

// Token returns a token bound to the account, valid for an hour.
func (c *Cluster) Token(namespace, name string) string {
	c.t.Helper()
	hour := int64(time.Hour / time.Second)
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &hour}}
	answer, err := c.client.CoreV1().ServiceAccounts(namespace).CreateToken(context.Background(), name, request, metav1.CreateOptions{})
	c.must(err)
	return answer.Status.Token
}

// grant gives a ClusterRole the rules and binds it to the subject.
func (c *Cluster) grant(role string, subject rbacv1.Subject, rules []rbacv1.PolicyRule) error {
	ctx, roles := context.Background(), c.client.RbacV1().ClusterRoles()
	object := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: role}, Rules: rules}
	_, err := roles.Create(ctx, object, metav1.CreateOptions{})
	if apierrors.IsAlreadyExists(err) {
		_, err = roles.Update(ctx, object, metav1.UpdateOptions{})
	}
	if err != nil {
		return err
	}
	return c.bind(role, role, subject)
}

// bind binds a ClusterRole that is there to the subject, in the whole cluster.
func (c *Cluster) bind(binding, role string, subject rbacv1.Subject) error {
	_, err := c.client.RbacV1().ClusterRoleBindings().Create(context.Background(), &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: binding},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
		Subjects:   []rbacv1.Subject{subject},
	}, metav1.CreateOptions{})
	return unlessThere(err)
}

// unlessThere is the error of a creation unless it is that the object is there already.
func unlessThere(err error) error {
	if apierrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}

// AuthDelegator grants an account what an aggregated API server needs to authenticate and authorise its callers: system:auth-delegator
// and, in kube-system, extension-apiserver-authentication-reader.
func (c *Cluster) AuthDelegator(namespace, name string) {
	c.t.Helper()
	subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Namespace: namespace, Name: name}
	binding := "e2e:" + namespace + ":" + name + ":auth"
	c.must(c.bind(binding, "system:auth-delegator", subject))
	_, err := c.client.RbacV1().RoleBindings(metav1.NamespaceSystem).Create(context.Background(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: binding},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "extension-apiserver-authentication-reader"},
		Subjects:   []rbacv1.Subject{subject},
	}, metav1.CreateOptions{})
	c.must(unlessThere(err))
}

// ClientCert returns a kubeconfig file of a user who proves itself by a certificate of the cluster's authority. It grants nothing.
func (c *Cluster) ClientCert(user string, groups ...string) string {
	c.t.Helper()
	p, err := c.ca.sign(pkix.Name{CommonName: user, Organization: groups})
	c.must(err)
	file, err := c.writeKubeconfig(user, &clientcmdapi.AuthInfo{ClientCertificateData: p.cert, ClientKeyData: p.key})
	c.must(err)
	return file
}

// CABundle returns the certificate of the authority that signs serving certificates and clients, in PEM.
func (c *Cluster) CABundle() []byte { return c.ca.pem }

// CAFile returns the file of that certificate.
func (c *Cluster) CAFile() string { return c.caFile }

// SignServing writes a serving certificate for the names, which are host names or addresses, and its key, each time in new files. It
// serves a client as well, so both sides of mTLS may use it.
func (c *Cluster) SignServing(names ...string) (certFile, keyFile string) {
	c.t.Helper()
	return c.ReplaceServing(filepath.Join(c.private, fmt.Sprintf("serving-%d", c.count())), names...)
}

// ReplaceServing writes a new serving certificate into PREFIX.crt and PREFIX.key, as a rotation does.
func (c *Cluster) ReplaceServing(prefix string, names ...string) (certFile, keyFile string) {
	c.t.Helper()
	p, err := c.ca.sign(pkix.Name{CommonName: names[0]}, names...)
	c.must(err)
	certFile, keyFile, err = p.write(filepath.Dir(prefix), filepath.Base(prefix))
	c.must(err)
	return certFile, keyFile
}

// FrontProxyCert returns the certificate and the key by which the API server proves itself to an aggregated one: who holds them may say
// in X-Remote-User who is calling.
func (c *Cluster) FrontProxyCert() (certFile, keyFile string) {
	return filepath.Join(c.private, "front-proxy-client.crt"), filepath.Join(c.private, "front-proxy-client.key")
}
