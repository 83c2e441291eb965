package service

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"

	pb "github.com/sidegate/sidegate/gen/go/clientpolicy/v1"
	"github.com/sidegate/sidegate/pdp"
)

// maxCaveats is the greatest number of caveats that are told.
const maxCaveats = 50

// caveats tell why the answer to a kept request can be another than it would have
// been to the one that was asked. What was masked and left out is told when a
// policy asks for it: it is asked again with all of that unknown.
func (s *Services) caveats(compiled *pdp.Realm, logged *pb.LoggedDecision, a *answered) ([]string, error) {
	var list []string
	for what, id := range map[string]string{"client ids": logged.GetClientId(), "users": logged.GetUser()} {
		if pseudonym.MatchString(id) {
			list = append(list, what+" are pseudonyms in what was kept: a policy that names one does not know it")
		}
	}
	slices.Sort(list)
	if slices.ContainsFunc(a.findings(), offline) {
		list = append(list, "an executor asks an endpoint, which a replay does not: that it could not decide says nothing")
	}
	kept, err := documentOf(logged.GetRequest())
	if err != nil {
		return nil, fmt.Errorf("read request that was kept: %w", err)
	}
	var absent []string
	for _, at := range logged.GetMasked() {
		switch {
		case !ofRequest(at):
		case holds(kept, at):
			list = append(list, fmt.Sprintf("%s was changed when the decision was logged: what compares it compares something else", at))
		default:
			absent = append(absent, at)
		}
	}
	needed, err := s.needed(compiled, logged, a, absent)
	if err != nil {
		return nil, err
	}
	list = append(list, needed...)
	if n := len(list) - maxCaveats; n > 0 {
		list = append(list[:maxCaveats:maxCaveats], fmt.Sprintf("and %d more", n))
	}
	return list, nil
}

// ofRequest reports whether a pointer is into the request: others are into the
// answer.
func ofRequest(pointer string) bool {
	member, _, _ := strings.Cut(strings.TrimPrefix(pointer, "/"), "/")
	return pdp.CheckFact("/"+member) == ""
}

// pseudonym is how the log writes ids that it does not keep.
var pseudonym = regexp.MustCompile("^~[0-9a-f]{32}$")

func offline(f *pb.Finding) bool { return strings.Contains(f.GetDescription(), pdp.ErrOffline.Error()) }

// needed tells which of the facts that were left out policies ask for.
func (s *Services) needed(compiled *pdp.Realm, logged *pb.LoggedDecision, a *answered, absent []string) ([]string, error) {
	if len(absent) == 0 {
		return nil, nil
	}
	unsure, err := s.again(compiled, logged, absent)
	if err != nil {
		return nil, err
	}
	var list []string
	for _, f := range unsure.findings() {
		if !slices.ContainsFunc(absent, func(at string) bool { return f.GetField() == at || strings.HasPrefix(f.GetField(), at+"/") }) {
			continue
		}
		text := fmt.Sprintf("%s was left out when the decision was logged, and policy %q asks for it: the answer is that to a request without it",
			f.GetField(), f.GetPolicy())
		if f.GetError() == serverError && !slices.Contains(list, text) {
			list = append(list, text)
		}
	}
	if len(list) == 0 && !slices.Equal(findingKeys(unsure.findings()), findingKeys(a.findings())) {
		list = append(list, "facts that were left out when the decision was logged could matter: "+strings.Join(absent[:min(len(absent), maxCaveats)], ", "))
	}
	return list, nil
}

// serverError is the code of a fault.
const serverError = "server_error"

// documentOf is a message as its JSON.
func documentOf(req *pb.EvaluateRequest) (any, error) {
	text, err := protojson.Marshal(req)
	if err != nil {
		return nil, err
	}
	var document any
	err = json.Unmarshal(text, &document)
	return document, err
}

// holds reports whether a JSON pointer names something (RFC 6901 section 4).
func holds(document any, pointer string) bool {
	for _, part := range strings.Split(pointer, "/")[1:] {
		part = strings.NewReplacer("~1", "/", "~0", "~").Replace(part)
		switch at := document.(type) {
		case map[string]any:
			member, there := at[part]
			if !there {
				return false
			}
			document = member
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(at) {
				return false
			}
			document = at[i]
		default:
			return false
		}
	}
	return true
}
