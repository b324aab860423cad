// Argometric measures once with Argo Rollouts' own web metric provider: it reads an AnalysisTemplate on standard input,
// strictly, fills in the arguments (NAME=VALUE), measures every metric, and prints the measurements as JSON.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/argoproj/argo-rollouts/metricproviders/webmetric"
	"github.com/argoproj/argo-rollouts/pkg/apis/rollouts/v1alpha1"
	templateutil "github.com/argoproj/argo-rollouts/utils/template"
	log "github.com/sirupsen/logrus"
	"sigs.k8s.io/yaml"
)

func main() {
	if err := measure(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(arguments []string) error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	var analysis v1alpha1.AnalysisTemplate
	if err := yaml.UnmarshalStrict(text, &analysis); err != nil {
		return err
	}
	metrics, err := resolved(analysis.Spec, arguments)
	if err != nil {
		return err
	}
	taken := map[string]v1alpha1.Measurement{}
	for _, metric := range metrics {
		parser, err := webmetric.NewWebMetricJsonParser(metric)
		if err != nil {
			return err
		}
		client, err := webmetric.NewWebMetricHttpClient(metric)
		if err != nil {
			return err
		}
		provider := webmetric.NewWebMetricProvider(*log.NewEntry(log.New()), client, parser)
		taken[metric.Name] = provider.Run(&v1alpha1.AnalysisRun{}, metric)
	}
	return json.NewEncoder(os.Stdout).Encode(taken)
}

// resolved fills in the arguments as the controller does: in the text of all metrics.
func resolved(spec v1alpha1.AnalysisTemplateSpec, arguments []string) ([]v1alpha1.Metric, error) {
	var given []v1alpha1.Argument
	for _, argument := range arguments {
		name, value, _ := strings.Cut(argument, "=")
		given = append(given, v1alpha1.Argument{Name: name, Value: &value})
	}
	text, err := json.Marshal(spec.Metrics)
	if err != nil {
		return nil, err
	}
	filled, err := templateutil.ResolveQuotedArgs(string(text), given)
	if err != nil {
		return nil, err
	}
	var metrics []v1alpha1.Metric
	return metrics, json.Unmarshal([]byte(filled), &metrics)
}
