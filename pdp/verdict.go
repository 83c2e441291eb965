package pdp

import (
	"fmt"
	"net/http"
	"slices"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp/oauth"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// Finding is an executor's objection.
type Finding struct {
	// Code is the OAuth error code; required.
	Code string
	// Status is the HTTP status; 0 means 400.
	Status int
	// Field is the JSON pointer into the client or the name of the parameter.
	Field string
	// Description says what is wrong.
	Description string
	// Expected and Actual tell what was wanted and found; never a secret.
	Expected, Actual string
	// Spec is the document and clause that asks for it.
	Spec string
	// Remedy says how to mend it.
	Remedy string
}

// Verdict takes what an executor has to say. It is valid only during the call.
type Verdict struct{ e *evaluation }

// Reject reports an objection. All objections are collected; the first enforced
// one of the request gives the answer's error.
func (v *Verdict) Reject(f Finding) {
	if f.Code == "" {
		f.Code = oauth.InvalidRequest
	}
	if f.Status == 0 {
		f.Status = http.StatusBadRequest
	}
	v.e.find(f)
}

// SetBool sets a boolean member of the client, unless it has that value already.
func (v *Verdict) SetBool(f *BoolField, value bool) {
	old, had := v.e.full().Bool(f)
	if had && old == value {
		v.e.keep(change{path: f.path, flag: value})
		return
	}
	v.e.change(change{path: f.path, flag: value}, scalar(structpb.NewBoolValue(old), had), structpb.NewBoolValue(value))
}

// SetString sets a text member of the client, unless it has that value already.
func (v *Verdict) SetString(f *StringField, value string) {
	old, had := v.e.full().String(f)
	if had && old == value {
		v.e.keep(change{path: f.path, text: value})
		return
	}
	v.e.change(change{path: f.path, text: value}, scalar(structpb.NewStringValue(old), had), structpb.NewStringValue(value))
}

// SetList sets a list member of the client, unless it has that value already.
func (v *Verdict) SetList(f *ListField, value []string) {
	old := v.e.full().List(f)
	if slices.Equal(old, value) {
		v.e.keep(change{path: f.path, list: value})
		return
	}
	v.e.change(change{path: f.path, list: value}, scalar(textList(old), len(old) > 0), textList(value))
}

// SetAttribute sets an attribute of the client, unless it has that value already.
func (v *Verdict) SetAttribute(key, value string) {
	old, had := v.e.full().Attribute(key)
	if had && old == value {
		v.e.keep(change{key: key, text: value})
		return
	}
	v.e.change(change{path: AttributePointer(key), key: key, text: value},
		scalar(structpb.NewStringValue(old), had), structpb.NewStringValue(value))
}

// RemoveAttribute removes an attribute of the client, if it is there.
func (v *Verdict) RemoveAttribute(key string) {
	old, had := v.e.full().Attribute(key)
	if !had {
		v.e.keep(change{key: key, remove: true})
		return
	}
	v.e.change(change{path: AttributePointer(key), key: key, remove: true}, structpb.NewStringValue(old), nil)
}

func scalar(v *structpb.Value, had bool) *structpb.Value {
	if !had {
		return nil
	}
	return v
}

func textList(list []string) *structpb.Value {
	values := make([]*structpb.Value, len(list))
	for i, s := range list {
		values[i] = structpb.NewStringValue(s)
	}
	return structpb.NewListValue(&structpb.ListValue{Values: values})
}

// Oblige asks the provider to do something besides. Two of a kind become one: of
// authentication flows the last alias wins and an earlier level stays unless the
// later one has its own (executors-request.md, auth-flow-enforcer); equal ones count once.
func (v *Verdict) Oblige(o *pb.Obligation) { v.e.oblige(o) }

// KeepSecretExpiry keeps the expiry and the rotated secret of a client, which an
// update by an administrator drops else (executors-client.md, secret-rotation).
func (v *Verdict) KeepSecretExpiry() { v.e.rotated = v.e.rotated || v.e.enforcing() }

func mergeObligation(into, o *pb.Obligation) bool {
	flow, ok := o.Obligation.(*pb.Obligation_AuthenticationFlow)
	if !ok {
		a, b := proto.CloneOf(into), proto.CloneOf(o)
		for _, x := range []*pb.Obligation{a, b} {
			x.Policy, x.Profile, x.Executor = "", "", ""
		}
		return proto.Equal(a, b)
	}
	old, same := into.Obligation.(*pb.Obligation_AuthenticationFlow)
	if !same {
		return false
	}
	if flow.AuthenticationFlow.Loa == nil {
		flow.AuthenticationFlow.Loa = old.AuthenticationFlow.Loa
	}
	proto.Reset(into)
	proto.Merge(into, o)
	return true
}

// describe returns the text for people of a finding.
func (f *Finding) describe() string {
	switch {
	case f.Description != "":
		return f.Description
	case f.Field != "" && f.Expected != "":
		return fmt.Sprintf("%s must be %s", f.Field, f.Expected)
	default:
		return "the request was refused by policy"
	}
}
