package pages

import (
	"fmt"
	"strings"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// answerText shows decision, findings, changes and obligations of an answer.
func answerText(answer *pb.EvaluateResponse) string {
	var b strings.Builder
	decision := strings.TrimPrefix(answer.Decision.String(), "DECISION_")
	if e := answer.Error; e != nil {
		text := fmt.Sprintf("**%s** with the error `%s`, status %d, %s", decision, e.Code, e.HttpStatus, deliveries[e.Delivery])
		b.WriteString(bullet(text))
	} else {
		b.WriteString(bullet("**" + decision + "**"))
	}
	for _, f := range answer.Findings {
		b.WriteString(bullet(findingText(f)))
	}
	for _, m := range answer.Mutations {
		b.WriteString(bullet(mutationText(m)))
	}
	for _, o := range answer.Obligations {
		b.WriteString(bullet("obliges " + obligationText(o)))
	}
	return b.String()
}

// deliveries say how an error reaches the user or the client.
var deliveries = map[pb.PolicyError_Delivery]string{
	pb.PolicyError_DELIVERY_DIRECT:   "delivered directly",
	pb.PolicyError_DELIVERY_REDIRECT: "delivered by redirect",
	pb.PolicyError_DELIVERY_PAGE:     "delivered as a page",
}

func findingText(f *pb.Finding) string {
	text := f.Description
	if f.Field != "" {
		text += ", at " + code(f.Field)
	}
	if f.Expected != "" {
		text += "; expected " + f.Expected
	}
	if f.Actual != "" {
		text += ", found " + code(shortText(f.Actual))
	}
	if f.Spec != "" {
		text += " (" + f.Spec + ")"
	}
	if f.Remedy != "" {
		text += ". To mend it: " + f.Remedy
	}
	return text
}

func shortText(text string) string {
	if runes := []rune(text); len(runes) > textWidth {
		return string(runes[:textWidth-1]) + "…"
	}
	return text
}

func mutationText(m *pb.Mutation) string {
	document := "the proposed client"
	if m.Target == pb.Mutation_TARGET_STORED {
		document = "the stored client"
	}
	if m.Op == pb.Mutation_OP_REMOVE {
		return "removes " + code(m.Path) + " from " + document
	}
	return "sets " + code(m.Path) + " of " + document + " to " + code(shortText(compactJSON(m.Value)))
}

// obligationText shows what the provider must do, without who asks for it.
func obligationText(o *pb.Obligation) string {
	m := o.ProtoReflect()
	field := m.WhichOneof(m.Descriptor().Oneofs().ByName("obligation"))
	list, err := members([]byte(compactJSON(m.Get(field).Message().Interface())))
	if err != nil || len(list) == 0 {
		return code(field.JSONName())
	}
	parts := make([]string, len(list))
	for i, m := range list {
		parts[i] = code(strings.ReplaceAll(m.name, `"`, "") + string(m.value))
	}
	return code(field.JSONName()) + " with " + strings.Join(parts, ", ")
}

func compactJSON(m proto.Message) string {
	data, err := protojson.Marshal(m)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	flat, err := flatten(data)
	if err != nil {
		return "(" + err.Error() + ")"
	}
	return flat
}
