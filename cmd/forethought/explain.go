package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/alecthomas/kingpin/v2"
	promconfig "github.com/prometheus/common/config"
)

func explainCommand(cmd *kingpin.CmdClause) command {
	fleet := cmd.Arg("fleet", "The fleet.").Required().String()
	base := cmd.Flag("url", "Where the running forethought is.").Default("http://localhost:9095").String()
	output := cmd.Flag("output", "text, or json for every number behind it.").Default("text").Enum("text", "json")
	client := cmd.Flag("http.config.file", "Authentication and TLS towards it, in the form of a Prometheus http_config.").String()
	return func(ctx context.Context, stdout, _ io.Writer) error {
		data, err := fetchExplanation(ctx, *base, *fleet, *client)
		if err != nil {
			return err
		}
		if *output == "json" {
			_, err = fmt.Fprintf(stdout, "%s\n", data)
			return err
		}
		var words struct{ Text []string }
		if err := json.Unmarshal(data, &words); err != nil {
			return fmt.Errorf("explain %s: %w", *fleet, err)
		}
		for _, line := range words.Text {
			fmt.Fprintln(stdout, line)
		}
		return nil
	}
}

// fetchExplanation asks a running process for the explanation of a fleet's latest decision.
func fetchExplanation(ctx context.Context, base, fleet, clientConfig string) (json.RawMessage, error) {
	httpConfig := &promconfig.HTTPClientConfig{}
	if clientConfig != "" {
		var err error
		if httpConfig, _, err = promconfig.LoadHTTPConfigFile(clientConfig); err != nil {
			return nil, fmt.Errorf("read %s: %w", clientConfig, err)
		}
	}
	client, err := promconfig.NewClientFromConfig(*httpConfig, "explain")
	if err != nil {
		return nil, err
	}
	client.Timeout = 30 * time.Second
	address, err := url.JoinPath(base, "api/v1/fleets", url.PathEscape(fleet), "explain")
	if err != nil {
		return nil, fmt.Errorf("explain %s: %w", fleet, err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("explain %s: %w", fleet, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden {
		return nil, fmt.Errorf("explain %s: %s answers %s; --http.config.file says how to authenticate", fleet, base, resp.Status)
	}
	var answer struct {
		Data  json.RawMessage
		Error string
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return nil, fmt.Errorf("explain %s: %s answers %s, which is no answer of forethought: %w", fleet, base, resp.Status, err)
	}
	if answer.Error != "" {
		return nil, fmt.Errorf("explain %s: %s", fleet, answer.Error)
	}
	return answer.Data, nil
}
