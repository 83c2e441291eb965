package main

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

// traits are what an operation reads and answers besides its document.
type traits struct {
	// tag is the response header with the entity tag; empty when there is none.
	tag string
	// headers are the request headers that the service reads.
	headers []string
	// refusals are the statuses besides those that every operation has.
	refusals []int
	// masked tells that it takes the query parameter updateMask.
	masked bool
	// stream tells that it answers one object after the other, whole that those
	// end by themselves.
	stream, whole bool
}

// The traits of operations that do alike.
var (
	describe = traits{}
	judge    = traits{}
	read     = traits{tag: etag}
	page     = traits{tag: etag, refusals: []int{http.StatusGone}}
	create   = traits{tag: newETag, headers: []string{changeComment}, refusals: []int{http.StatusConflict}}
	add      = traits{
		tag: newETag, headers: []string{ifMatch, changeComment},
		refusals: []int{http.StatusConflict, http.StatusPreconditionFailed},
	}
	replace = traits{tag: newETag, headers: conditional, refusals: demanding}
	remove  = traits{headers: conditional, refusals: demanding}
	modify  = traits{tag: newETag, headers: conditional, masked: true, refusals: demanding}
	// The decision log can be off.
	logged     = traits{refusals: []int{http.StatusConflict}}
	readLog    = traits{tag: etag, refusals: logged.refusals}
	follow     = traits{stream: true, refusals: logged.refusals}
	takeAll    = traits{stream: true, whole: true, refusals: logged.refusals}
	followFree = traits{stream: true}

	conditional = []string{ifMatch, sidegateRevision, changeComment}
	demanding   = []int{http.StatusConflict, http.StatusPreconditionFailed, http.StatusPreconditionRequired}
)

var operations = map[string]traits{
	"PolicyDecisionService_Evaluate":      judge,
	"PolicyDecisionService_BatchEvaluate": judge,

	"RealmService_ListRealms":  read,
	"RealmService_CreateRealm": create,
	"RealmService_GetRealm":    read,
	"RealmService_UpdateRealm": modify,
	"RealmService_DeleteRealm": remove,

	"PolicyAdminService_GetPolicySet":     read,
	"PolicyAdminService_ReplacePolicySet": replace,
	"PolicyAdminService_ListProfiles":     page,
	"PolicyAdminService_CreateProfile":    add,
	"PolicyAdminService_GetProfile":       read,
	"PolicyAdminService_ReplaceProfile":   replace,
	"PolicyAdminService_UpdateProfile":    modify,
	"PolicyAdminService_UpdatePolicy":     modify,
	"PolicyAdminService_MovePolicy":       replace,
	"PolicyAdminService_DeleteProfile":    remove,
	"PolicyAdminService_ListPolicies":     page,
	"PolicyAdminService_CreatePolicy":     add,
	"PolicyAdminService_GetPolicy":        read,
	"PolicyAdminService_ReplacePolicy":    replace,
	"PolicyAdminService_DeletePolicy":     remove,

	"RevisionService_ListRevisions":    read,
	"RevisionService_GetRevision":      read,
	"RevisionService_DiffRevisions":    read,
	"RevisionService_RollbackRevision": replace,
	"RevisionService_WatchRevisions":   followFree,

	"CatalogueService_ListExecutors":         read,
	"CatalogueService_GetExecutor":           read,
	"CatalogueService_ListConditions":        read,
	"CatalogueService_GetCondition":          read,
	"CatalogueService_ListEvents":            read,
	"CatalogueService_GetEvent":              read,
	"CatalogueService_ListCatalogueProfiles": read,
	"CatalogueService_GetCatalogueProfile":   read,

	"DecisionLogService_ListDecisions":   readLog,
	"DecisionLogService_GetDecision":     readLog,
	"DecisionLogService_FollowDecisions": follow,
	"DecisionLogService_ExportDecisions": takeAll,
	"DecisionLogService_ReplayDecision":  logged,
	"DecisionLogService_EraseDecisions":  logged,

	"AuditLogService_ListAuditRecords":   read,
	"AuditLogService_FollowAuditRecords": followFree,

	"ServerService_GetServer": describe,
}

// finishOperations makes the operations say what holds on REST.
func finishOperations(doc *openapi3.T, refusals openapi3.ResponseBodies) error {
	missing := maps.Clone(operations)
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			t, ok := operations[op.OperationID]
			if !ok {
				return fmt.Errorf("%s %s: operation %q is not listed in tools/openapi/operations.go", method, path, op.OperationID)
			}
			delete(missing, op.OperationID)
			if err := finishOperation(doc, op, t, refusals); err != nil {
				return fmt.Errorf("%s: %w", op.OperationID, err)
			}
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("tools/openapi/operations.go lists operations that do not exist: %s",
			strings.Join(slices.Sorted(maps.Keys(missing)), ", "))
	}
	return nil
}

