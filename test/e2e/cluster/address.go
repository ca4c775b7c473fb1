package cluster

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
)

// network is one /16 of the loopback network that no other control plane of this machine uses. Its lower half holds the cluster's
// Services: a local process that binds a Service's address serves it, so nothing has to route. Its upper half holds the components: an
// address is handed out once, so a port can be fixed and stays free while its process is down.
type network struct {
	second int
	// claim is a socket that only one process of the machine can hold; the kernel releases it with this process.
	claim net.Listener
	// hosts and named count the addresses of either half that are handed out.
	hosts, named atomic.Int32
}

// claimNetwork takes a network that nobody uses.
func claimNetwork() (*network, error) {
	var last error
	for _, offset := range rand.Perm(187) {
		second := 64 + offset
		claim, err := net.Listen("tcp", fmt.Sprintf("127.%d.255.254:6553", second))
		if err == nil {
			return &network{second: second, claim: claim}, nil
		}
		last = err
	}
	return nil, fmt.Errorf("no loopback network between 127.64.0.0/16 and 127.250.0.0/16 is free: %w", last)
}

// services returns the addresses of the cluster's Services.
func (n *network) services() string { return fmt.Sprintf("127.%d.0.0/17", n.second) }

// host returns an address for a component that it has not returned before.
func (n *network) host() string {
	i := n.hosts.Add(1)
	return fmt.Sprintf("127.%d.%d.%d", n.second, 200+i/250, 1+i%250)
}

// service returns the address of a Service that it has not returned before. It lies in the band of the range that the API server leaves
// to addresses asked for by name.
func (n *network) service() (string, error) {
	i := n.named.Add(1)
	if i > 200 {
		return "", errors.New("a cluster has two hundred addresses for processes of a test and all are taken")
	}
	return fmt.Sprintf("127.%d.0.%d", n.second, 20+i), nil
}

// address joins a host and a port.
func address(host string, port int) string { return net.JoinHostPort(host, strconv.Itoa(port)) }
