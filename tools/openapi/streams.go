package main

import (
	"fmt"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
)

const (
	linesType  = "application/x-ndjson"
	eventsType = "text/event-stream"
	tableType  = "text/csv"
	failure    = "Failure"
)

// finishStream says in which forms a stream answers. The generator knows the one
// that its own handler would have, and calls it JSON.
func finishStream(doc *openapi3.T, answer *openapi3.Response, t traits) error {
	media := answer.Content.Get(jsonType)
	if media == nil || media.Schema.Value.Properties["result"] == nil {
		return fmt.Errorf("the answer is no stream")
	}
	item := media.Schema.Value.Properties["result"]
	described := strings.TrimSuffix(*answer.Description, "(streaming responses)")
	if t.whole {
		described += "\n\n" + wholeText
		answer.Content = openapi3.Content{
			linesType: openapi3.NewMediaType().WithSchemaRef(item),
			tableType: openapi3.NewMediaType().WithSchema(text("A header row with the names of the columns, and a row for each decision.")),
		}
	} else {
		described += "\n\n" + liveText
		line := object("A line.", nil, nil)
		line.Properties["result"] = item
		line.Properties["error"] = openapi3.NewSchemaRef(schemaPrefix+failure, doc.Components.Schemas[failure].Value)
		answer.Content = openapi3.Content{
			linesType:  openapi3.NewMediaType().WithSchema(line),
			eventsType: openapi3.NewMediaType().WithSchemaRef(item),
		}
	}
	answer.Description = &described
	return nil
}

const liveText = "As `application/x-ndjson`, which is the default, one object a line: `result` holds the item; an empty line says\n" +
	"that the stream is alive. As `text/event-stream` (`Accept` asks for it) server-sent events, whose `data` is the item\n" +
	"alone; a comment says that the stream is alive. The headers come before the first item, and a refusal before them\n" +
	"is a problem. What goes wrong later is a last line with `error`, or an event `error` whose `data` is its value."

const wholeText = "As `application/x-ndjson`, which is the default, one bare decision a line. As `text/csv` (`Accept` asks for it,\n" +
	"RFC 4180) with a header row; lists are JSON in a cell, and a cell that begins with `=`, `+`, `-`, `@` or a control\n" +
	"character has an apostrophe before it, so that no spreadsheet takes it for a formula. What goes wrong after the\n" +
	"headers cuts the connection, after a last line `{\"error\":…}` without `decisionId` where there are lines: an answer\n" +
	"is complete when it ends as HTTP says that it does."

// failureSchema describes google.rpc.Status in JSON.
func failureSchema() *openapi3.Schema {
	number := position("Number of the gRPC status code, such as 14 for `UNAVAILABLE`.")
	number.Min = nil
	info := object("A part of a failure: google.rpc.ErrorInfo, with its type.", []string{"@type"}, map[string]*openapi3.Schema{
		"@type":  text("Type of the part, `type.googleapis.com/google.rpc.ErrorInfo`."),
		"reason": text("Reason for programs: a name of ErrorReason without its prefix."),
		"domain": text("`sidegate.dev`."),
	})
	return object("A failure in the middle of a stream.", []string{"code", "message", "details"}, map[string]*openapi3.Schema{
		"code":    number,
		"message": text("What went wrong, for people."),
		"details": {Type: &openapi3.Types{"array"}, Items: openapi3.NewSchemaRef("", info), Description: "Reasons for programs."},
	})
}
