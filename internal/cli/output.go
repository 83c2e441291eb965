package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/sidegate/sidegate/internal/document"
	"github.com/spf13/cobra"
	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// Output formats.
const (
	outputTable = "table"
	outputJSON  = "json"
	outputYAML  = "yaml"
)

// outputFlag defines -o.
func (a *app) outputFlag(c *cobra.Command) {
	a.output = outputTable
	c.Flags().VarP(choice{&a.output, []string{outputTable, outputJSON, outputYAML}}, "output", "o", "form of the output")
}

// print writes a table, or the document behind it as JSON or YAML.
func (a *app) print(doc *document.Node, rows func(table.Writer)) error {
	switch a.output {
	case outputJSON:
		return a.printJSON(doc)
	case outputYAML:
		return a.printYAML(doc)
	}
	a.table(rows)
	return nil
}

func (a *app) printJSON(doc *document.Node) error {
	var b bytes.Buffer
	if err := json.Indent(&b, doc.JSON(), "", "  "); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	_, err := fmt.Fprintln(a.Out, string(escapeJSON(b.Bytes())))
	return err
}

func (a *app) printYAML(doc *document.Node) error {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := errors.Join(enc.Encode(yamlNode(doc)), enc.Close()); err != nil {
		return fmt.Errorf("write YAML: %w", err)
	}
	_, err := a.Out.Write(escapeYAML(b.Bytes()))
	return err
}

// yamlNode turns a tree into YAML that reads back as the same tree.
func yamlNode(n *document.Node) *yaml.Node {
	switch n.Kind {
	case document.Object:
		y := &yaml.Node{Kind: yaml.MappingNode}
		for _, m := range n.Members {
			y.Content = append(y.Content, yamlText(m.Name), yamlNode(m.Value))
		}
		return y
	case document.List:
		y := &yaml.Node{Kind: yaml.SequenceNode}
		for _, item := range n.Items {
			y.Content = append(y.Content, yamlNode(item))
		}
		return y
	case document.Text:
		return yamlText(n.Text)
	default:
		return &yaml.Node{Kind: yaml.ScalarNode, Value: n.Text}
	}
}

func yamlText(s string) *yaml.Node {
	y := &yaml.Node{}
	y.SetString(s)
	if strings.IndexFunc(s, unprinted) >= 0 {
		y.Style = yaml.DoubleQuotedStyle
	}
	return y
}

// tree returns a message as a tree.
func tree(m proto.Message) (*document.Node, error) {
	data, err := protojson.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("write JSON: %w", err)
	}
	return document.Parse("answer.json", data)
}

// scalar returns a member of an object as a word; absent is "".
func scalar(n *document.Node, name string) string {
	v := n.Get(name)
	if v == nil || v.Kind == document.Null || v.Kind == document.List || v.Kind == document.Object {
		return ""
	}
	return v.Text
}

// words joins the texts of a list, or of one member of the objects in it.
func words(n *document.Node, member string) string {
	if n == nil {
		return ""
	}
	var list []string
	for _, item := range n.Items {
		if member != "" {
			list = append(list, scalar(item, member))
		} else {
			list = append(list, item.Text)
		}
	}
	return strings.Join(list, ", ")
}

// object makes an object of names and values by turns.
func object(pairs ...any) *document.Node {
	n := &document.Node{Kind: document.Object}
	for pair := range slices.Chunk(pairs, 2) {
		n.Members = append(n.Members, document.Member{Name: fmt.Sprint(pair[0]), Value: value(pair[1])})
	}
	return n
}

func value(v any) *document.Node {
	switch v := v.(type) {
	case *document.Node:
		return v
	case []*document.Node:
		return &document.Node{Kind: document.List, Items: v}
	case []string:
		n := &document.Node{Kind: document.List}
		for _, s := range v {
			n.Items = append(n.Items, document.NewText(s))
		}
		return n
	case int:
		return &document.Node{Kind: document.Number, Text: strconv.Itoa(v)}
	case bool:
		return &document.Node{Kind: document.Bool, Text: strconv.FormatBool(v)}
	default:
		return document.NewText(fmt.Sprint(v))
	}
}
