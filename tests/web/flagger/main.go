// Flaggerhook calls every webhook of a Canary with Flagger's own code: it reads the Canary on standard input, strictly, and
// prints for each webhook what Flagger makes of the answer: empty for "go on", else the error.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	flaggerv1 "github.com/fluxcd/flagger/pkg/apis/flagger/v1beta1"
	"github.com/fluxcd/flagger/pkg/controller"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := call(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func call() error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var canary flaggerv1.Canary
	if err := yaml.UnmarshalStrict(text, &canary); err != nil {
		return err
	}
	said := map[string]string{}
	for _, webhook := range canary.GetAnalysis().Webhooks {
		key := string(webhook.Type)
		said[key] = ""
		if err := controller.CallWebhook(canary, flaggerv1.CanaryPhaseProgressing, webhook); err != nil {
			said[key] = err.Error()
		}
	}
	return json.NewEncoder(os.Stdout).Encode(said)
}
