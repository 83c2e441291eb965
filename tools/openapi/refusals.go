package main

import (
	"net/http"

	"github.com/getkin/kin-openapi/openapi3"
)

const (
	jsonType    = "application/json"
	problemType = "application/problem+json"
)

// number is the pattern of a revision.
const number = "^[1-9][0-9]*$"

// The names of components.
const (
	etag             = "ETag"
	newETag          = "NewETag"
	currentETag      = "CurrentETag"
	challenge        = "WWW-Authenticate"
	retryAfter       = "Retry-After"
	ifMatch          = "IfMatch"
	sidegateRevision = "SidegateRevision"
	changeComment    = "ChangeComment"
	updateMask       = "UpdateMask"
)

// outcome is how a refusal is named and described.
type outcome struct {
	name, description string
	header, value     string
}

// outcomes are the refusals by status; 0 is any other one.
var outcomes = map[int]outcome{
	http.StatusBadRequest:            {name: "BadRequest", description: "The request is not valid; `violations` says what is wrong, where and what was expected."},
	http.StatusUnauthorized:          {name: "Unauthorized", description: "Credentials are missing or wrong.", header: challenge, value: challenge},
	http.StatusForbidden:             {name: "Forbidden", description: "The role is missing, or what is to be changed is built-in."},
	http.StatusNotFound:              {name: "NotFound", description: "There is no such realm, profile, policy, revision or decision, or no such entry of the catalogue."},
	http.StatusConflict:              {name: "Conflict", description: "The name is taken, something else needs what is to be changed, or somebody else has changed it since the revision named. Of the logs: the server keeps none, or kept the decision without its request."},
	http.StatusNotAcceptable:         {name: "NotAcceptable", description: "`Accept` names no form that the stream has; `detail` names those that it has."},
	http.StatusGone:                  {name: "Gone", description: "The revision that the page is of is no longer kept; begin with the first page again."},
	http.StatusPreconditionFailed:    {name: "PreconditionFailed", description: "It has changed since it was read; the entity tag is the current one.", header: "ETag", value: currentETag},
	http.StatusRequestEntityTooLarge: {name: "TooLarge", description: "The request is larger than the limit."},
	http.StatusUnsupportedMediaType:  {name: "UnsupportedMediaType", description: "The body is not announced as JSON in UTF-8."},
	http.StatusPreconditionRequired:  {name: "PreconditionRequired", description: "The write must say what it is based on: If-Match, or for a set and a rollback a revision or `force`."},
	http.StatusTooManyRequests:       {name: "TooManyRequests", description: "Too many wrong credentials came from there.", header: retryAfter, value: retryAfter},
	http.StatusServiceUnavailable:    {name: "Unavailable", description: "It cannot be answered now; try again.", header: retryAfter, value: retryAfter},
	0:                                {name: "Problem", description: "Any other refusal or failure."},
}

// addRefusals adds what operations have in common, and returns the refusals.
func addRefusals(doc *openapi3.T) openapi3.ResponseBodies {
	c := doc.Components
	c.Headers, c.Parameters, c.Responses = headers(), parameters(), openapi3.ResponseBodies{}
	problem := problemSchema()
	c.Schemas["Problem"] = openapi3.NewSchemaRef("", problem)
	c.Schemas[failure] = openapi3.NewSchemaRef("", failureSchema())
	for _, o := range outcomes {
		r := openapi3.NewResponse().WithDescription(o.description).WithContent(openapi3.Content{
			problemType: openapi3.NewMediaType().WithSchemaRef(openapi3.NewSchemaRef(schemaPrefix+"Problem", problem)),
		})
		if o.header != "" {
			r.Headers = openapi3.Headers{o.header: &openapi3.HeaderRef{Ref: "#/components/headers/" + o.value}}
		}
		c.Responses[o.name] = &openapi3.ResponseRef{Value: r}
	}
	return c.Responses
}

// refusal refers to that of a status.
func refusal(all openapi3.ResponseBodies, status int) *openapi3.ResponseRef {
	name := outcomes[status].name
	return &openapi3.ResponseRef{Ref: "#/components/responses/" + name, Value: all[name].Value}
}

func text(description string) *openapi3.Schema {
	return &openapi3.Schema{Type: &openapi3.Types{"string"}, Description: description}
}