func finishOperation(doc *openapi3.T, op *openapi3.Operation, t traits, refusals openapi3.ResponseBodies) error {
	statuses := append([]int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable,
	}, t.refusals...)
	if t.stream {
		statuses = append(statuses, http.StatusNotAcceptable)
	}
	if len(named(op, openapi3.ParameterInPath)) > 0 {
		statuses = append(statuses, http.StatusNotFound)
	}
	if op.RequestBody != nil {
		statuses = append(statuses, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
		if err := finishBody(doc, op); err != nil {
			return err
		}
	}
	if err := finishAnswer(doc, op, t); err != nil {
		return err
	}
	for _, status := range statuses {
		op.Responses.Set(strconv.Itoa(status), refusal(refusals, status))
	}
	op.Responses.Set("default", refusal(refusals, 0))
	finishParameters(doc, op, t)
	return nil
}

// finishAnswer leaves JSON as the only form of an answer that is no stream, with
// its entity tag.
func finishAnswer(doc *openapi3.T, op *openapi3.Operation, t traits) error {
	answer := op.Responses.Status(http.StatusOK)
	if answer == nil || op.Responses.Len() != 1 {
		return fmt.Errorf("expected one answer, with status 200")
	}
	if t.stream {
		return finishStream(doc, answer.Value, t)
	}
	media := answer.Value.Content.Get(jsonType)
	if media == nil {
		return fmt.Errorf("the answer has no %s", jsonType)
	}
	answer.Value.Content = openapi3.Content{jsonType: media}
	if t.tag != "" {
		answer.Value.Headers = openapi3.Headers{"ETag": &openapi3.HeaderRef{Ref: "#/components/headers/" + t.tag}}
	}
	return nil
}

// finishBody lets a body that is the whole request repeat what is in the path: the
// path wins. The generator takes it out, and so makes a second schema.
func finishBody(doc *openapi3.T, op *openapi3.Operation) error {
	media := op.RequestBody.Value.Content.Get(jsonType)
	if media == nil {
		return fmt.Errorf("the body has no %s", jsonType)
	}
	op.RequestBody.Value.Extensions = nil // the name that Swagger 2 gave the body
	name, whole := strings.CutSuffix(strings.TrimPrefix(media.Schema.Ref, schemaPrefix), "Body")
	if !whole {
		return nil
	}
	delete(doc.Components.Schemas, name+"Body")
	request := doc.Components.Schemas[name+"Request"]
	if request == nil {
		request = openapi3.NewSchemaRef("", media.Schema.Value)
		for _, p := range named(op, openapi3.ParameterInPath) {
			request.Value.Properties[p.Name] = openapi3.NewSchemaRef("", &openapi3.Schema{Type: &openapi3.Types{"string"}, Description: p.Description})
		}
		doc.Components.Schemas[name+"Request"] = request
	}
	media.Schema = openapi3.NewSchemaRef(schemaPrefix+name+"Request", request.Value)
	return nil
}

// named returns the parameters of a kind.
func named(op *openapi3.Operation, in string) []*openapi3.Parameter {
	var list []*openapi3.Parameter
	for _, ref := range op.Parameters {
		if ref.Value.In == in {
			list = append(list, ref.Value)
		}
	}
	return list
}

// finishParameters adds the headers and says what the generator cannot know.
func finishParameters(doc *openapi3.T, op *openapi3.Operation, t traits) {
	for _, p := range named(op, openapi3.ParameterInPath) {
		p.Schema.Value.MinLength = 1
		if p.Schema.Value.Format == "int64" {
			p.Schema.Value.Pattern = number
		}
	}
	for _, p := range named(op, openapi3.ParameterInQuery) {
		if p.Name == "pageSize" {
			p.Schema.Value.Min, p.Schema.Value.Max = openapi3.Ptr(0.0), openapi3.Ptr(500.0)
		}
	}
	names := t.headers
	if t.masked {
		names = append([]string{updateMask}, names...)
	}
	for _, name := range names {
		op.Parameters = append(op.Parameters, &openapi3.ParameterRef{
			Ref: "#/components/parameters/" + name, Value: doc.Components.Parameters[name].Value,
		})
	}
	slices.SortStableFunc(op.Parameters, func(a, b *openapi3.ParameterRef) int {
		return cmp.Compare(slices.Index(places, a.Value.In), slices.Index(places, b.Value.In))
	})
}

// places are those of parameters, in the order in which they are listed.
var places = []string{openapi3.ParameterInPath, openapi3.ParameterInQuery, openapi3.ParameterInHeader}