func position(description string) *openapi3.Schema {
	return &openapi3.Schema{Type: &openapi3.Types{"integer"}, Format: "int32", Min: openapi3.Ptr(1.0), Description: description}
}

func object(description string, required []string, members map[string]*openapi3.Schema) *openapi3.Schema {
	s := &openapi3.Schema{
		Type: &openapi3.Types{"object"}, Description: description, Required: required, Properties: openapi3.Schemas{},
	}
	for name, member := range members {
		s.Properties[name] = openapi3.NewSchemaRef("", member)
	}
	return s
}

// problemSchema describes the members of internal/gateway/problem.go.
func problemSchema() *openapi3.Schema {
	violation := object("One thing that is wrong with a request.", []string{"field", "description"}, map[string]*openapi3.Schema{
		"field":       text("JSON pointer into the body, or the name of a query parameter or header; empty for the whole body."),
		"description": text("What is wrong, what was expected and how to mend it."),
		"line":        position("Line of the body where it stands."),
		"column":      position("Column of the body where it stands."),
	})
	kind := text("Tag URI of the reason, or `about:blank` without one.")
	kind.Format = "uri"
	reason := text("Reason for programs: a name of ErrorReason without its prefix. Later versions may know more.")
	reason.Pattern = "^[A-Z]+(_[A-Z]+)*$"
	status := &openapi3.Schema{
		Type: &openapi3.Types{"integer"}, Format: "int32", Min: openapi3.Ptr(400.0), Max: openapi3.Ptr(599.0), Description: "HTTP status.",
	}
	return object("A refusal or failure (RFC 9457).", []string{"type", "title", "status"}, map[string]*openapi3.Schema{
		"type":   kind,
		"title":  text("The same for every problem of its type."),
		"status": status,
		"detail": text("What is wrong with this request, for people."),
		"reason": reason,
		"line":   position("Line of the first violation in the body."),
		"column": position("Column of the first violation in the body."),
		"violations": {
			Type: &openapi3.Types{"array"}, Items: openapi3.NewSchemaRef("", violation), MinItems: 1,
			Description: "All that is wrong, as far as it could be found.",
		},
	})
}

func headers() openapi3.Headers {
	header := func(required bool, schema *openapi3.Schema, description string) *openapi3.HeaderRef {
		return &openapi3.HeaderRef{Value: &openapi3.Header{Parameter: openapi3.Parameter{
			Description: description, Required: required, Schema: openapi3.NewSchemaRef("", schema),
		}}}
	}
	tag := func() *openapi3.Schema {
		return &openapi3.Schema{Type: &openapi3.Types{"string"}, Pattern: `^"[^"]+"$`}
	}
	return openapi3.Headers{
		etag:        header(true, tag(), "Entity tag: of an item its content, of a list or set its revision."),
		newETag:     header(false, tag(), "Entity tag of what was written; absent with `validateOnly`."),
		currentETag: header(true, tag(), "Entity tag that If-Match would have had to name."),
		challenge:   header(true, text(""), "The scheme, `Bearer` (RFC 6750)."),
		retryAfter:  header(true, position(""), "Seconds to wait."),
	}
}

func parameters() openapi3.ParametersMap {
	parameter := func(in, name string, schema *openapi3.Schema, description string) *openapi3.ParameterRef {
		return &openapi3.ParameterRef{Value: &openapi3.Parameter{
			In: in, Name: name, Description: description, Schema: openapi3.NewSchemaRef("", schema),
		}}
	}
	revision := text("")
	revision.Format, revision.Pattern = "int64", number
	return openapi3.ParametersMap{
		ifMatch: parameter(openapi3.ParameterInHeader, "If-Match", text(""),
			"Entity tag of what is written, or `*`; on a creation that of the list. Refused with 412 when it is another one now."),
		sidegateRevision: parameter(openapi3.ParameterInHeader, "X-Sidegate-Revision", revision,
			"Revision that the write is based on. Refused with 409 when what is written has changed since."),
		changeComment: parameter(openapi3.ParameterInHeader, "X-Change-Comment", text(""),
			"Comment kept with the revision, in UTF-8; a query parameter `comment` goes before it."),
		updateMask: parameter(openapi3.ParameterInQuery, "updateMask", text(""),
			"Members to change, separated by commas, such as `description,enabled` or, of a realm, `settings.compatibility`; without it those that are sent, of which null clears."),
	}
}
